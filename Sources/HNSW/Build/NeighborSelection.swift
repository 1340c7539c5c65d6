import CKernels
import Vectors

// Which candidates become neighbours (algorithm 4 of doi:10.1109/TPAMI.2018.2889473, with the α of DiskANN).
//
// Candidates come nearest first. One is kept unless a neighbour already kept is so much nearer to it than the row
// itself that a walk would come by it anyway:
//
//     leave c out  ⇔  some kept s:  α · d(c, s) < d(c, row)
//
// The rule compares sizes, so distances must not be negative: cosine's −⟨a, b⟩ is moved up by 1. An inner product of
// vectors of any length has no such floor; for `dot` α is 1, the signs are compared as they are (ip-NSW, Morozov and
// Babenko, NeurIPS 2018), and what was left out fills the places that stay empty.
//
// Copies of one vector are at distance 0 of each other and of nothing else, so the rule would keep all of them and a
// crowd of copies would link only to itself. A quarter of the places is theirs at most.

/// The rule above, for one metric.
struct NeighborSelection<Space: RowSpace> {
    let space: Space
    private let factor: Float
    private let offset: Float
    private let copyDistance: Float
    /// Whether places that stay empty are filled with what was left out.
    let fills: Bool

    init(space: Space, spread: Float) {
        self.space = space
        let metric = space.metric
        offset = metric == .cosine ? 1 : 0
        factor = metric == .dot ? 1 : spread
        copyDistance = space.copyDistance
        fills = metric == .dot
    }

    /// Writes at most `limit` rows of `candidates` (ascending keys, `count` of them) to `kept`, nearest first; returns
    /// how many.
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

    /// What `select` would, where the candidates with even keys have all been selected for the same row before: each of
    /// them is compared with those of odd keys alone.
    ///
    /// - Returns: nil where the rule does not say all: copies are counted, or places are filled.
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

    /// The least distance of `row` to those kept; stops at the first four of which one already leaves `row` out.
    @inline(__always)
    private func nearestKept(
        _ row: UInt32, _ kept: UnsafePointer<UInt32>, _ count: Int, leaveBelow own: Float,
        _ slot: UnsafeMutablePointer<ck_code_query>
    ) -> Float {
        // A little less than what the rule asks for: what rounding adds must not end the search too early.
        let enough = own / factor - offset
        return offset + space.nearest(to: row, among: kept, count, enough: enough - 1e-6 * abs(enough), slot)
    }
}
