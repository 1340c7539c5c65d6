import Vectors

/// The newest state of a collection in this process: what the next `Searcher` will show.
///
/// A value behind one lock. Changes arrive in the order of their sequence, from this process's writes or from the
/// change log; each either appends a row to the growing segment or marks one deleted.
struct LiveSegments: Sendable {
    /// Rows of a growing segment before the next one is begun; memory is touched only as rows arrive.
    static let growingCapacity = 16_384

    private(set) var layout: RowLayout
    var schema: CollectionSchema { layout.schema }
    private var dense: [String: DenseName]
    private(set) var segments: [SegmentView] = []
    /// The rows of points in segments that have no index of their ids.
    private var locations: [PointID: RowLocation] = [:]
    /// Payload indexes besides those of the schema; a new segment is begun with them.
    var fields: [PayloadPath: PayloadIndexDefinition] = [:]
    /// The last change that is in.
    private(set) var sequence: Int64
    /// Which set of stored segments these are.
    private(set) var generation: Int64
    /// Whether the last segment takes rows.
    private var isGrowing = false
    private var nextNumber: UInt32 = 0

    init(schema: CollectionSchema, sequence: Int64 = 0, generation: Int64 = 0) {
        layout = RowLayout(schema)
        dense = DenseName.all(schema)
        self.sequence = sequence
        self.generation = generation
    }

    /// Takes a schema over that says nothing else of the rows there are.
    ///
    /// - Returns: false when everything must be read from the file again.
    mutating func take(_ schema: CollectionSchema) -> Bool {
        guard schema.servesViews(of: layout.schema) else { return false }
        layout = RowLayout(schema)
        dense = DenseName.all(schema)
        return true
    }

    /// Gives the segments other numbers than those of `old`, which they replace.
    mutating func renumber(after old: LiveSegments) {
        let first = old.nextNumber
        for i in segments.indices { segments[i].number += first }
        locations = locations.mapValues { RowLocation(segment: $0.segment + first, row: $0.row) }
        nextNumber += first
    }

    func searcher() -> Searcher {
        Searcher(schema: schema, dense: dense, segments: segments, sequence: sequence, fields: fields)
    }

    /// Live rows that no graph reaches.
    var unsealedCount: Int { segments.reduce(0) { $0 + ($1.isSealed ? 0 : $1.liveCount) } }

    /// Live rows that are reached by graphs.
    var sealedCount: Int { segments.reduce(0) { $0 + ($1.isSealed ? $1.liveCount : 0) } }

    /// Deleted rows that graphs still walk over.
    var deletedSealedCount: Int { segments.reduce(0) { $0 + ($1.isSealed ? $1.deletedCount : 0) } }

    var liveCount: Int { segments.reduce(0) { $0 + $1.liveCount } }

    /// Where the newest version of a point stands; nil when there is none.
    func location(of id: PointID) -> RowLocation? {
        if let known = locations[id] { return known }
        // By index: a copy of a segment counts many references.
        for i in segments.indices {
            guard let row = segments[i].idIndex?.row(of: id, where: { !segments[i].deleted.contains(Int($0)) }) else {
                continue
            }
            return RowLocation(segment: segments[i].number, row: row)
        }
        return nil
    }

    // MARK: Changes

    /// A point as it was read from the file.
    mutating func upsert(_ point: Point, sequence: Int64) throws(EngineError) {
        try append(point, sequence: sequence) { [layout] in $0.append(point, sequence: sequence, layout: layout) }
    }

    /// A point as it was written by this process.
    mutating func upsert(_ row: PreparedPoint, sequence: Int64) throws(EngineError) {
        try append(row.point, sequence: sequence) { $0.append(row, sequence: sequence) }
    }

    /// - Parameter appendRow: Puts the row into the rows of the growing segment.
    private mutating func append(
        _ point: Point, sequence: Int64, _ appendRow: (SegmentRows) -> Void
    ) throws(EngineError) {
        markDeleted(point.id, before: sequence)
        if !isGrowing || segments[segments.count - 1].rowCount == segments[segments.count - 1].rows.capacity {
            try beginGrowing(capacity: Self.growingCapacity)
        }
        let last = segments.count - 1
        let row = UInt32(segments[last].rowCount)
        appendRow(segments[last].rows)
        segments[last].contents.resident?.append(point, row: row)
        segments[last].indexes.append(point, row: row, layout: layout)
        segments[last].rowCount += 1
        locations[point.id] = RowLocation(segment: segments[last].number, row: row)
        self.sequence = max(self.sequence, sequence)
    }

    mutating func delete(_ id: PointID, sequence: Int64) {
        if markDeleted(id, before: sequence) { locations[id] = nil }
        self.sequence = max(self.sequence, sequence)
    }

    /// Says that everything up to `sequence` is in, also where the last changes left no trace.
    mutating func advance(to sequence: Int64) { self.sequence = max(self.sequence, sequence) }

    /// Marks the row of a point deleted unless a later change wrote it; answers whether there was one.
    @discardableResult
    private mutating func markDeleted(_ id: PointID, before sequence: Int64) -> Bool {
        guard let location = location(of: id), let i = segments.firstIndex(where: { $0.number == location.segment }),
            segments[i].rows.sequences[Int(location.row)] < sequence
        else { return false }
        segments[i].deleted.insert(Int(location.row))
        segments[i].deletedCount += 1
        return true
    }

    mutating func beginGrowing(capacity: Int) throws(EngineError) {
        var indexes = try SegmentIndexes(schema: schema)
        for (path, definition) in fields { indexes.install(PayloadIndex(path: path, definition: definition)) }
        segments.append(
            SegmentView(
                number: nextNumber, rows: SegmentRows(schema: schema, capacity: capacity), rowCount: 0,
                indexes: SharedSegmentIndexes(indexes),
                contents: SegmentContents(RowContents(capacity: capacity, isSealed: false))))
        nextNumber += 1
        isGrowing = true
    }

    // MARK: Sealing

    /// Ends the growing segment, so that every segment here is immutable but for deletions.
    mutating func freeze() -> [SegmentView] {
        isGrowing = false
        segments.removeAll { $0.rowCount == 0 }
        return segments
    }

    /// Whether all of these segments are still here.
    func contains(_ numbers: Set<UInt32>) -> Bool { numbers.isSubset(of: segments.map(\.number)) }

    /// Rows of segments that are in memory alone: live ones, and deleted ones.
    var flatRows: (live: Int, deleted: Int) {
        segments.reduce((0, 0)) { sum, segment in
            segment.isFlat ? (sum.0 + segment.liveCount, sum.1 + segment.deletedCount) : sum
        }
    }

    /// Ends the growing segment and hands out the segments that are in memory alone.
    mutating func freezeFlat() -> [SegmentView] {
        isGrowing = false
        segments.removeAll { $0.rowCount == 0 }
        return segments.filter(\.isFlat)
    }

    /// Takes segments as they came from the file, numbered from 0 in their order.
    mutating func begin(with stored: [SegmentView]) {
        precondition(segments.isEmpty && nextNumber == 0)
        for var segment in stored {
            segment.number = nextNumber
            nextNumber += 1
            segments.append(segment)
        }
    }

    /// Puts `merged`, which has an index of its ids, in the place of the segments it was made of; what was deleted from
    /// them meanwhile stays deleted.
    mutating func replace(_ inputs: Set<UInt32>, with merged: SegmentView, generation: Int64) {
        var merged = merged
        merged.number = nextNumber
        nextNumber += 1
        // A row that lives in the merged segment lives in one of the inputs; rows of any ascend by sequence.
        var live = RowSet(rowCount: merged.rowCount)
        for input in segments where inputs.contains(input.number) {
            var row = 0
            for from in 0..<input.rowCount where !input.deleted.contains(from) {
                let sequence = input.rows.sequences[from]
                while row < merged.rowCount && merged.rows.sequences[row] < sequence { row += 1 }
                if row < merged.rowCount && merged.rows.sequences[row] == sequence { live.insert(row) }
            }
        }
        merged.deleted = RowSet(allOf: merged.rowCount)
        merged.deleted.subtract(live)
        merged.deletedCount = merged.deleted.count
        segments.removeAll { inputs.contains($0.number) }
        locations = locations.filter { !inputs.contains($0.value.segment) }
        self.generation = generation
        segments.insert(merged, at: isGrowing ? max(0, segments.count - 1) : segments.count)
    }
}

extension SegmentRows {
    /// Appends a point of the segment's own layout, from the bytes it was written as.
    func append(_ row: PreparedPoint, sequence: Int64) {
        append(id: row.point.id, sequence: sequence)
        row.dense.withUnsafeBytes { bytes in
            var at = floats.count
            for (i, floats) in floats.enumerated() {
                let block = floats.growing
                if bytes[i] == 1 {
                    let end = at + block.dimension * MemoryLayout<Float>.stride
                    block.append(bytes: UnsafeRawBufferPointer(rebasing: bytes[at..<end]))
                    at = end
                } else {
                    block.appendZeros(rows: 1)
                }
            }
        }
    }

    /// Appends one point: its id, its sequence and a row in every block.
    func append(_ point: Point, sequence: Int64, layout: RowLayout) {
        append(id: point.id, sequence: sequence)
        for (vector, floats) in zip(layout.dense, floats) {
            let block = floats.growing
            if let vector = point.vectors.dense[vector.name] {
                vector.withUnsafeBufferPointer { block.append($0) }
            } else {
                block.appendZeros(rows: 1)
            }
        }
    }
}
