import Foundation
import JSON
import VectorEngine
import Vectors

/// A collection ready to be searched: its documents and what its vectors are.
struct SearchableCollection: Sendable {
    let table: DocumentTable
    let config: CollectionConfig
    let name: String

    init(_ collection: QdrantCollection) async throws {
        table = try await collection.table
        config = collection.config
        name = collection.name
    }
}

/// Runs queries on one collection. Everything here blocks on the store: to be called off the cooperative pool.
struct QueryRunner {
    let target: SearchableCollection
    /// Collections that queries take their examples from, by the name they give.
    let lookups: [ByteText: SearchableCollection]

    private var table: DocumentTable { target.table }

    /// The hits of a query, best first: from its offset on, at most its limit.
    func run(_ node: QueryNode) throws -> [Hit] {
        guard let reach = node.limit.reaching(node.offset) else {
            throw QdrantFailure.badRequest(
                "limit and offset together may not exceed \(QueryReading.maximumLimit.count)")
        }
        let hits = try evaluate(node, reach, within: nil)
        return Array(hits.dropFirst(node.offset.count).prefix(node.limit.count))
    }

    /// As many as `limit` says; `outer` is the filter of the queries this one is a part of.
    private func evaluate(_ node: QueryNode, _ limit: Limit, within outer: DocumentFilter?) throws -> [Hit] {
        var filter = node.filter
        if let outer { filter = filter.map(outer.merged) ?? outer }
        let sources = try node.prefetch.map { try evaluate($0, $0.limit, within: filter) }
        // More than there are points is the same as all of them.
        let count = limit.atMost(Limit(within: try table.use { $0.slots.count })).count
        switch node.kind {
        case .rrf(let k, let weights):
            return cut(Fusion.reciprocalRank(sources, k: k, weights: weights), node, count)
        case .dbsf: return cut(Fusion.distributionBased(sources), node, count)
        case .formula(let formula): return cut(try rescored(sources, by: formula), node, count)
        default: break
        }
        let allowed = try allowed(filter, sources: node.prefetch.isEmpty ? nil : sources)
        switch node.kind {
        case nil: return try scrolled(allowed, count)
        case .orderBy(let order): return try ordered(by: order, allowed, count)
        case .sample: return try sampled(allowed, count)
        default: return try searched(node, allowed, count)
        }
    }

    private func cut(_ hits: [Hit], _ node: QueryNode, _ count: Int) -> [Hit] {
        Array(hits.lazy.filter { hit in node.threshold.map { hit.score >= $0 } ?? true }.prefix(count))
    }

    /// Slots to choose from; nil for all.
    private func allowed(_ filter: DocumentFilter?, sources: [[Hit]]?) throws -> RowSet? {
        if filter?.isEmpty ?? true, sources == nil { return nil }
        return try table.use { documents in
            var slots = documents.matching(filter)
            guard let sources else { return slots }
            var found = RowSet(rowCount: documents.slots.count)
            for hit in sources.joined() { if let slot = documents.slot(of: hit.id) { found.insert(slot) } }
            slots.formIntersection(found)
            return slots
        }
    }

    // MARK: Without vectors

    private func scrolled(_ allowed: RowSet?, _ count: Int) throws -> [Hit] {
        try table.use { documents in
            documents.slotsByID().lazy.filter { allowed?.contains(Int($0.slot)) ?? true }
                .prefix(count).map { Hit(id: $0.id, score: 1) }
        }
    }

    private func ordered(by order: OrderBy, _ allowed: RowSet?, _ count: Int) throws -> [Hit] {
        try table.use { documents in
            documents.ordered(
                by: order.path, descending: order.descending, from: order.start, allowed: allowed ?? documents.live,
                limit: count
            ).compactMap { entry in
                documents.slots[entry.slot].map { Hit(id: $0.id, score: 1, order: entry.value) }
            }
        }
    }

    private func sampled(_ allowed: RowSet?, _ count: Int) throws -> [Hit] {
        try table.use { documents in
            var ids: [PointID] = []
            (allowed ?? documents.live).forEach { if let document = documents.slots[$0] { ids.append(document.id) } }
            return ids.shuffled().prefix(count).map { Hit(id: $0, score: 1) }
        }
    }

    private func rescored(_ sources: [[Hit]], by formula: Formula) throws -> [Hit] {
        let scores = sources.map { Dictionary($0.map { ($0.id, $0.score) }) { first, _ in first } }
        var seen: Set<PointID> = []
        let ids = sources.joined().map(\.id).filter { seen.insert($0).inserted }
        let hits: [Hit] = try table.use { documents in
            try ids.compactMap { id in
                guard let document = documents.document(id) else { return nil }
                let subject = Formula.Subject(
                    scores: scores.map { $0[id] }, members: document.members, context: documents.context(of: document))
                return Hit(id: id, score: try formula.score(subject))
            }
        }
        return hits.sorted { $0.score > $1.score }
    }

    // MARK: With vectors

    private func searched(_ node: QueryNode, _ allowed: RowSet?, _ count: Int) throws -> [Hit] {
        try target.config.checkName(node.using)
        let resolver = VectorResolver(target: target, lookups: lookups, node: node)
        var found: [Hit]
        switch node.kind {
        case .nearest(let input, let mmr):
            let vector = try resolver.vector(input)
            if let mmr { return try diversified(node, vector, mmr, allowed, count, excluded: resolver.excluded) }
            found = try nearest(vector, node, allowed, count, excluded: resolver.excluded)
        case .recommend(let positive, let negative, .averageVector):
            let vector = try resolver.average(positive, negative)
            found = try nearest(vector, node, allowed, count, excluded: resolver.excluded)
        default:
            guard let scorer = try ExampleScorer(node.kind, resolver) else { return [] }
            found = try scored(by: scorer, node, allowed, excluded: resolver.excluded)
        }
        found.removeAll { resolver.excluded.contains($0.id) }
        return Array(found.prefix(count))
    }

    private func nearest(
        _ vector: AnyVector, _ node: QueryNode, _ allowed: RowSet?, _ count: Int, excluded: Set<PointID>
    ) throws -> [Hit] {
        var corpus: RowSet?
        if target.config.usesIDF(node.using) == true {
            corpus = try table.slots(having: node.using)
            if let filter = node.idfCorpus {
                var chosen = try table.use { $0.matching(filter) }
                if let corpus { chosen.formIntersection(corpus) }
                corpus = chosen
            }
        }
        let found = try table.nearest(
            vector, name: node.using, limit: Limit(within: count).with(excluded.count).count, breadth: node.breadth,
            isExact: node.isExact,
            codes: node.codes, allowed: allowed, corpus: corpus)
        let scale = ScoreScale(target.config, node.using)
        return found.map { Hit(id: $0.id, score: scale.score($0.similarity)) }.filter {
            scale.passes($0.score, node.threshold)
        }
    }

    private func scored(
        by scorer: ExampleScorer, _ node: QueryNode, _ allowed: RowSet?, excluded: Set<PointID>
    ) throws -> [Hit] {
        let similarities = try table.similarities(to: scorer.examples, name: node.using, allowed: allowed)
        let scores = scorer.scores(similarities)
        return try table.use { documents in
            let hits = zip(similarities.slots, scores).compactMap { slot, score -> Hit? in
                guard let document = documents.slots[Int(slot)] else { return nil }
                if let threshold = node.threshold, score < threshold { return nil }
                return Hit(id: document.id, score: score)
            }
            return hits.sorted { $0.score != $1.score ? $0.score > $1.score : $0.id < $1.id }
        }
    }

    private func diversified(
        _ node: QueryNode, _ vector: AnyVector, _ mmr: (diversity: Float, candidates: Int?), _ allowed: RowSet?,
        _ count: Int, excluded: Set<PointID>
    ) throws -> [Hit] {
        let wanted = max(1, mmr.candidates ?? count)
        var candidates = try nearest(vector, node, allowed, wanted, excluded: excluded)
        candidates.removeAll { excluded.contains($0.id) }
        candidates = Array(candidates.prefix(wanted))
        guard !candidates.isEmpty else { return [] }
        let examples = try table.points(candidates.map(\.id), .all).compactMap { $0.vectors.any(node.using) }
        guard examples.count == candidates.count else { return candidates }
        let slots = try table.use { documents in
            var slots = RowSet(rowCount: documents.slots.count)
            for hit in candidates { if let slot = documents.slot(of: hit.id) { slots.insert(slot) } }
            return slots
        }
        let matrix = try table.similarities(to: examples, name: node.using, allowed: slots)
        let column = try table.use { documents in
            candidates.map { hit in
                documents.slot(of: hit.id).flatMap { slot in matrix.slots.firstIndex(of: UInt32(slot)) }
            }
        }
        let scale = ScoreScale(target.config, node.using)
        let chosen = MaximalMarginalRelevance.choose(
            relevance: candidates.map { scale.similarity($0.score) }, limit: count, diversity: mmr.diversity
        ) { i, j in column[j].map { matrix.values[i][$0] } ?? 0 }
        return chosen.map { candidates[$0] }
    }
}

extension DocumentFilter {
    /// Clause by clause, as Qdrant joins a query's filter with those of its prefetches: what one of the two `should`
    /// asks is enough, and of both `min_should` the larger count holds over all their conditions.
    fileprivate func merged(with inner: DocumentFilter) -> DocumentFilter {
        var all = self
        all.must += inner.must
        all.should += inner.should
        all.mustNot += inner.mustNot
        all.minShould += inner.minShould
        all.minimumCount = max(minimumCount, inner.minimumCount)
        return all
    }
}

/// From similarities to what is shown, and back.
struct ScoreScale {
    private let metric: Metric?

    init(_ config: CollectionConfig, _ name: String) { metric = config.vector(name)?.metric }

    var largerIsNearer: Bool { metric?.largerScoreIsNearer ?? true }

    func score(_ similarity: Float) -> Float {
        switch metric {
        case .euclidean: abs(similarity).squareRoot()
        case .manhattan: abs(similarity)
        default: similarity
        }
    }

    func similarity(_ score: Float) -> Float {
        switch metric {
        case .euclidean: -score * score
        case .manhattan: -score
        default: score
        }
    }

    func passes(_ score: Float, _ threshold: Float?) -> Bool {
        guard let threshold else { return true }
        return largerIsNearer ? score >= threshold : score <= threshold
    }
}

extension PointVectors {
    /// The vector of that name, whatever its kind.
    func any(_ name: String) -> AnyVector? {
        dense[name].map(AnyVector.dense) ?? sparse[name].map(AnyVector.sparse) ?? multi[name].map(AnyVector.multi)
    }
}
