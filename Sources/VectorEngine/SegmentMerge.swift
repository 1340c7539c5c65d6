import HNSW
import Vectors

/// Several segments made into one: the largest with a graph gives its rows as they lie, the others their live rows.
struct SegmentMerge {
    private let schema: CollectionSchema
    /// The segment whose graph is extended; nil when everything is built anew.
    private let base: SegmentView?
    /// All inputs, base first, the rest in the order of their rows' sequences.
    private let inputs: [SegmentView]
    /// For each input and row its row in the result; nil where the row is dropped.
    private let newRows: [[UInt32?]]
    let rowCount: Int

    init(_ segments: [SegmentView], schema: CollectionSchema, rebuildShare: Double) {
        self.schema = schema
        let candidate = segments.filter { segment in
            segment.isSealed && segment.graphs.count == schema.dense.count
                && Double(segment.deletedCount) <= rebuildShare * Double(segment.rowCount)
        }.max { $0.rowCount < $1.rowCount }
        // Rows of one segment ascend by sequence: the base must lie before all others to be kept as it is.
        let others = segments.filter { $0.number != candidate?.number }.sorted { $0.firstSequence < $1.firstSequence }
        let baseEnd = candidate?.lastSequence ?? 0
        let isFirst = others.allSatisfy { $0.rowCount == 0 || $0.firstSequence > baseEnd }
        base = isFirst ? candidate : nil
        inputs =
            base.map { [$0] + others }
            ?? segments.sorted { $0.firstSequence < $1.firstSequence }
        var next: UInt32 = 0
        var newRows: [[UInt32?]] = []
        for (i, segment) in inputs.enumerated() {
            let keepsDeleted = i == 0 && base != nil
            newRows.append(
                (0..<segment.rowCount).map { row in
                    if !keepsDeleted && segment.deleted.contains(row) { return nil }
                    defer { next += 1 }
                    return next
                })
        }
        self.newRows = newRows
        rowCount = Int(next)
    }

    /// Builds the merged segment: rows, indexes and graphs.
    func run(
        threads: Int, progress: (@Sendable (Int) -> Void)?, isCancelled: @escaping @Sendable () -> Bool
    ) throws -> SegmentView {
        let rows = SegmentRows(schema: schema, capacity: rowCount)
        for (segment, newRow) in zip(inputs, newRows) {
            for row in 0..<segment.rowCount where newRow[row] != nil { rows.append(row, of: segment.rows) }
        }
        let parts = zip(inputs, newRows).map { (indexes: $0.indexes.snapshot, newRow: $1) }
        let indexes = try SegmentIndexes.merging(parts, schema: schema, rowCount: rowCount)
        var merged = SegmentView(number: 0, rows: rows, rowCount: rowCount, indexes: SharedSegmentIndexes(indexes))
        for (name, block) in zip(schema.denseNames, rows.blocks) {
            guard let description = schema.dense[name] else { continue }
            merged.graphs[name] = try HNSWGraph.build(
                block: block, rowCount: rowCount, metric: description.metric, parameters: description.hnsw,
                threads: threads, extending: base?.graphs[name], progress: progress, isCancelled: isCancelled)
        }
        return merged
    }
}

extension SegmentView {
    fileprivate var firstSequence: Int64 { rowCount > 0 ? rows.sequences[0] : .max }
    fileprivate var lastSequence: Int64 { rowCount > 0 ? rows.sequences[rowCount - 1] : 0 }
}

extension SegmentRows {
    fileprivate func append(_ row: Int, of other: SegmentRows) {
        append(id: other.ids[row].id, sequence: other.sequences[row])
        for (block, source) in zip(blocks, other.blocks) {
            block.append(UnsafeBufferPointer(start: source.vector(row), count: source.dimension))
        }
    }
}
