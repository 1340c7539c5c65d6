import VectorEngine

/// One search while it runs: what is asked, how wide, and with which vectors.
struct Search {
    let request: FindRequest
    /// Microseconds since 1970: what has expired by then does not count.
    let now: Int64
    /// Over which points IDF counts: memories, since their chunks have no words of their own.
    private(set) var corpus: Filter
    var filter: Filter
    /// Microseconds since 1970: the search is for what was known then.
    let asOf: Int64?
    /// Whether former versions are searched and not what holds now.
    private(set) var isOverVersions = false
    /// Candidates of each half.
    let pool: Int
    /// Candidates up to the end of the page.
    let end: Int
    private let breadth: Int?
    var sparse = SparseVector.empty
    /// What the query tells and how well the model reads it.
    var fusion: Fusion
    /// nil searches by words alone.
    var dense: [Float]?
    /// Whether meaning is compared with every matching item.
    var isExact = false
    private let foldedQuery: String
    /// The project that the search comes from, where it is not narrowed to one: its memories go first at similar
    /// relevance.
    let homeProject: String?

    init(
        _ request: FindRequest, home: MemoryScope = .empty, now: Int64, settings: MemorySettings
    ) throws(MemoryError) {
        var request = request
        try request.narrowing.settle(in: home)
        homeProject = request.narrowing.scope.values["project"] == nil ? home.values["project"] : nil
        guard (1...100).contains(request.limit.count) else {
            throw MemoryError(.outOfRange, "must lie between 1 and 100", field: "limit")
        }
        guard (0...1000).contains(request.offset.count) else {
            throw MemoryError(.outOfRange, "must lie between 0 and 1000", field: "offset")
        }
        end = request.limit.with(request.offset.count).count
        self.request = request
        foldedQuery = Self.folded(request.query)
        let moment = request.asOf.map { min($0, now) } ?? now
        self.now = moment
        asOf = request.asOf
        corpus = try request.narrowing.memories(now: moment)
        filter = try request.narrowing.filter(now: moment)
        if request.asOf != nil {
            let known = Condition.range(member: Member.updatedAt, NumericRange(atMost: .integer(moment)))
            corpus.must.append(known)
            filter.must.append(known)
        }
        fusion = Fusion(settings: settings)
        pool = request.strategy == .deep ? settings.deepPool : settings.pool
        breadth = request.strategy == .deep ? settings.deepBreadth : nil
    }

    /// The same search over the versions that counted at `asOf` and have been replaced since.
    func overVersions() throws(MemoryError) -> Search {
        var search = self
        search.isOverVersions = true
        search.filter = try request.narrowing.filter(now: now)
        search.filter.must += [
            .range(member: Member.validFrom, NumericRange(atMost: .integer(now))),
            .range(member: Member.validUntil, NumericRange(greaterThan: .integer(now))),
        ]
        search.corpus = search.filter
        return search
    }

    var isLexicalOnly: Bool { dense == nil }

    func denseQuery(_ vector: [Float], limit: Int) -> PointQuery {
        PointQuery(
            target: .dense(name: MemoryCollection.dense, vector), filter: filter, limit: limit, breadth: breadth,
            isExact: isExact)
    }

    func lexicalQuery(limit: Int) -> PointQuery {
        PointQuery(
            target: .sparse(name: MemoryCollection.sparse, sparse), filter: filter, limit: limit, idfCorpus: corpus)
    }

    /// What each term of the query counts.
    var weightsRead: PointRead { .weights(sparse, name: MemoryCollection.sparse, corpus: corpus) }

    /// How much of the query each of `ids` holds, its terms counting so much each.
    func coverQuery(_ ids: Set<PointID>, _ weights: [Float]) -> PointQuery {
        let weighted = SparseVector(sorting: zip(sparse.indices, weights).map { (index: $0, value: $1) })
        return PointQuery(
            target: .cover(name: MemoryCollection.sparse, weighted), filter: Filter(must: [.hasID(ids)]),
            limit: ids.count)
    }

    /// Whether the record's text is the query itself, but for case and white space.
    func isExactText(of record: MemoryRecord) -> Bool {
        // Folding may lengthen a text, yet not this much.
        guard record.text.utf8.count <= 4 * request.query.utf8.count,
            record.text.first(where: { !$0.isWhitespace })?.lowercased() == foldedQuery.first.map(String.init)
        else { return false }
        return Self.folded(record.text) == foldedQuery
    }

    private static func folded(_ text: String) -> String {
        text.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// How the ranking came about, in a sentence.
    var details: String {
        if isLexicalOnly {
            return sparse.count > 0
                ? "BM25 over the matching items"
                : "the query has no words to search for: stop words alone"
        }
        let width = "the best \(pool) of each"
        let meaning = isExact ? "meaning (every matching item compared)" : "meaning"
        return sparse.count > 0
            ? "words and \(meaning), \(width), scores fused"
            : "\(meaning) alone: the query has no words to search for"
    }
}
