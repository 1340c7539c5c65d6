import CKernels
import Vectors

// Which candidates become neighbours (algorithm 4 of doi:10.1109/TPAMI.2018.2889473, with the α of DiskANN).
//
// Candidates come nearest first. A candidate is left out if a kept neighbour is so much nearer to it than the row is
// that a walk would reach it through that neighbour anyway:
//
//     leave c out  ⇔  some kept s:  α · d(c, s) < d(c, row)
//
// The rule compares ratios, so distances must not be negative: 1 is added to cosine's −⟨a, b⟩. An inner product of
// vectors of any length has no lower bound. For `dot`, α is 1, distances are compared with their signs (ip-NSW, Morozov
// and Babenko, NeurIPS 2018), and candidates that were left out fill the slots that stay free.
//
// Copies of one vector have the distance 0 to each other and not to any other row, so the rule would keep all of them,
// and many copies would only link to each other. They get at most a quarter of the slots.

/// The rule above, for one metric.
struct NeighborSelection<Space: RowSpace> {
    let space: Space
    private let factor: Float
    private let offset: Float
    private let copyDistance: Float
    /// Whether candidates that were left out fill the free slots.
    let fills: Bool

    init(space: Space, spread: Float) {
        self.space = space
        let metric = space.metric
        offset = metric == .cosine ? 1 : 0
        factor = metric == .dot ? 1 : spread
        copyDistance = space.copyDistance
        fills = metric == .dot
    }

    /// Writes at most `limit` rows of `candidates` (`count` ascending keys) to `kept`, nearest first; returns how many.
    func select(
        _ candidates: UnsafePointer<Int64>, count: Int, limit: Int, into kept: UnsafeMutablePointer<UInt32>,
        _ scratch: BuildScratch
    ) -> Int {
        let rejected = scratch.rejected
        var keptCount = 0, rejectedCount = 0, copies = 0
        for i in 0..<count {
            if keptCount == limit { break }
            let row = ck_key_row(candidates[i])
            let own = offset + ck_key_distance(candidates[i])
            let nearest = nearestKept(row, kept, keptCount, leaveBelow: own, scratch.pairQuery)
            let isCopy = nearest <= copyDistance
            if factor * nearest < own || (isCopy && copies >= limit / 4) {
                rejected[rejectedCount] = row
                rejectedCount += 1
            } else {
                kept[keptCount] = row
                keptCount += 1
                if isCopy { copies += 1 }
            }
        }
        if fills {
            for i in 0..<min(rejectedCount, limit - keptCount) {
                kept[keptCount] = rejected[i]
                keptCount += 1
            }
        }
        return keptCount
    }

    /// The same as `select` if the candidates with even keys have already been selected together for the same row: each
    /// of them is only compared with candidates that have odd keys.
    ///
    /// - Returns: nil where more than the rule decides: copies are counted, or free slots are filled.
    func selectAgain(
        _ candidates: UnsafePointer<Int64>, count: Int, limit: Int, into kept: UnsafeMutablePointer<UInt32>,
        _ scratch: BuildScratch
    ) -> Int? {
        guard !fills else { return nil }
        let added = scratch.rejected
        var keptCount = 0, addedCount = 0
        for i in 0..<count {
            if keptCount == limit { break }
            let row = ck_key_row(candidates[i]), isNew = candidates[i] & 1 == 1
            let own = offset + ck_key_distance(candidates[i])
            let nearest =
                isNew
                ? nearestKept(row, kept, keptCount, leaveBelow: own, scratch.pairQuery)
                : nearestKept(row, added, addedCount, leaveBelow: own, scratch.pairQuery)
            if nearest <= copyDistance { return nil }
            if factor * nearest < own { continue }
            kept[keptCount] = row
            keptCount += 1
            if isNew {
                added[addedCount] = row
                addedCount += 1
            }
        }
        return keptCount
    }

    /// The least distance of `row` to the kept rows; stops after the first four rows of which one already leaves `row`
    /// out.
    @inline(__always)
    private func nearestKept(
        _ row: UInt32, _ kept: UnsafePointer<UInt32>, _ count: Int, leaveBelow own: Float,
        _ slot: UnsafeMutablePointer<ck_code_query>
    ) -> Float {
        // A little less than the rule asks for: rounding must not end the search too early.
        let enough = own / factor - offset
        return offset + space.nearest(to: row, among: kept, count, enough: enough - 1e-6 * abs(enough), slot)
    }
}
