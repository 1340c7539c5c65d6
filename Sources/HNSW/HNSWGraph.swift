import CKernels
import Vectors

// Hierarchical navigable small world (Malkov and Yashunin, doi:10.1109/TPAMI.2018.2889473).
//
// Every row stands on level 0; one in `connections` of the rows of a level stands on the next as well. A query descends
// greedily from the entry row on the highest level to level 1 and walks level 0 with a pool of `breadth` candidates. A
// query at recall .95 on 100 000 rows scores some 700 of them.
//
// Invariants (checked by `checkInvariants()`): links are rows of the graph and stand on the level of the link; no row
// links to itself but in unused slots, which all come last; no link twice; the entry stands on the highest level.
// A graph is immutable: any number of threads may search it.

/// A graph over rows `0..<rowCount` of a block.
package final class HNSWGraph: VectorIndex, @unchecked Sendable {
    package let rowCount: Int
    package let block: VectorBlock
    package let metric: Metric
    package let parameters: HNSWParameters
    let storage: GraphStorage
    /// Where every walk begins: a row of the highest level. 0 in an empty graph.
    let entry: UInt32
    let topLevel: Int
    let kernels: DistanceKernels
    private let scratch: ScratchList

    /// A walk scores about this many rows for every slot of its pool; when that is more than there are matching rows,
    /// scoring those is quicker, and exact.
    static let rowsScoredPerSlot = 16
    /// How much wider a filtered walk is repeated that met too few matching rows.
    static let widening = 4

    init(
        storage: GraphStorage, entry: UInt32, topLevel: Int, block: VectorBlock, metric: Metric,
        parameters: HNSWParameters, kernels: DistanceKernels
    ) {
        rowCount = storage.rowCount
        self.storage = storage
        self.entry = entry
        self.topLevel = topLevel
        self.block = block
        self.metric = metric
        self.parameters = parameters
        self.kernels = kernels
        scratch = ScratchList(rowCount: storage.rowCount, width: max(storage.width, storage.connections))
    }

    /// Bytes the links take in memory, without the vectors.
    package var linkByteCount: Int {
        rowCount * (storage.width * 4 + 5) + storage.upperBlocks * storage.connections * 4
    }

    /// The `k` nearest rows; approximate, but always as many as there are, and never one that is not allowed.
    ///
    /// `breadth` is what it would be without a filter: the graph itself walks `rowCount / matching` times as wide,
    /// links through rows that do not match included, and where few rows match, or too few of them were met (a filter
    /// that keeps only far rows), it scores the matching rows instead.
    package func search(
        _ query: UnsafePointer<Float>, k: Int, breadth: Int, allowed: RowSet?, deleted: RowSet?
    ) -> [Neighbor] {
        precondition(k >= 0)
        let flat = FlatIndex(block: block, metric: metric, rowCount: rowCount, kernels: kernels)
        let matching = flat.matchCount(allowed: allowed, deleted: deleted)
        let wanted = min(k, matching)
        guard wanted > 0 else { return [] }
        let target = min(max(breadth, k), matching)
        var width = min(rowCount, (target * rowCount + matching - 1) / matching)
        while width * Self.rowsScoredPerSlot < matching {
            let (found, met) = scratch.withScratch { scratch in
                walkLevels(query, width: width, scratch)
                return collect(scratch.pool, width: width, wanted: wanted, allowed: allowed, deleted: deleted)
            }
            if found.count == wanted && met * 2 >= target { return found }
            width *= Self.widening
        }
        return flat.search(query, k: wanted, allowed: allowed, deleted: deleted)
    }

    private func walkLevels(_ query: UnsafePointer<Float>, width: Int, _ scratch: WalkScratch) {
        let scorer = RowScorer(query: query, block: block, kernel: kernels.rows(metric))
        var position = Position(row: entry, distance: scorer.distance(entry))
        var level = topLevel
        while level > 0 {
            position = descend(storage.layer(level), scorer, scratch, from: position)
            level -= 1
        }
        walk(
            storage.layer(0), scorer, scratch, breadth: width, from: position,
            insert: kernels.table.pointee.pool_insert)
    }

    /// The nearest `wanted` matching rows of a pool, and how many matching rows it holds.
    private func collect(
        _ pool: UnsafeMutablePointer<Int64>, width: Int, wanted: Int, allowed: RowSet?, deleted: RowSet?
    ) -> (found: [Neighbor], met: Int) {
        var found: [Neighbor] = []
        found.reserveCapacity(wanted)
        if allowed == nil && deleted == nil {
            var i = 0
            while i < width && pool[i] != .max {
                if i < wanted {
                    found.append(Neighbor(distance: ck_key_distance(pool[i]), row: ck_key_row(pool[i])))
                }
                i &+= 1
            }
            return (found, i)
        }
        var met = 0
        for i in 0..<width where pool[i] != .max {
            let row = ck_key_row(pool[i])
            if let allowed, !allowed.contains(Int(row)) { continue }
            if let deleted, deleted.contains(Int(row)) { continue }
            if met < wanted { found.append(Neighbor(distance: ck_key_distance(pool[i]), row: row)) }
            met += 1
        }
        return (found, met)
    }
}
