import VectorEngine

/// How near the points of a sample are to each other.
struct DistanceMatrix: Sendable {
    let filter: Filter?
    /// Points that are compared.
    let sample: Limit
    let limit: Limit
    let using: String

    static let defaultSample = 10
    static let defaultLimit = 3

    /// What was compared.
    struct Answer: Sendable {
        /// The sample, by ascending id.
        var ids: [PointID] = []
        /// The nearest of each point of the sample, the nearest first; `a` is its place in `ids`.
        var pairs: [(a: Int, b: PointID, score: Float)] = []
    }

    func answer(_ target: CollectionMoment) throws -> Answer {
        try target.config.checkName(using)
        let view = target.view
        let rows = try chosen(view)
        let ids = rows.map(view.id)
        let vectors = try view.vectors(rows).compactMap { $0?.any(using) }
        guard vectors.count == ids.count, ids.count > 1 else { return Answer() }
        let allowed = view.matches(view.everything, among: rows)
        let scale = ScoreScale(target.config, using)
        var answer = Answer(ids: ids)
        // Part by part: the whole matrix of a large sample is not held.
        let partSize = max(1, QueryLimits.heldSimilarities / ids.count)
        for start in stride(from: 0, to: ids.count, by: partSize) {
            let part = start..<min(ids.count, start + partSize)
            let matrix = try view.similarities(to: Array(vectors[part]), name: using, allowed: allowed)
            let columns = matrix.rows.map(view.id)
            // Sparse vectors that have nothing in common with any of the part are not among the columns.
            var apart: [PointID] = []
            if case .sparse = vectors[0] {
                let known = Set(columns)
                apart = ids.filter { !known.contains($0) }
            }
            for row in part {
                var near = apart.filter { $0 != ids[row] }.map { (id: $0, similarity: Float(0)) }
                for (other, similarity) in zip(columns, matrix.values[row - start]) where other != ids[row] {
                    if scale.score(similarity).isFinite { near.append((other, similarity)) }
                }
                near.sort { $0.similarity != $1.similarity ? $0.similarity > $1.similarity : $0.id < $1.id }
                for (other, similarity) in near.prefix(limit.count) {
                    answer.pairs.append((row, other, scale.score(similarity)))
                }
            }
        }
        return answer
    }

    /// A sample of the rows that pass the filter, by ascending id.
    private func chosen(_ view: CollectionView) throws -> [ViewRow] {
        var filter = Filter(must: [.hasVector(using)])
        if let own = self.filter { filter.must.append(.filter(own)) }
        let rows = view.rows(of: try view.matches(filter)).shuffled().prefix(sample.count)
        return rows.sorted { view.id($0) < view.id($1) }
    }
}
