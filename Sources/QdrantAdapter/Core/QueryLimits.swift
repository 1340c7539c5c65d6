/// What one query may compute. Its cost grows with products of these numbers, so that each needs a limit of its own.
enum QueryLimits {
    /// Searches of one request: the queries of a batch, and their prefetches on every level.
    static let searches = 4096
    /// Prefetches of one query, on every level.
    static let prefetches = 1024
    /// Vectors and ids that a query compares points with.
    static let examples = 1024
    /// Examples with feedback: each is compared with each.
    static let feedbackItems = 128
    /// Candidates that a query with `mmr` compares with each other.
    static let diversified = 16_384
    /// Points of a distance matrix.
    static let matrixSample = 10_000
    /// Pairs that a distance matrix answers.
    static let matrixPairs = 1_000_000
    /// Similarities that a query holds in memory at a time; where it needs more it goes on in parts.
    static let heldSimilarities = 1 << 20
}

extension QueryNode {
    /// How many searches the query is: itself, and its prefetches on every level.
    var searchCount: Int { prefetch.reduce(1) { $0 + $1.searchCount } }

    /// - Throws: 422 where the query has more prefetches than are allowed.
    func checkPrefetches() throws(QdrantFailure) {
        let count = searchCount - 1
        guard count > QueryLimits.prefetches else { return }
        var validation = Validation()
        validation.problem(
            "prefetch", "\(count) prefetches on all levels invalid, must be at most \(QueryLimits.prefetches)")
        try validation.finish()
    }
}

extension QueryLimits {
    /// - Throws: 422 for a batch of more searches than are allowed, prefetches counted.
    static func checkSearches(_ count: Int) throws(QdrantFailure) {
        guard count > searches else { return }
        var validation = Validation()
        validation.problem(
            "searches", "\(count) searches and prefetches invalid, must be at most \(searches)")
        try validation.finish()
    }
}

extension QueryKind {
    /// - Parameter place: What comes before the names of fields in the request's body.
    func checkExamples(in place: String) throws(QdrantFailure) {
        var validation = Validation()
        func check(_ field: String, _ count: Int, _ limit: Int) {
            guard count > limit else { return }
            validation.problem(place + field, "\(count) examples invalid, must be at most \(limit)")
        }
        switch self {
        case .recommend(let positive, let negative, _):
            check("positive, negative", positive.count + negative.count, QueryLimits.examples)
        case .discover(_, let pairs), .context(let pairs):
            check("context", 2 * pairs.count, QueryLimits.examples)
        case .feedback(_, let items, _, _, _): check("feedback", items.count, QueryLimits.feedbackItems)
        case .nearest, .orderBy, .rrf, .dbsf, .formula, .sample: return
        }
        try validation.finish()
    }
}
