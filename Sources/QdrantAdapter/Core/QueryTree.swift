import VectorEngine

/// A vector of a query: itself, or that of a stored point.
enum VectorInput: Sendable {
    case vector(AnyVector)
    case id(PointID)
}

struct ContextPair: Sendable {
    var positive: VectorInput
    var negative: VectorInput
}

enum RecommendStrategy: String, Sendable {
    case averageVector = "average_vector"
    case bestScore = "best_score"
    case sumScores = "sum_scores"
}

struct OrderBy: Sendable {
    var path: PayloadPath
    var descending = false
    /// A number, or microseconds of a date.
    var start: Number?
}

/// What a query ranks by.
enum QueryKind: Sendable {
    case nearest(VectorInput, mmr: (diversity: Float, candidates: Int?)?)
    case recommend(positive: [VectorInput], negative: [VectorInput], RecommendStrategy)
    case discover(target: VectorInput, [ContextPair])
    case context([ContextPair])
    case orderBy(OrderBy)
    case rrf(k: Int, weights: [Float]?)
    case dbsf
    case formula(Formula)
    case sample
    case feedback(target: VectorInput, [(VectorInput, Float)], a: Float, b: Float, c: Float)
}

/// A query and the queries whose results it works on.
struct QueryNode: Sendable {
    var kind: QueryKind?
    var prefetch: [QueryNode] = []
    var using = ""
    var filter: Filter?
    var breadth: Int?
    var isExact = false
    var codes = CodeSearch()
    /// Over which documents IDF counts; nil for all.
    var idfCorpus: Filter?
    var threshold: Float?
    var limit = Limit(within: 10)
    var offset = Offset.none
    /// Where the vectors of named points are taken from.
    var lookup: (collection: String, vector: String?)?

    /// Whether it ranks by the vectors called `using`.
    var searchesVectors: Bool {
        switch kind {
        case .nearest, .recommend, .discover, .context, .feedback: true
        case .orderBy, .rrf, .dbsf, .formula, .sample, nil: false
        }
    }
}
