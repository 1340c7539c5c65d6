import Foundation
import JSON
import VectorEngine
import Vectors

/// A collection ready to be searched.
struct SearchableCollection: Sendable {
    private let collection: PointCollection
    let config: CollectionConfig
    let name: String

    init(_ collection: QdrantCollection) async throws {
        self.collection = try await collection.points
        config = collection.config
        name = collection.name
    }

    /// Runs `body` on one moment of the collection, and again on a later one when that has been overtaken. Blocks.
    func reading<Result>(_ body: (CollectionMoment) throws -> Result) throws -> Result {
        try collection.reading { try body(CollectionMoment(view: $0, config: config, name: name)) }
    }

    /// The newest moment when it is known without waiting; nil otherwise.
    var settled: CollectionMoment? {
        collection.settledView.map { CollectionMoment(view: $0, config: config, name: name) }
    }

    /// The newest moment. Blocks.
    func newest() throws -> CollectionMoment {
        CollectionMoment(view: try collection.newestView(), config: config, name: name)
    }
}

/// One moment of a collection: its points, and what its vectors are. Everything that one answer says is of one moment.
struct CollectionMoment {
    let view: CollectionView
    let config: CollectionConfig
    let name: String
}

/// Runs queries on one moment of a collection. Everything here may block on the file.
struct QueryRunner {
    let target: CollectionMoment
    /// Collections that queries take their examples from, by the name they give.
    let lookups: [ByteText: CollectionMoment]

    private var view: CollectionView { target.view }

    /// The hits of a query, best first: from its offset on, at most its limit.
    func run(_ node: QueryNode) throws -> [Hit] {
        guard let reach = node.limit.reaching(node.offset) else {
            throw QdrantFailure.badRequest(
                "limit and offset together may not exceed \(Limit.most.count)")
        }
        let hits = try evaluate(node, reach, within: nil)
        return Array(hits.dropFirst(node.offset.count).prefix(node.limit.count))
    }

    /// As many as `limit` says; `outer` is the filter of the queries this one is a part of.
    private func evaluate(_ node: QueryNode, _ limit: Limit, within outer: Filter?) throws -> [Hit] {
        var filter = node.filter
        if let outer { filter = filter.map(outer.merged) ?? outer }
        let sources = try node.prefetch.map { try evaluate($0, $0.limit, within: filter) }
        // More than there are points is the same as all of them; only in an order can a point be there several times.
        let isOrder = if case .orderBy? = node.kind { true } else { false }
        let count = limit.atMost(isOrder ? .most : Limit(within: view.pointCount)).count
        switch node.kind {
        case .rrf(let k, let weights):
            return cut(Fusion.reciprocalRank(sources, k: k, weights: weights), node, count)
        case .dbsf: return cut(Fusion.distributionBased(sources), node, count)
        case .formula(let formula): return cut(try rescored(sources, by: formula), node, count)
        default: break
        }
        let allowed = try allowed(filter, sources: node.prefetch.isEmpty ? nil : sources)
        switch node.kind {
        case nil: return scrolled(allowed, count)
        case .orderBy(let order): return try ordered(by: order, allowed, count)
        case .sample: return sampled(allowed, count)
        default: return try searched(node, allowed, count)
        }
    }

    private func cut(_ hits: [Hit], _ node: QueryNode, _ count: Int) -> [Hit] {
        Array(
            hits.lazy.filter { hit in hit.score.isFinite && node.threshold.map { hit.score >= $0 } ?? true }
                .prefix(count))
    }

    /// Rows to choose from.
    private func allowed(_ filter: Filter?, sources: [[Hit]]?) throws -> RowMatches {
        let matches = try view.matches(filter)
        return sources.map { view.matches(matches, among: $0.joined().map(\.row)) } ?? matches
    }

    // MARK: Without vectors

    private func hit(_ row: ViewRow, _ score: Float, order: Number? = nil) -> Hit {
        Hit(id: view.id(row), row: row, score: score, order: order)
    }

    private func scrolled(_ allowed: RowMatches, _ count: Int) -> [Hit] {
        view.page(of: allowed, limit: count).map { hit($0, 1) }
    }

    private func ordered(by order: OrderBy, _ allowed: RowMatches, _ count: Int) throws -> [Hit] {
        try view.ordered(
            by: order.path, descending: order.descending, from: order.start, within: allowed, limit: count
        ).map { hit($0.row, 1, order: $0.value) }
    }

    private func sampled(_ allowed: RowMatches, _ count: Int) -> [Hit] {
        view.rows(of: allowed).shuffled().prefix(count).map { hit($0, 1) }
    }

    private func rescored(_ sources: [[Hit]], by formula: Formula) throws -> [Hit] {
        let scores = sources.map { Dictionary($0.map { ($0.id, $0.score) }) { first, _ in first } }
        var seen: Set<PointID> = []
        let rows = sources.joined().filter { seen.insert($0.id).inserted }
        let hits = try rows.compactMap { found in
            try view.withPayload(found.row) { payload, context in
                let subject = Formula.Subject(
                    scores: scores.map { $0[found.id] }, payload: payload, context: context)
                return Hit(id: found.id, row: found.row, score: try formula.score(subject))
            }
        }
        return hits.sorted { $0.score > $1.score }
    }

    // MARK: With vectors

    private func searched(_ node: QueryNode, _ allowed: RowMatches, _ count: Int) throws -> [Hit] {
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
        case .context(let pairs) where pairs.isEmpty:
            // Nothing tells the points apart: each that has the vector scores 0.
            guard node.threshold.map({ 0 >= $0 }) ?? true else { return [] }
            let rows = view.intersection(of: allowed, try view.rows(having: node.using))
            return view.page(of: rows, limit: count).map { hit($0, 0) }
        default:
            guard let scorer = try ExampleScorer(node.kind, resolver) else { return [] }
            found = try scored(by: scorer, node, allowed, excluded: resolver.excluded)
        }
        found.removeAll { resolver.excluded.contains($0.id) }
        return Array(found.prefix(count))
    }

    private func nearest(
        _ vector: AnyVector, _ node: QueryNode, _ allowed: RowMatches, _ count: Int, excluded: Set<PointID>
    ) throws -> [Hit] {
        var corpus = view.everything
        if target.config.usesIDF(node.using) == true {
            corpus = try view.rows(having: node.using)
            if let filter = node.idfCorpus {
                corpus = view.intersection(of: try view.matches(filter), corpus)
            }
        }
        let scale = ScoreScale(target.config, node.using)
        var asked = Limit(within: count).with(excluded.count)
        while true {
            let found = try view.nearest(
                vector, name: node.using, limit: asked.count, breadth: node.breadth, isExact: node.isExact,
                codes: node.codes, allowed: allowed, corpus: corpus)
            let hits = found.compactMap { near -> Hit? in
                let score = scale.score(near.similarity)
                return score.isFinite ? hit(near.row, score) : nil
            }
            // A score that overflowed is no number: its point is left out, and the next one takes its place.
            if hits.count == found.count || found.count < asked.count || asked.count >= view.pointCount {
                return node.threshold == nil ? hits : hits.filter { scale.passes($0.score, node.threshold) }
            }
            asked = asked.times(4).atMost(Limit(within: view.pointCount))
        }
    }

    private func scored(
        by scorer: ExampleScorer, _ node: QueryNode, _ allowed: RowMatches, excluded: Set<PointID>
    ) throws -> [Hit] {
        var hits: [Hit] = []
        for part in parts(of: allowed, examples: scorer.examples.count) {
            let similarities = try view.similarities(to: scorer.examples, name: node.using, allowed: part)
            for (row, score) in zip(similarities.rows, scorer.scores(similarities)) {
                guard score.isFinite, node.threshold.map({ score >= $0 }) ?? true else { continue }
                hits.append(hit(row, score))
            }
        }
        return hits.sorted { $0.score != $1.score ? $0.score > $1.score : $0.id < $1.id }
    }

    private func diversified(
        _ node: QueryNode, _ vector: AnyVector, _ mmr: (diversity: Float, candidates: Int?), _ allowed: RowMatches,
        _ count: Int, excluded: Set<PointID>
    ) throws -> [Hit] {
        let wanted = max(1, min(mmr.candidates ?? count, QueryLimits.diversified))
        var candidates = try nearest(vector, node, allowed, wanted, excluded: excluded)
        candidates.removeAll { excluded.contains($0.id) }
        candidates = Array(candidates.prefix(wanted))
        guard !candidates.isEmpty else { return [] }
        let rows = candidates.map(\.row)
        let examples = try view.vectors(rows).compactMap { $0?.any(node.using) }
        guard examples.count == candidates.count else { return candidates }
        let scale = ScoreScale(target.config, node.using)
        let chosen = try MaximalMarginalRelevance.choose(
            relevance: candidates.map { scale.similarity($0.score) }, limit: count, diversity: mmr.diversity,
            similarities: try similarities(of: rows, examples, node.using))
        return chosen.map { candidates[$0] }
    }

    /// A function that answers how similar each of `rows`, whose vectors are `examples`, is to one of them.
    private func similarities(
        of rows: [ViewRow], _ examples: [AnyVector], _ name: String
    ) throws -> (Int) throws -> [Float] {
        func values(_ chosen: [ViewRow]) throws -> (Similarities, [ViewRow: Int]) {
            let found = try view.similarities(
                to: examples, name: name, allowed: view.matches(view.everything, among: chosen))
            return (found, Dictionary(found.rows.enumerated().map { ($1, $0) }) { first, _ in first })
        }
        // A large matrix is not held: each of its columns is computed when it is asked for. Only multivectors differ
        // with the direction; of other vectors, one against all costs one scan.
        guard rows.count * rows.count <= QueryLimits.heldSimilarities else {
            if case .multi = examples.first {
                return { chosen in
                    let (found, places) = try values([rows[chosen]])
                    guard let place = places[rows[chosen]] else { return rows.map { _ in 0 } }
                    return found.values.map { $0[place] }
                }
            }
            let all = view.matches(view.everything, among: rows)
            var (order, places) = ([ViewRow](), [Int?]())
            return { chosen in
                let found = try view.similarities(to: [examples[chosen]], name: name, allowed: all)
                if order != found.rows {
                    order = found.rows
                    let byRow = Dictionary(order.enumerated().map { ($1, $0) }) { first, _ in first }
                    places = rows.map { byRow[$0] }
                }
                guard let column = found.values.first else { return rows.map { _ in 0 } }
                return places.map { $0.map { column[$0] } ?? 0 }
            }
        }
        let (matrix, places) = try values(rows)
        return { chosen in
            guard let place = places[rows[chosen]] else { return rows.map { _ in 0 } }
            return matrix.values.map { $0[place] }
        }
    }

    /// The rows in parts, each small enough that its similarities to so many examples can be held.
    private func parts(of rows: RowMatches, examples: Int) -> [RowMatches] {
        let size = max(1, QueryLimits.heldSimilarities / max(1, examples))
        guard view.count(rows) > size else { return [rows] }
        let all = view.rows(of: rows)
        return stride(from: 0, to: all.count, by: size).map { start in
            view.matches(view.everything, among: Array(all[start..<min(all.count, start + size)]))
        }
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
