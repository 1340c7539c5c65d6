import CKernels
import Vectors

// Hierarchical navigable small world (Malkov and Yashunin, doi:10.1109/TPAMI.2018.2889473).
//
// Every row stands on level 0; one in `connections` of the rows of a level stands on the next as well. A query descends
// greedily from the entry row on the highest level to level 1 and walks level 0 with a pool of `breadth` candidates. A
// query at recall .95 on 100 000 rows scores some 700 of them.
//
// Rows are scored by 4-bit codes where the metric and the dimension allow it, by floats otherwise; codes rank the
// candidates, and whoever has the floats scores the best of them again.
//
// Invariants (checked by `checkInvariants()`): links are rows of the graph and stand on the level of the link; no row
// links to itself but in unused slots, which all come last; no link twice; the entry stands on the highest level.
// A graph is immutable: any number of threads may search it.

/// What a graph scores rows by.
package enum GraphRows: Sendable {
    case floats(VectorBlock, Metric)
    case codes(CodeBlock)

    package var metric: Metric {
        switch self {
        case .floats(_, let metric): metric
        case .codes(let block): block.metric
        }
    }

    package var dimension: Int {
        switch self {
        case .floats(let block, _): block.dimension
        case .codes(let block): block.dimension
        }
    }

    var capacity: Int {
        switch self {
        case .floats(let block, _): block.capacity
        case .codes(let block): block.count
        }
    }
}

/// A graph over rows `0..<rowCount`.
package final class HNSWGraph: @unchecked Sendable {
    package let rowCount: Int
    package let rows: GraphRows
    package let parameters: HNSWParameters
    let storage: GraphStorage
    /// Where every walk begins: a row of the highest level. 0 in an empty graph.
    let entry: UInt32
    let topLevel: Int
    private let scratch: ScratchList
    private let kernels = DistanceKernels.best

    /// A walk costs as much as scoring this many rows for every slot of its pool, and this many more to begin with;
    /// when there are fewer matching rows than that, scoring those is quicker, and exact (`Bench index --filter`).
    static let rowsScoredPerSlot = 40
    static let rowsScoredAtStart = 1000
    /// How much wider a filtered walk is repeated that met too few matching rows.
    static let widening = 4

    init(rows: GraphRows, storage: GraphStorage, entry: UInt32, topLevel: Int, parameters: HNSWParameters) {
        rowCount = storage.rowCount
        self.rows = rows
        self.storage = storage
        self.entry = entry
        self.topLevel = topLevel
        self.parameters = parameters
        let queryBytes = if case .codes(let block) = rows { block.queryBytes } else { 0 }
        scratch = ScratchList(
            rowCount: storage.rowCount, width: max(storage.width, storage.connections), queryBytes: queryBytes)
    }

    package var metric: Metric { rows.metric }

    /// Bytes the links take in memory, without the vectors.
    package var linkByteCount: Int {
        rowCount * (storage.width * 4 + 5) + storage.upperBlocks * storage.connections * 4
    }

    /// The pool of a walk by codes that is asked for `k` neighbours at `breadth`: a few more than are returned, so that
    /// the codes' errors at the edge cost no recall. All of it are candidates for `Rescoring`.
    package static func poolSize(breadth: Int, forNearest k: Int) -> Int { max(breadth, k + max(4, k / 4)) }

    /// The nearest rows by what the graph scores with, exact by floats and nearly so by codes: up to `breadth`, `k` of
    /// them at least if there are as many, and never one that is not selected.
    ///
    /// `breadth` is what it would be without a filter: the graph itself walks `rowCount / selected` times as wide,
    /// links through rows that are not selected included, and where few rows are, or too few of them were met (a filter
    /// that keeps only far rows), it scores all of those.
    ///
    /// - Parameters:
    ///   - query: `dimension` floats, normalised for cosine.
    ///   - breadth: candidates kept in the walk (*ef*), at least `k`.
    package func candidates(
        _ query: UnsafePointer<Float>, k: Int, breadth: Int, in selection: RowSelection
    ) -> [Neighbor] {
        precondition(k >= 0 && breadth >= k && selection.rowCount <= rowCount)
        let selected = selection.count(kernels)
        let target = min(breadth, selected)
        guard k > 0, target > 0 else { return [] }
        return scratch.withScratch { scratch in
            if case .codes(let block) = rows {
                scratch.query.pointee = block.query(query, scratch.queryCodes)
            }
            var width = min(rowCount, (target * rowCount + selected - 1) / selected)
            while width * Self.rowsScoredPerSlot + Self.rowsScoredAtStart < selected {
                let found = walked(query, width: width, wanted: target, in: selection, scratch)
                if found.count >= k && found.count * 2 >= target { return found }
                width *= Self.widening
            }
            return scanned(query, count: target, in: selection, scratch)
        }
    }

    private func walked(
        _ query: UnsafePointer<Float>, width: Int, wanted: Int, in selection: RowSelection, _ scratch: WalkScratch
    ) -> [Neighbor] {
        switch rows {
        case .floats(let block, let metric):
            walkLevels(FloatScorer(query: query, block: block, metric: metric), width: width, scratch)
        case .codes(let block):
            walkLevels(CodeScorer(query: scratch.query, block: block), width: width, scratch)
        }
        return collect(scratch.pool, width: width, wanted: wanted, in: selection)
    }

    private func walkLevels(_ scorer: some RowScoring, width: Int, _ scratch: WalkScratch) {
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

    private func scanned(
        _ query: UnsafePointer<Float>, count: Int, in selection: RowSelection, _ scratch: WalkScratch
    ) -> [Neighbor] {
        switch rows {
        case .floats(let block, let metric):
            FlatIndex(block: block, metric: metric, rowCount: selection.rowCount)
                .search(query, k: count, allowed: selection.allowed, deleted: selection.deleted)
        case .codes(let block):
            block.nearest(count, to: scratch.query, in: selection)
        }
    }

    /// The nearest `wanted` selected rows of a pool, or as many as it has.
    private func collect(
        _ pool: UnsafeMutablePointer<Int64>, width: Int, wanted: Int, in selection: RowSelection
    ) -> [Neighbor] {
        var found: [Neighbor] = []
        found.reserveCapacity(wanted)
        for i in 0..<width where pool[i] != .max {
            let row = ck_key_row(pool[i])
            if !selection.isAll && !selection.contains(Int(row)) { continue }
            found.append(Neighbor(distance: ck_key_distance(pool[i]), row: row))
            if found.count == wanted { break }
        }
        return found
    }
}
