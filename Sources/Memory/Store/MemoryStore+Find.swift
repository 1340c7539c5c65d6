import Embedding
import JSON
import VectorEngine

/// Finding: narrow, query by words and by meaning, score the union of both, fuse, page (spec/retrieval).
extension MemoryStore {
    /// Items of `request`'s page, best first.
    package func find(_ request: FindRequest, context: CallContext) async throws(MemoryError) -> FindResult {
        let begin = clock.time()
        return try await mapped {
            let (found, damaged) = try await self.points.knowingDamage(in: self.collection) {
                try await self.foundOnce(request, since: begin)
            }
            let history = request.asOf == nil ? nil : try await self.damageNote(history: true)
            return found.lacking(history ?? damaged.message)
        }
    }

    private func foundOnce(_ request: FindRequest, since begin: Int64) async throws -> FindResult {
        var search = try Search(request, now: begin, settings: self.settings)
        // The first call opens the collection and touches the model: side by side.
        async let embedding = self.embedding(of: request)
        let readiness = try await self.home.ready()
        search.sparse = self.lexical.encodeQuery(request.query)
        let (embedded, modelTime) = try await embedding
        let degradedReason = self.give(&search, embedded, readiness)
        try self.keepTime(request, since: begin)
        let (candidates, total) = try await self.ranking(search)
        try self.keepTime(request, since: begin)
        let ranked = try await self.arranged(candidates, search)
        let page = Array(ranked.dropFirst(request.offset.count).prefix(request.limit.count))
        var items = try await self.found(page, search)
        let graph = try await self.graph(around: items, search)
        if let graph, request.offset == .none {
            let room = max(0, request.limit.count - items.count)
            items += graph.nodes.prefix(room).map { FoundItem(reached: $0.record) }
        }
        try await self.extend(items.filter { !$0.candidate.isVersion }.map(\.record), at: begin)
        try self.keepTime(request, since: begin)
        return FindResult(
            items: items, total: total, graph: graph, strategy: search.isLexicalOnly ? .fast : request.strategy,
            details: search.details, searchID: self.clock.token(),
            duration: .microseconds(max(0, self.clock.time() &- begin)), usesVectors: !search.isLexicalOnly,
            modelTime: modelTime, degradedReason: degradedReason)
    }

    /// The query's vector, or why there is none; nil when none is wanted. And how long the embedder took.
    private func embedding(
        of request: FindRequest
    ) async throws -> (vector: Result<[Float]?, EmbeddingError>?, time: Duration?) {
        guard request.strategy != .fast, let embedder else { return (nil, nil) }
        let begin = clock.time()
        do {
            let vector = try await embedder.embed([request.query]).first
            return (.success(vector), .microseconds(max(0, clock.time() &- begin)))
        } catch let error as EmbeddingError where error.code != .cancelled {
            return (.failure(error), nil)
        }
    }

    /// Gives the search its vector; answers why there is none although one was wanted.
    private func give(
        _ search: inout Search, _ embedding: Result<[Float]?, EmbeddingError>?, _ readiness: MemoryCollection.Readiness
    ) -> String? {
        guard search.request.strategy != .fast else { return nil }
        guard readiness.hasVectors, let embedding else { return readiness.degradedReason }
        switch embedding {
        case .success(let vector):
            search.dense = vector
            return nil
        case .failure(let error): return "words alone are searched, because \(error.message)"
        }
    }

    /// Looks at the deadline and at cancellation, between two steps.
    private func keepTime(_ request: FindRequest, since begin: Int64) throws {
        try Task.checkCancellation()
        guard let timeout = request.timeout, .microseconds(clock.time() &- begin) > timeout else { return }
        throw MemoryError(
            .timeout, "the search took longer than it may; ask for fewer items, use fast, or allow more time",
            field: "optimization.timeout_ms", isRetryable: true)
    }

    // MARK: Ranking

    /// Candidates from the best on, at least to the end of the page where enough match, and how many can be paged
    /// through.
    private func ranking(_ search: Search) async throws -> (ranked: [Candidate], total: Int) {
        if search.asOf != nil { return try await formerRanking(search) }
        if search.isLexicalOnly { return try await lexicalRanking(search) }
        var search = search
        let memories = try search.request.narrowing.memories(now: search.now)
        async let counted = points.count(memories, in: collection)
        if search.request.strategy == .deep { search.isExact = try await counted <= settings.deepExactCount }
        var ranked = try await fusedRanking(search, pool: search.pool)
        let total = try await counted
        while ranked.count < min(search.end, total) {
            // A page beyond the pool: the best of the others follow, so that pages are full and never overlap.
            let seen = ranked.map(\.id)
            search.filter.mustNot = [.hasID(Set(seen)), Chunk.of(seen)]
            let others = try await fusedRanking(search, pool: settings.widePool)
            if others.isEmpty { break }
            ranked += others
        }
        return (ranked, total)
    }

    /// What holds since before the moment asked for, and the versions that held then, in one ranking.
    private func formerRanking(_ search: Search) async throws -> (ranked: [Candidate], total: Int) {
        var searches = [search]
        if try await hasHistory() { searches.append(try search.overVersions()) }
        var candidates: [Candidate] = []
        var total = 0
        for search in searches {
            if search.isLexicalOnly {
                let (ranked, count) = try await lexicalRanking(search)
                candidates += ranked
                total += count
            } else {
                candidates += try await union(search, pool: max(search.pool, search.end))
                let name = search.isOverVersions ? historyCollection : collection
                total += try await points.count(search.corpus, in: name)
            }
        }
        if !search.isLexicalOnly { fuse(&candidates, search) }
        return (candidates.sorted(by: Candidate.isBetter), total)
    }

    private func fuse(_ candidates: inout [Candidate], _ search: Search) {
        Candidate.fuse(&candidates, lexical: search.sparse.count > 0 ? settings.lexicalWeight : 0, settings.denseWeight)
    }

    private func lexicalRanking(_ search: Search) async throws -> (ranked: [Candidate], total: Int) {
        guard search.sparse.count > 0 else { return ([], 0) }
        let query = search.lexicalQuery(limit: max(settings.widePool, search.end))
        let hits = try await points.query([query], in: searched(search)).first ?? []
        let best = Double(hits.map(\.score).max() ?? 1)
        let ranked = hits.map { hit in
            var candidate = Candidate(id: hit.id)
            candidate.isVersion = search.isOverVersions
            candidate.lexical = Double(hit.score)
            candidate.score = best > 0 ? Double(hit.score) / best : 0
            return candidate
        }
        return (ranked.sorted(by: Candidate.isBetter), ranked.count)
    }

    /// Both halves' best, both scores for every member of their union, min-max and weights.
    private func fusedRanking(_ search: Search, pool: Int) async throws -> [Candidate] {
        var candidates = try await union(search, pool: pool)
        fuse(&candidates, search)
        return candidates.sorted(by: Candidate.isBetter)
    }

    private func searched(_ search: Search) -> String { search.isOverVersions ? historyCollection : collection }

    private func union(_ search: Search, pool: Int) async throws -> [Candidate] {
        guard let dense = search.dense else { return [] }
        var queries = [search.denseQuery(dense, limit: pool)]
        if search.sparse.count > 0 { queries.append(search.lexicalQuery(limit: pool)) }
        let answers = try await points.query(queries, in: searched(search))
        var union: [PointID: Candidate] = [:]
        for hit in answers.first ?? [] {
            let id = Chunk.memory(of: hit.id)
            union[id, default: Candidate(id: id)].take(dense: hit)
            union[id]?.isNear = true
        }
        for hit in answers.dropFirst().first ?? [] {
            union[hit.id, default: Candidate(id: hit.id)].lexical = Double(hit.score)
        }
        let known = union
        async let missing = missingScores(known, dense, search)
        async let reasons = bonuses(of: Array(known.keys), search)
        for (id, hit) in try await missing.dense { union[id]?.take(dense: hit) }
        for hit in try await missing.lexical { union[hit.id]?.lexical = Double(hit.score) }
        for (bonus, ids) in try await reasons { for id in ids { union[id]?.bonuses.append(bonus) } }
        if search.isOverVersions { for id in union.keys { union[id]?.isVersion = true } }
        return Array(union.values)
    }

    /// The scores that the other half's best lack; IDF keeps counting over the whole search.
    private func missingScores(
        _ union: [PointID: Candidate], _ dense: [Float], _ search: Search
    ) async throws -> (dense: [(PointID, ScoredPoint)], lexical: [ScoredPoint]) {
        let withoutDense = union.values.filter { $0.dense == nil }.map(\.id)
        let withoutLexical = Set(union.values.filter { $0.lexical == nil }.map(\.id))
        var queries: [PointQuery] = []
        if !withoutDense.isEmpty {
            var query = search.denseQuery(
                dense, limit: min(EngineLimits.resultCount, withoutDense.count * settings.maximumChunks))
            query.filter = Chunk.memoriesAndChunks(withoutDense)
            query.isExact = true
            queries.append(query)
        }
        if !withoutLexical.isEmpty, search.sparse.count > 0 {
            var query = search.lexicalQuery(limit: withoutLexical.count)
            query.filter = Filter(must: [.hasID(withoutLexical)])
            queries.append(query)
        }
        guard !queries.isEmpty else { return ([], []) }
        var answers = try await points.query(queries, in: searched(search))[...]
        let near = withoutDense.isEmpty ? [] : answers.popFirst() ?? []
        return (near.map { (Chunk.memory(of: $0.id), $0) }, answers.first ?? [])
    }

    // MARK: The page

    private func found(_ page: [Candidate], _ search: Search) async throws -> [FoundItem] {
        let ids = page.map(\.id) + page.compactMap(\.chunk)
        var stored = try await points.readable(ids, with: .payload, in: collection)
        let versions = page.filter(\.isVersion).map(\.id)
        if !versions.isEmpty {
            stored += try await points.readable(versions, with: .payload, in: historyCollection)
        }
        let byID = Dictionary(stored.map { ($0.id, $0) }) { first, _ in first }
        let terms = search.request.highlights ? Set(lexical.terms(search.request.query)) : []
        // A point deleted since the query ran is not there any more, and is left out.
        return try page.compactMap { candidate in
            guard let point = byID[candidate.id] else { return nil }
            let record = try candidate.isVersion ? Version(point)?.record ?? MemoryRecord(point) : MemoryRecord(point)
            return FoundItem(
                record: record, candidate: candidate,
                place: candidate.chunk.flatMap { byID[$0] }.flatMap { Chunk.range(in: $0.payload.object) },
                isExact: search.isExactText(of: record),
                highlight: Highlight.text(of: record, matching: terms, lexical.terms))
        }
    }
}
