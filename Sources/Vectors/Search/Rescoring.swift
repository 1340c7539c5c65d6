/// The last step of a search by codes: the best candidates are scored by their floats.
///
/// How many is decided by the codes' own error. Two fifths more than are wanted are scored at once; their distances by
/// code and by floats say how far codes err here (mean m and deviation s), and the rest is scored in turn as long as
/// d + m − 2.5 s, which one code in a hundred and sixty falls below, is nearer than the last neighbour that would be
/// returned. Where floats are dear, as many as are wanted are scored at once, and then one at a time, with fewer
/// deviations where candidates are few: a walk that narrow misses more neighbours than are left out here.
package struct Rescoring {
    private let candidates: [Neighbor]
    private let k: Int
    private let scoresAll: Bool
    private let isFrugal: Bool

    /// Scored before anything is known of the codes' error, at least; and then as many at a time.
    private static let leastScored = 14
    private static let scoredAtATime = 4
    /// At least, where floats are dear to come by: what says something of the codes' error.
    private static let leastScoredFrugally = 10
    private static let deviations: Float = 2.5
    /// Where floats are dear: one for every candidate a neighbour, within these bounds.
    private static let frugalDeviations: ClosedRange<Float> = 1.5...deviations

    /// - Parameters:
    ///   - candidates: nearest first, by code.
    ///   - scoresAll: whether every candidate is scored, however far behind it lies.
    ///   - isFrugal: whether a row's floats cost so much that it pays to ask after every few of them.
    package init(_ candidates: [Neighbor], k: Int, scoresAll: Bool = false, isFrugal: Bool = false) {
        self.candidates = candidates
        self.k = k
        self.scoresAll = scoresAll
        self.isFrugal = isFrugal
    }

    /// The `k` nearest candidates by their floats, nearest first.
    ///
    /// - Parameter score: writes the distances of some rows; NaN for a row that is to be left out.
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

    /// m − 2.5 s of the first `count` candidates, or with fewer deviations.
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
