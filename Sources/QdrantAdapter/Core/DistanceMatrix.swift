import VectorEngine

/// How near the points of a sample are to each other.
struct DistanceMatrix: Sendable {
    let filter: Filter?
    /// Points that are compared.
    let sample: Limit
    let limit: Limit
    let using: String

    /// Points of a sample at most.
    static let maximumSample = 10_000

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
        let matrix = try view.similarities(
            to: vectors, name: using, allowed: view.matches(view.everything, among: rows))
        let scale = ScoreScale(target.config, using)
        let columns = matrix.rows.map(view.id)
        var answer = Answer(ids: ids)
        for (row, id) in ids.enumerated() {
            var near: [(id: PointID, similarity: Float)] = []
            for (other, similarity) in zip(columns, matrix.values[row]) {
                if other != id, scale.score(similarity).isFinite { near.append((other, similarity)) }
            }
            near.sort { $0.similarity != $1.similarity ? $0.similarity > $1.similarity : $0.id < $1.id }
            for (other, similarity) in near.prefix(limit.count) {
                answer.pairs.append((row, other, scale.score(similarity)))
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
