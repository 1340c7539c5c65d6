/// The last step of a search by codes: the best candidates are scored by their floats.
///
/// The codes' own error decides how many. At first, two fifths more rows than are wanted are scored. Their distances by
/// code and by floats give the error of the codes here (mean m and standard deviation s). The other candidates are
/// scored in turn as long as d + m − 2.5 s is nearer than the last neighbour of the answer; one code in a hundred and
/// sixty falls below that. If reading floats is expensive, only as many rows as are wanted are scored at first, and
/// then one at a time, with fewer deviations if there are few candidates: a narrow walk misses more neighbours than are
/// left out here.
package struct Rescoring {
    private let candidates: [Neighbor]
    private let k: Int
    private let scoresAll: Bool
    private let isFrugal: Bool

    /// The least number of rows that are scored before the codes' error is known, and the number that is scored at a
    /// time after that.
    private static let leastScored = 14
    private static let scoredAtATime = 4
    /// The least number if floats are expensive to read: enough rows to estimate the codes' error.
    private static let leastScoredFrugally = 10
    private static let deviations: Float = 2.5
    /// If floats are expensive to read: one row for each wanted neighbour, within these bounds.
    private static let frugalDeviations: ClosedRange<Float> = 1.5...deviations

    /// - Parameters:
    ///   - candidates: nearest first, by code.
    ///   - scoresAll: whether every candidate is scored, however far it is.
    ///   - isFrugal: whether a row's floats are so expensive to read that it pays to decide again after every few rows.
    package init(_ candidates: [Neighbor], k: Int, scoresAll: Bool = false, isFrugal: Bool = false) {
        self.candidates = candidates
        self.k = k
        self.scoresAll = scoresAll
        self.isFrugal = isFrugal
    }

    /// The `k` nearest candidates by their floats, nearest first.
    ///
    /// - Parameter score: writes the distances of some rows; NaN for a row that must be left out.
    @inline(__always)
    package func run(
        _ score: (UnsafePointer<UInt32>, Int, UnsafeMutablePointer<Float>) throws -> Void
    ) rethrows -> [Neighbor] {
        guard k > 0, !candidates.isEmpty else { return [] }
        var found: [Neighbor] = []
        let least = isFrugal ? max(k, Self.leastScoredFrugally) : max(k + 2 * k / 5, Self.leastScored)
        let atATime = isFrugal ? 1 : max(2 * k / 5, Self.scoredAtATime)
        found.reserveCapacity(least + atATime)
        try withUnsafeTemporaryAllocation(of: UInt32.self, capacity: candidates.count) { rows in
            try withUnsafeTemporaryAllocation(of: Float.self, capacity: candidates.count) { distances in
                guard let rows = rows.baseAddress, let distances = distances.baseAddress else { return }
                for i in candidates.indices { rows[i] = candidates[i].row }
                var done = 0
                var end = scoresAll ? candidates.count : min(candidates.count, least)
                var nearestMissed = Float.infinity
                while done < end {
                    try score(rows + done, end - done, distances + done)
                    for i in done..<end where !distances[i].isNaN {
                        found.append(Neighbor(distance: distances[i], row: rows[i]))
                    }
                    if done == 0 { nearestMissed = nearestUnlikely(distances, end) }
                    done = end
                    found.sort()
                    if found.count > k { found.removeLast(found.count - k) }
                    let isOpen =
                        found.count < k
                        || done < candidates.count
                            && candidates[done].distance + nearestMissed < found[found.count - 1].distance
                    if isOpen { end = min(candidates.count, done + atATime) }
                }
            }
        }
        return found
    }

    /// m − 2.5 s of the first `count` candidates; fewer deviations for a narrow walk.
    private func nearestUnlikely(_ distances: UnsafePointer<Float>, _ count: Int) -> Float {
        var sum: Float = 0, squares: Float = 0, counted: Float = 0
        for i in 0..<count where !distances[i].isNaN {
            let error = distances[i] - candidates[i].distance
            sum += error
            squares += error * error
            counted += 1
        }
        guard counted > 1 else { return -.infinity }
        let mean = sum / counted
        let perNeighbor = Float(candidates.count) / Float(k), bounds = Self.frugalDeviations
        let deviations = isFrugal ? min(max(perNeighbor, bounds.lowerBound), bounds.upperBound) : Self.deviations
        return mean - deviations * max(0, squares / counted - mean * mean).squareRoot()
    }
}

extension VectorBlock {
    /// The `k` nearest of `candidates` by their floats, nearest first.
    package func rescored(
        _ candidates: [Neighbor], _ query: UnsafePointer<Float>, metric: Metric, k: Int, scoresAll: Bool = false
    ) -> [Neighbor] {
        let scorer = FloatScorer(query: query, block: self, metric: metric)
        return Rescoring(candidates, k: k, scoresAll: scoresAll).run { scorer.score($0, $1, $2) }
    }
}
