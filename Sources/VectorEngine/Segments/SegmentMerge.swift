import Dispatch
import HNSW
import Synchronization
import Vectors

/// Merges several segments into one. All rows of the largest segment with a graph are copied in their order, or all
/// except the deleted ones; of the other segments the live rows follow.
struct SegmentMerge: Sendable {
    private let schema: CollectionSchema
    /// The segment whose graph is extended; nil if the graph is built from scratch.
    private let base: SegmentView?
    /// All inputs: the base first, the others in the order of their rows' sequences.
    private let inputs: [SegmentView]
    /// For each input and row its row in the result; nil if the row is left out.
    private let newRows: [[UInt32?]]
    /// Whether deleted rows of the base stay, so that its graph can lead through them.
    private let keepsDeleted: Bool
    let rowCount: Int
    private let file: CollectionFile
    /// Whether the result has its payloads in memory, as the inputs have theirs.
    private let keepsContents: Bool

    init(
        _ segments: [SegmentView], schema: CollectionSchema, file: CollectionFile, settings: EngineSettings,
        keepsContents: Bool
    ) {
        self.schema = schema
        self.file = file
        self.keepsContents = keepsContents
        let candidate = segments.filter { segment in
            segment.isSealed && segment.graphs.count == schema.dense.count
                && segment.deletedShare <= settings.rebuildShare
        }.max { $0.rowCount < $1.rowCount }
        // The rows of a segment ascend by sequence, so a base is only kept unchanged if all its rows come before the
        // others.
        let others = segments.filter { $0.number != candidate?.number }.sorted { $0.firstSequence < $1.firstSequence }
        let baseEnd = candidate?.lastSequence ?? 0
        let isFirst = others.allSatisfy { $0.rowCount == 0 || $0.firstSequence > baseEnd }
        base = isFirst ? candidate : nil
        keepsDeleted = base.map { $0.deletedShare <= settings.repairShare } ?? false
        inputs =
            base.map { [$0] + others }
            ?? segments.sorted { $0.firstSequence < $1.firstSequence }
        var next: UInt32 = 0
        var newRows: [[UInt32?]] = []
        for (i, segment) in inputs.enumerated() {
            let keepsAll = i == 0 && keepsDeleted
            newRows.append(
                (0..<segment.rowCount).map { row in
                    if !keepsAll && segment.deleted.contains(row) { return nil }
                    defer { next += 1 }
                    return next
                })
        }
        self.newRows = newRows
        rowCount = Int(next)
    }

    /// Whether a stored graph is extended.
    var extendsGraph: Bool { base != nil }

    /// An estimate of the bytes of the result in the file; the size of the indexes cannot be derived from the inputs.
    var estimatedBytes: Int { Self.graphBytes(schema, rowCount: rowCount) + 64 * rowCount }

    /// The bytes that the graphs of this many rows may take: codes, links on the lowest level, and the levels above it.
    static func graphBytes(_ schema: CollectionSchema, rowCount: Int) -> Int {
        schema.dense.values.reduce(0) { sum, vector in
            let links = vector.hnsw.baseConnections ?? 3 * vector.hnsw.connections
            return sum + rowCount * (vector.dimension + 5 * links + 16)
        }
    }

    /// Builds the merged segment: rows, indexes and graphs.
    func run(
        threads: Int, progress: (@Sendable (Int) -> Void)?, isCancelled: @escaping @Sendable () -> Bool
    ) throws -> SegmentView {
        var merging: [PackedPointID] = []
        merging.reserveCapacity(rowCount)
        let sequences = AppendOnlyColumn<Int64>(capacity: rowCount)
        for (segment, newRow) in zip(inputs, newRows) {
            for row in 0..<segment.rowCount where newRow[row] != nil {
                merging.append(segment.rows.ids[row])
                sequences.append(segment.rows.sequences[row])
            }
        }
        let ids = PointIDColumn(merging)
        let parts = zip(inputs, newRows).map { (indexes: $0.indexes.snapshot, newRow: $1) }
        let indexes = try SegmentIndexes.merging(parts, schema: schema, rowCount: rowCount)
        let pages = RowPages(keys: sequences, rowCount: rowCount)
        var floats: [SegmentFloats] = []
        var graphs: [String: HNSWGraph] = [:]
        for (slot, name) in schema.denseNames.enumerated() {
            guard let description = schema.dense[name] else { continue }
            let known = base?.graphs[name].map { keepsDeleted ? KnownGraph($0) : KnownGraph($0, newRows: newRows[0]) }
            let vectors = try MergedVectors(
                description, slot: slot, known: known, rowCount: rowCount, threads: threads,
                forEach: { try forEachRow($0, $1, $2) })
            graphs[name] = try HNSWGraph.build(
                vectors.buildRows, rowCount: rowCount, parameters: description.hnsw, threads: threads,
                extending: known, progress: progress, isCancelled: isCancelled)
            let stored = StoredFloats(file: file, sequences: sequences, schema: schema, slot: slot, pages: pages)
            floats.append(vectors.block.map { SegmentFloats($0, stored: stored) } ?? SegmentFloats(stored))
        }
        let rows = SegmentRows(ids: ids, sequences: sequences, capacity: rowCount, floats: floats)
        var merged = SegmentView(
            number: 0, rows: rows, rowCount: rowCount, indexes: SharedSegmentIndexes(indexes),
            contents: mergedContents())
        merged.idIndex = IDIndex(ids, rowCount: rowCount)
        merged.graphs = graphs
        // The rows of the base come first.
        merged.deleted = RowSet(rowCount: rowCount)
        if let base, keepsDeleted { merged.deleted.formUnion(base.deleted) }
        merged.deletedCount = merged.deleted.count
        return merged
    }

    /// The contents of the result where every input has its own in memory; they are read when they are needed
    /// elsewhere.
    private func mergedContents() -> SegmentContents {
        let known = inputs.compactMap { $0.contents.resident }
        guard keepsContents, known.count == inputs.count else { return SegmentContents(nil) }
        let merged = RowContents(capacity: rowCount, isSealed: true)
        for (contents, newRow) in zip(known, newRows) {
            for row in newRow.indices {
                guard let new = newRow[row] else { continue }
                merged.append(from: contents, row: row, as: new)
            }
        }
        return SegmentContents(merged)
    }

    /// Calls `body` with every row of the result for which `isWanted` returns true, and its floats in dense vector
    /// `slot`; rows that cannot be read are left out.
    private func forEachRow(
        _ slot: Int, _ isWanted: (Int) -> Bool, _ body: (Int, UnsafePointer<Float>) -> Void
    ) throws {
        for (segment, newRow) in zip(inputs, newRows) {
            let rows = newRow.indices.filter { newRow[$0].map { isWanted(Int($0)) } ?? false }.map { UInt32($0) }
            _ = try segment.rows.floats[slot].forEach(rows) { row, vector in
                if let new = newRow[Int(row)] { body(Int(new), vector) }
            }
        }
    }
}

/// One dense vector of a merged segment: the floats, if they stay in memory, and the codes from which a graph is built.
private struct MergedVectors {
    /// Nil if the floats stay on disk.
    let block: VectorBlock?
    let buildRows: BuildRows

    /// Passes on the wanted rows of one slot.
    typealias ForEachRow =
        @Sendable (
            _ slot: Int, _ isWanted: (Int) -> Bool, _ body: (Int, UnsafePointer<Float>) -> Void
        ) throws -> Void

    /// Rows over which the mean is taken.
    private static let meanRows = 16_384

    /// - Parameter known: a graph over the first rows; its codes are copied.
    init(
        _ description: DenseVectorSchema, slot: Int, known: KnownGraph?, rowCount: Int, threads: Int,
        forEach: ForEachRow
    ) throws {
        let (dimension, metric) = (description.dimension, description.metric)
        guard CodeBlock.supports(metric, dimension: dimension) else {
            let floats = VectorBlock(dimension: dimension, capacity: rowCount)
            floats.appendZeros(rows: rowCount)
            try forEach(slot, { _ in true }) { row, vector in floats.write(vector, row: row) }
            block = floats
            buildRows = .floats(floats, metric)
            return
        }
        let floats = description.isOnDisk ? nil : VectorBlock(dimension: dimension, capacity: rowCount)
        floats?.appendZeros(rows: rowCount)
        let mean = try known?.codes?.mean ?? Self.mean(dimension, slot: slot, rowCount: rowCount, forEach)
        let building = CodeBlock(
            kind: .bytes, metric: metric, dimension: dimension, count: rowCount,
            mean: metric == .euclidean ? mean : nil)
        let walking = CodeBlock(kind: .nibbles, metric: metric, dimension: dimension, count: rowCount, mean: mean)
        let firstNew = known?.copyCodes(to: walking) ?? 0
        // Every thread copies and codes its own rows: the rows that it has copied are in its cache.
        let failure = Mutex<(any Error)?>(nil)
        DispatchQueue.concurrentPerform(iterations: threads) { part in
            let own = rowCount * part / threads..<rowCount * (part + 1) / threads
            withUnsafeTemporaryAllocation(of: Float.self, capacity: dimension) { scratch in
                guard let scratch = scratch.baseAddress else { return }
                do {
                    try forEach(slot, own.contains) { row, vector in
                        floats?.write(vector, row: row)
                        building.encode(row, vector, scratch: scratch)
                        if row >= firstNew { walking.encode(row, vector, scratch: scratch) }
                    }
                } catch {
                    failure.withLock { $0 = error }
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        block = floats
        buildRows = .codes(building: building, walking: walking)
    }

    private static func mean(
        _ dimension: Int, slot: Int, rowCount: Int, _ forEach: ForEachRow
    ) throws -> [Float] {
        let step = max(1, rowCount / meanRows)
        var sums = [Double](repeating: 0, count: dimension)
        var counted = 0
        try forEach(slot, { $0 % step == 0 }) { _, vector in
            for i in 0..<dimension { sums[i] += Double(vector[i]) }
            counted += 1
        }
        return sums.map { Float($0 / Double(max(counted, 1))) }
    }
}

extension SegmentView {
    fileprivate var firstSequence: Int64 { rowCount > 0 ? rows.sequences[0] : .max }
    fileprivate var lastSequence: Int64 { rowCount > 0 ? rows.sequences[rowCount - 1] : 0 }
}
