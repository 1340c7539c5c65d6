import VectorEngine

/// A point that a query found.
struct Hit: Sendable {
    var id: PointID
    /// Its row in the view that was searched.
    var row: ViewRow
    var score: Float
    /// The value it was ordered by.
    var order: Number?
}

/// Lists of hits made into one.
enum Fusion {
    /// Reciprocal rank fusion (Cormack et al., SIGIR 2009) as Qdrant counts it: 1 / ((rank + 1) / weight + k − 1).
    static func reciprocalRank(_ lists: [[Hit]], k: Int, weights: [Float]?) -> [Hit] {
        var sums = Sums()
        for (i, list) in lists.enumerated() {
            let weight = weights?[i] ?? 1
            for (rank, hit) in list.enumerated() {
                sums.add(hit, weight > 0 ? 1 / ((Float(rank) + 1) / weight + Float(k) - 1) : 0)
            }
        }
        return sums.ranked
    }

    /// Scores laid between three standard deviations below and above their list's mean, then added.
    static func distributionBased(_ lists: [[Hit]]) -> [Hit] {
        var sums = Sums()
        for list in lists where !list.isEmpty {
            let mean = list.reduce(0) { $0 + $1.score } / Float(list.count)
            let square = list.reduce(0) { $0 + ($1.score - mean) * ($1.score - mean) }
            let deviation = list.count > 1 ? (square / Float(list.count - 1)).squareRoot() : 0
            for hit in list {
                sums.add(hit, deviation > 0 ? (hit.score - mean + 3 * deviation) / (6 * deviation) : 0.5)
            }
        }
        return sums.ranked
    }

    private struct Sums {
        private var order: [PointID: Int] = [:]
        private var hits: [Hit] = []

        mutating func add(_ hit: Hit, _ score: Float) {
            if let at = order[hit.id] {
                hits[at].score += score
            } else {
                order[hit.id] = hits.count
                hits.append(Hit(id: hit.id, row: hit.row, score: score))
            }
        }

        /// Highest first; equal scores as they were first met.
        var ranked: [Hit] {
            hits.enumerated().sorted { $0.1.score != $1.1.score ? $0.1.score > $1.1.score : $0.0 < $1.0 }.map(\.1)
        }
    }
}

/// Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).
enum MaximalMarginalRelevance {
    /// Chooses `limit` of `relevance.count` candidates one after another: what is near the query and far from the
    /// chosen. `similarities(chosen)` compares each candidate with one of them; of multivectors that one is the
    /// document.
    static func choose(
        relevance: [Float], limit: Int, diversity: Float, similarities: (Int) throws -> [Float]
    ) rethrows -> [Int] {
        var left = Array(relevance.indices)
        var chosen: [Int] = []
        var nearest = [Float](repeating: -.infinity, count: relevance.count)
        while chosen.count < limit, !left.isEmpty {
            func value(_ i: Int) -> Float {
                chosen.isEmpty ? relevance[i] : (1 - diversity) * relevance[i] - diversity * nearest[i]
            }
            guard let at = left.indices.max(by: { value(left[$0]) < value(left[$1]) }) else { break }
            let pick = left.remove(at: at)
            chosen.append(pick)
            guard chosen.count < limit else { break }
            let similar = try similarities(pick)
            for i in left { nearest[i] = max(nearest[i], similar[i]) }
        }
        return chosen
    }
}
