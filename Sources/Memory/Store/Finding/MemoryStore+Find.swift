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
                try await self.foundOnce(request, context, since: begin)
            }
            let history = request.asOf == nil ? nil : try await self.damageNote(history: true)
            return found.lacking(history ?? damaged.message)
        }
    }

    private func foundOnce(
        _ request: FindRequest, _ context: CallContext, since begin: Int64
    ) async throws -> FindResult {
        var search = try Search(request, home: context.defaultScope, now: begin, settings: self.settings)
        let request = search.request
        // The first call opens the collection and touches the model: side by side.
        async let embedding = self.embedding(of: request)
        let readiness = try await self.home.ready()
        search.sparse = self.lexical.encodeQuery(request.query)
        let (embedded, modelTime) = try await embedding
        let degradedReason = self.give(&search, embedded, readiness)
        try self.keepTime(request, since: begin)
        let ranked = try await self.ranking(search)
        try self.keepTime(request, since: begin)
        var arranged = try await self.arranged(ranked.candidates, search)
        if let least = request.minimumRelevance { arranged.removeAll { $0.relevance < least } }
        let page = Array(arranged.dropFirst(request.offset.count).prefix(request.limit.count))
        var items = try await self.found(page, search, known: ranked.points)
        let isNothingClose = Self.isNothingClose(ranked, search) && !items.contains(where: \.isOfConversation)
        if isNothingClose { for i in items.indices { items[i].isWeak = true } }
        let graph = try await self.graph(around: items, search)
        if let graph, request.offset == .none {
            let room = max(0, request.limit.count - items.count)
            items += graph.nodes.prefix(room).map { FoundItem(reached: $0.record) }
        }
        self.noteContradictions(&items)
        try await self.extend(items.filter { !$0.candidate.isVersion }.map(\.record), at: begin)
        try self.keepTime(request, since: begin)
        var result = FindResult(
            items: items, total: ranked.total, graph: graph,
            strategy: search.isLexicalOnly ? .fast : request.strategy, details: search.details,
            searchID: self.clock.token(), duration: .microseconds(max(0, self.clock.time() &- begin)),
            usesVectors: !search.isLexicalOnly, modelTime: modelTime, degradedReason: degradedReason)
        result.isNothingClose = isNothingClose
        if ranked.total == 0, !request.narrowing.scope.isEmpty {
            result.existingProjects = try await self.projectNames(limit: Self.namedProjects)
        }
        return result
    }

    /// Projects that an answer names where its scope matched nothing.
    private static let namedProjects = 20

    /// Whether no candidate is near the query by meaning or holds nearly all of its words; where meaning is not known,
    /// whether none shares a word with it. In conversations that cannot be told.
    private static func isNothingClose(_ ranked: Ranked, _ search: Search) -> Bool {
        var fusion = search.fusion
        fusion.information = ranked.information
        return ranked.candidates.allSatisfy { candidate in
            guard let cosine = candidate.dense else { return (candidate.lexical ?? 0) <= 0 }
            return cosine < fusion.settings.closeness && fusion.share(candidate.held) < Fusion.nearlyAll
        }
    }

    /// The query's vector, or why there is none; nil when none is wanted. And how long the embedder took.
    private func embedding(
        of request: FindRequest
    ) async throws -> (vector: Result<[Float]?, EmbeddingError>?, time: Duration?) {
        guard request.strategy != .fast, let embedder else { return (nil, nil) }
        let begin = clock.time()
        do {
            let query = String(
                String.UnicodeScalarView(request.query.unicodeScalars.prefix(settings.embeddedQueryCharacters)))
            let patience = request.timeout.map { $0 * settings.embeddingShare }
            let vector = try await vectors(of: [query], embedder, within: patience).first
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
            if let count = embedder?.wordPieces(of: search.request.query) {
                search.fusion.unreadable = Fusion.unreadable(words: count.words, pieces: count.pieces, settings)
            }
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

    /// Candidates from the best on, and what was read of them on the way.
    struct Ranked {
        var candidates: [Candidate] = []
        /// How many can be paged through.
        var total = 0
        var points: [PointID: Point] = [:]
        /// What the query's terms tell in all.
        var information = 0.0

        mutating func add(_ read: [Point]) { for point in read { points[point.id] = point } }
    }

    /// Candidates from the best on, at least to the end of the page where enough match.
    private func ranking(_ search: Search) async throws -> Ranked {
        if search.asOf != nil { return try await formerRanking(search) }
        if search.isLexicalOnly { return try await lexicalRanking(search) }
        var search = search
        if search.request.strategy == .deep {
            let memories = try search.request.narrowing.memories(now: search.now)
            search.isExact = try await points.count(memories, in: collection) <= settings.deepExactCount
        }
        var ranked = try await union(search, pool: search.pool)
        search.fusion.information = ranked.information
        fuse(&ranked.candidates, search)
        ranked.candidates.sort(by: Candidate.isBetter)
        while ranked.candidates.count < min(search.end, ranked.total) {
            // A page beyond the pool: the best of the others follow, so that pages are full and never overlap.
            let seen = ranked.candidates.map(\.id)
            search.filter.mustNot = [.hasID(Set(seen)), Chunk.of(seen)]
            var others = try await union(search, pool: settings.widePool)
            if others.candidates.isEmpty { break }
            fuse(&others.candidates, search)
            ranked.candidates += others.candidates.sorted(by: Candidate.isBetter)
            ranked.points.merge(others.points) { $1 }
        }
        return ranked
    }

    /// What holds since before the moment asked for, and the versions that held then, in one ranking.
    private func formerRanking(_ search: Search) async throws -> Ranked {
        var searches = [search]
        if try await hasHistory() { searches.append(try search.overVersions()) }
        var fusing = search
        var ranked = Ranked()
        for search in searches {
            let part =
                search.isLexicalOnly
                ? try await lexicalRanking(search) : try await union(search, pool: max(search.pool, search.end))
            ranked.candidates += part.candidates
            ranked.total += part.total
            // What holds now and what held before are counted apart; a term may be new to one of them.
            fusing.fusion.information = max(fusing.fusion.information, part.information)
        }
        ranked.information = fusing.fusion.information
        if !search.isLexicalOnly { fuse(&ranked.candidates, fusing) }
        ranked.candidates.sort(by: Candidate.isBetter)
        return ranked
    }

    private func lexicalRanking(_ search: Search) async throws -> Ranked {
        guard search.sparse.count > 0 else { return Ranked() }
        let query = search.lexicalQuery(limit: max(settings.widePool, search.end))
        var read = try await points.read([.query(query), search.weightsRead], in: searched(search))
        let hits = read.nextFound()
        var fusion = search.fusion
        fusion.information = read.nextWeights().reduce(0) { $0 + Double($1) }
        let best = Double(hits.map(\.score).max() ?? 1)
        var ranked = Ranked()
        ranked.candidates = hits.map { hit in
            var candidate = Candidate(id: hit.id)
            candidate.isVersion = search.isOverVersions
            candidate.lexical = Double(hit.score)
            candidate.score = best > 0 ? Double(hit.score) / best : 0
            candidate.relevance = fusion.cover(best: Double(hit.score))
            return candidate
        }
        ranked.candidates.sort(by: Candidate.isBetter)
        ranked.total = ranked.candidates.count
        ranked.information = fusion.information
        guard !search.isOverVersions, let project = search.homeProject, !hits.isEmpty else { return ranked }
        let ids = ranked.candidates.prefix(search.end + settings.readMargin).map(\.id)
        var answers = try await points.read(
            [.passing([Filter(must: [Narrowing.project(project)])], among: ids), .points(ids, .payload)],
            in: collection)
        let home = answers.nextPassing().first ?? []
        ranked.add(answers.nextPoints())
        for i in ranked.candidates.indices { ranked.candidates[i].isOfHome = home.contains(ranked.candidates[i].id) }
        Candidate.preferHome(&ranked.candidates, lexical: 1, 0)
        ranked.candidates.sort(by: Candidate.isBetter)
        return ranked
    }

    private func fuse(_ candidates: inout [Candidate], _ search: Search) {
        search.fusion.score(&candidates, hasTerms: search.sparse.count > 0)
    }

    private func searched(_ search: Search) -> String { search.isOverVersions ? historyCollection : collection }

    /// Both halves' best with both scores for every member of their union, in two calls of the store: what is best in
    /// each half, then what the other half's best lack, with the reasons for bonuses and the points of those that are
    /// likely to be shown.
    private func union(_ search: Search, pool: Int) async throws -> Ranked {
        guard let dense = search.dense else { return Ranked() }
        let counted =
            search.isOverVersions || search.asOf != nil
            ? search.corpus : try search.request.narrowing.memories(now: search.now)
        var reads: [PointRead] = [.count(counted), .query(search.denseQuery(dense, limit: pool))]
        if search.sparse.count > 0 { reads += [.query(search.lexicalQuery(limit: pool)), search.weightsRead] }
        async let asked = bonuses(for: search)
        var answers = try await points.read(reads, in: searched(search))
        var ranked = Ranked()
        ranked.total = answers.nextCount()
        var union: [PointID: Candidate] = [:]
        for hit in answers.nextFound() {
            let id = Chunk.memory(of: hit.id)
            union[id, default: Candidate(id: id)].take(dense: hit)
            union[id]?.isNear = true
        }
        for hit in answers.isEmpty ? [] : answers.nextFound() {
            union[hit.id, default: Candidate(id: hit.id)].lexical = Double(hit.score)
        }
        let weights = answers.isEmpty ? [] : answers.nextWeights()
        ranked.information = weights.reduce(0) { $0 + Double($1) }
        let reasons = await asked
        if !union.isEmpty { try await complete(&union, &ranked, reasons, dense, search, weights) }
        if search.isOverVersions { for id in union.keys { union[id]?.isVersion = true } }
        ranked.candidates = Array(union.values)
        return ranked
    }

    /// The scores that the other half's best lack (IDF keeps counting over the whole search), how much of the query
    /// each candidate holds, the bonuses, and the points that are likely to be shown.
    private func complete(
        _ union: inout [PointID: Candidate], _ ranked: inout Ranked, _ reasons: [Reason], _ dense: [Float],
        _ search: Search, _ weights: [Float]
    ) async throws {
        let withoutDense = union.values.filter { $0.dense == nil }.map(\.id)
        let withoutLexical = Set(union.values.filter { $0.lexical == nil }.map(\.id))
        let home = search.homeProject.map { Filter(must: [Narrowing.project($0)]) }
        var reads: [PointRead] = [
            .passing(reasons.map(\.filter) + [home].compactMap { $0 }, among: Array(union.keys))
        ]
        if !search.isOverVersions {
            var search = search
            search.fusion.information = ranked.information
            reads.append(.points(likely(union, search), .payload))
        }
        if !withoutDense.isEmpty {
            var query = search.denseQuery(
                dense, limit: min(EngineLimits.resultCount, withoutDense.count * settings.maximumChunks))
            query.filter = Chunk.memoriesAndChunks(withoutDense)
            query.isExact = true
            reads.append(.query(query))
        }
        let asksWords = !withoutLexical.isEmpty && search.sparse.count > 0
        if asksWords {
            var query = search.lexicalQuery(limit: withoutLexical.count)
            query.filter = Filter(must: [.hasID(withoutLexical)])
            reads.append(.query(query))
        }
        if !weights.isEmpty { reads.append(.query(search.coverQuery(Set(union.keys), weights))) }
        var answers = try await points.read(reads, in: searched(search))
        var passing = answers.nextPassing()
        if home != nil { for id in passing.removeLast() { union[id]?.isOfHome = true } }
        for (reason, ids) in zip(reasons, passing) { for id in ids { union[id]?.bonuses.append(reason.bonus) } }
        if !search.isOverVersions { ranked.add(answers.nextPoints()) }
        if !withoutDense.isEmpty {
            for hit in answers.nextFound() { union[Chunk.memory(of: hit.id)]?.take(dense: hit) }
        }
        if asksWords { for hit in answers.nextFound() { union[hit.id]?.lexical = Double(hit.score) } }
        if !weights.isEmpty { for hit in answers.nextFound() { union[hit.id]?.held = Double(hit.score) } }
    }

    /// The ids of the best by what is known of them so far, with their nearest chunks.
    private func likely(_ union: [PointID: Candidate], _ search: Search) -> [PointID] {
        var candidates = Array(union.values)
        fuse(&candidates, search)
        let best = candidates.sorted(by: Candidate.isBetter).prefix(search.end + settings.readMargin)
        return best.map(\.id) + best.compactMap(\.chunk)
    }

    // MARK: The page

    /// The page's memories; what of them was not read with the ranking is read now.
    private func found(
        _ page: [Candidate], _ search: Search, known: [PointID: Point]
    ) async throws -> [FoundItem] {
        var byID = known
        let versions = page.filter(\.isVersion).map(\.id)
        let missing = page.filter { !$0.isVersion && known[$0.id] == nil }.map(\.id)
        if !missing.isEmpty {
            let chunks = page.compactMap(\.chunk).filter { known[$0] == nil }
            for point in try await points.readable(missing + chunks, with: .payload, in: collection) {
                byID[point.id] = point
            }
        }
        if !versions.isEmpty {
            for point in try await points.readable(versions, with: .payload, in: historyCollection) {
                byID[point.id] = point
            }
        }
        let queried = Set(lexical.terms(search.request.query))
        let terms = search.request.highlights ? queried : []
        let passage = Passage(queried, lexical.terms)
        // A point deleted since the query ran is not there any more, and is left out.
        return try page.compactMap { candidate in
            guard let point = byID[candidate.id] else { return nil }
            let record = try candidate.isVersion ? Version(point)?.record ?? MemoryRecord(point) : MemoryRecord(point)
            return FoundItem(
                record: record, candidate: candidate, place: place(of: candidate, in: record, byID, passage),
                isExact: search.isExactText(of: record),
                highlight: Highlight.text(of: record, matching: terms, lexical.terms))
        }
    }

    /// Where the chunk lies that answers best; nil for a memory without chunks, and where the whole is nearest and no
    /// chunk holds a word of the query.
    private func place(
        of candidate: Candidate, in record: MemoryRecord, _ points: [PointID: Point], _ passage: Passage
    ) -> Range<Int>? {
        let nearest = place(of: candidate.chunk, in: record, points)
        guard record.chunkCount > 0, let content = record.content, (candidate.lexical ?? 0) > 0 || candidate.held > 0
        else { return nearest }
        let ranges = settings.chunker.ranges(of: content)
        guard ranges.count == record.chunkCount else { return nearest }
        let number = candidate.chunk.flatMap(Chunk.number).flatMap { ranges.indices.contains($0 - 1) ? $0 - 1 : nil }
        return passage.best(of: ranges, in: content, nearest: number).map { ranges[$0] }
    }

    /// Where a chunk lies: as its point says, or as the memory's text is cut today where it is cut into as many.
    private func place(of chunk: PointID?, in record: MemoryRecord, _ points: [PointID: Point]) -> Range<Int>? {
        guard let chunk else { return nil }
        if let point = points[chunk] { return Chunk.range(in: point.payload.object) }
        let ranges = settings.chunker.ranges(of: record.content ?? "")
        guard ranges.count == record.chunkCount, let number = Chunk.number(of: chunk), ranges.indices ~= number - 1
        else { return nil }
        return ranges[number - 1]
    }
}
