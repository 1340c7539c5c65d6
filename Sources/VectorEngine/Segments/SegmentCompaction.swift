import Vectors

/// Flat segments made into one without their deleted rows.
///
/// A point that is written again leaves a deleted row behind. A collection that is too small to be sealed would keep all
/// of them in memory for as long as the process lives. This changes nothing in the file, and every process does it for
/// itself.
struct SegmentCompaction {
    /// Deleted flat rows that are left in any case.
    static let keptDeletedRows = 2048

    /// Whether flat segments with so many rows are worth the copying: the work is at most that of the writes that made
    /// it necessary.
    static func isDue(liveRows: Int, deletedRows: Int) -> Bool { deletedRows > max(keptDeletedRows, liveRows) }

    let schema: CollectionSchema
    /// In the order of their rows' sequences.
    let segments: [SegmentView]

    /// - Throws: what reading floats throws.
    func run() throws -> SegmentView {
        var next: UInt32 = 0
        let newRows = segments.map { segment in
            (0..<segment.rowCount).map { row -> UInt32? in
                guard !segment.deleted.contains(row) else { return nil }
                defer { next += 1 }
                return next
            }
        }
        let rowCount = Int(next)
        let sequences = AppendOnlyColumn<Int64>(capacity: rowCount)
        let contents = RowContents(capacity: rowCount, isSealed: true)
        var merging: [PackedPointID] = []
        merging.reserveCapacity(rowCount)
        for (segment, newRow) in zip(segments, newRows) {
            for row in 0..<segment.rowCount {
                guard let new = newRow[row] else { continue }
                merging.append(segment.rows.ids[row])
                sequences.append(segment.rows.sequences[row])
                if let known = segment.contents.resident { contents.append(from: known, row: row, as: new) }
            }
        }
        let ids = PointIDColumn(merging)
        let indexes = try SegmentIndexes.merging(
            zip(segments, newRows).map { ($0.indexes.snapshot, $1) }, schema: schema, rowCount: rowCount)
        let floats = try schema.denseDimensions.enumerated().map { slot, dimension in
            try block(slot, dimension: dimension, rowCount: rowCount, newRows)
        }
        let hasContents = segments.allSatisfy { $0.contents.resident != nil }
        var compacted = SegmentView(
            number: 0, rows: SegmentRows(ids: ids, sequences: sequences, capacity: rowCount, floats: floats),
            rowCount: rowCount, indexes: SharedSegmentIndexes(indexes),
            contents: SegmentContents(hasContents ? contents : nil))
        compacted.idIndex = IDIndex(ids, rowCount: rowCount)
        compacted.deleted = RowSet(rowCount: rowCount)
        return compacted
    }

    private func block(
        _ slot: Int, dimension: Int, rowCount: Int, _ newRows: [[UInt32?]]
    ) throws -> SegmentFloats {
        let block = VectorBlock(dimension: dimension, capacity: rowCount)
        block.appendZeros(rows: rowCount)
        for (segment, newRow) in zip(segments, newRows) {
            let live = newRow.indices.filter { newRow[$0] != nil }.map { UInt32($0) }
            _ = try segment.rows.floats[slot].forEach(live) { row, vector in
                if let new = newRow[Int(row)] { block.write(vector, row: Int(new)) }
            }
        }
        return SegmentFloats(block)
    }
}
