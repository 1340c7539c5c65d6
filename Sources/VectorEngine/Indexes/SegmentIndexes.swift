import JSON
import Synchronization
import Vectors

/// The inverted side of one segment: sparse vectors, payload members, and which rows lack which vector.
struct SegmentIndexes: Sendable {
    private(set) var sparse: [String: SparseIndex] = [:]
    private(set) var payload: [String: PayloadIndex] = [:]
    /// Rows without the dense or sparse vector of that name.
    private(set) var missing: [String: RowSet] = [:]

    init(schema: CollectionSchema) throws(EngineError) {
        for name in schema.sparse.keys {
            sparse[name] = SparseIndex()
            missing[name] = RowSet()
        }
        for name in schema.dense.keys { missing[name] = RowSet() }
        for (path, kind) in schema.payloadIndexes { payload[path] = try PayloadIndex(path: path, kind: kind) }
    }

    mutating func append(_ point: Point, row: UInt32, layout: RowLayout) {
        for (name, _) in layout.dense where point.vectors.dense[name] == nil { missing[name]?.insert(Int(row)) }
        for name in layout.sparseNames where point.vectors.sparse[name] == nil { missing[name]?.insert(Int(row)) }
        for (name, vector) in point.vectors.sparse { sparse[name]?.append(vector, row: row) }
        if !payload.isEmpty {
            let members = point.payload.object
            // Copies of the keys: a view of them would keep the dictionary shared, and a change would copy all it
            // holds.
            for path in Array(payload.keys) { payload[path]?.append(members, row: row) }
        }
    }

    /// Adds payload indexes over the rows there are; `payload` is asked once a row, in order.
    mutating func add(
        _ added: [String: PayloadIndexKind], rowCount: Int, payload members: (Int) throws -> JSONObject
    ) throws {
        var growing: [String: PayloadIndex] = [:]
        for (path, kind) in added { growing[path] = try PayloadIndex(path: path, kind: kind) }
        for row in 0..<rowCount {
            let members = try members(row)
            for path in added.keys { growing[path]?.append(members, row: UInt32(row)) }
        }
        // A stored segment's indexes are sealed; merging one alone, every row staying itself, seals it.
        let same = (0..<rowCount).map { UInt32?(UInt32($0)) }
        for (path, index) in growing { payload[path] = PayloadIndex.merging([(index, same)], rowCount: rowCount) }
    }

    /// Indexes of several segments as one, rows renumbered by each part's `newRow` (nil: the row is gone).
    static func merging(
        _ parts: [(indexes: SegmentIndexes, newRow: [UInt32?])], schema: CollectionSchema, rowCount: Int
    ) throws(EngineError) -> SegmentIndexes {
        var merged = try SegmentIndexes(schema: schema)
        for name in schema.sparse.keys {
            merged.sparse[name] = SparseIndex.merging(
                parts.compactMap { part in part.indexes.sparse[name].map { ($0, part.newRow) } })
        }
        for path in schema.payloadIndexes.keys {
            merged.payload[path] = PayloadIndex.merging(
                parts.compactMap { part in part.indexes.payload[path].map { ($0, part.newRow) } }, rowCount: rowCount)
        }
        for name in Array(merged.missing.keys) {
            for part in parts {
                part.indexes.missing[name]?.forEach { row in
                    if row < part.newRow.count, let kept = part.newRow[row] { merged.missing[name]?.insert(Int(kept)) }
                }
            }
        }
        return merged
    }

    // MARK: Bytes

    private static let magic: UInt32 = 0x4958_4443  // "CDXI"
    private static let version: UInt32 = 1

    func blob(schema: CollectionSchema) -> [UInt8] {
        var blob = BlobWriter(magic: Self.magic, version: Self.version)
        for name in schema.sparseNames { sparse[name]?.write(to: &blob) }
        for name in missing.keys.sorted() { blob.put(missing[name]?.words ?? []) }
        blob.put(UInt64(payload.count))
        for path in payload.keys.sorted() {
            guard let index = payload[path] else { continue }
            blob.put(path)
            blob.put(index.kind.rawValue)
            index.write(to: &blob)
        }
        return blob.finish()
    }

    /// - Throws: `BlobError` when the bytes are damaged, cut or of another schema.
    init(bytes: UnsafeRawBufferPointer, schema: CollectionSchema, rowCount: Int) throws {
        try self.init(schema: schema)
        var blob = try BlobReader(bytes, magic: Self.magic, version: Self.version)
        for name in schema.sparseNames { sparse[name] = try SparseIndex(from: &blob, rowCount: rowCount) }
        for name in missing.keys.sorted() { missing[name] = RowSet(words: try blob.array(of: UInt64.self)) }
        guard try blob.number(UInt64.self) == UInt64(schema.payloadIndexes.count) else { throw BlobError.truncated }
        for (path, kind) in schema.payloadIndexes.sorted(by: { $0.key < $1.key }) {
            guard try blob.text() == path, try blob.text() == kind.rawValue else { throw BlobError.truncated }
            payload[path] = try PayloadIndex(path: path, kind: kind, from: &blob, rowCount: rowCount)
        }
    }
}

/// A segment's indexes behind the lock that lets a growing one be read while rows arrive.
///
/// The lock is held for one row's insertion or one filter's evaluation, never across I/O; a sealed segment's lock is
/// never contended.
final class SharedSegmentIndexes: Sendable {
    private let indexes: Mutex<SegmentIndexes>
    private let answers = Mutex<[FilterAnswer]>([])

    /// Rows that matched a filter when the segment had `rowCount` rows and so many of them were deleted. A row never
    /// changes, so the answer holds as long as none is added and none deleted.
    private struct FilterAnswer {
        let filter: Filter
        let rowCount: Int
        let deletedCount: Int
        let rows: RowSet
    }

    /// Filters whose rows are remembered, the last asked for first.
    private static let rememberedFilters = 16

    init(_ indexes: SegmentIndexes) { self.indexes = Mutex(indexes) }

    func read<Result>(_ body: (borrowing SegmentIndexes) throws -> sending Result) rethrows -> Result {
        try indexes.withLock { try body($0) }
    }

    /// The live rows of `view`, a view of this segment, that match `filter`, where it was asked of as many rows before;
    /// what was deleted since is taken off and the rest remembered in its place.
    func remembered(_ filter: Filter, _ view: SegmentView) -> RowSet? {
        let answer = answers.withLock { answers -> FilterAnswer? in
            // A view that is older than the answer lacks rows in it that were deleted later.
            guard
                let at = answers.firstIndex(where: {
                    $0.rowCount == view.rowCount && $0.deletedCount <= view.deletedCount && $0.filter == filter
                })
            else { return nil }
            if at > 0 { answers.swapAt(0, at) }
            return answers[0]
        }
        guard let answer, answer.deletedCount < view.deletedCount else { return answer?.rows }
        var rows = answer.rows
        rows.subtract(view.deleted)
        return remember(filter, view, rows: rows)
    }

    /// Keeps the live rows of `view` that match `filter`, and hands them back counted.
    func remember(_ filter: Filter, _ view: SegmentView, rows: RowSet) -> RowSet {
        var rows = rows
        rows.listMembers()
        answers.withLock { answers in
            answers.removeAll { $0.filter == filter }
            if answers.count == Self.rememberedFilters { answers.removeLast() }
            answers.insert(
                FilterAnswer(filter: filter, rowCount: view.rowCount, deletedCount: view.deletedCount, rows: rows),
                at: 0)
        }
        return rows
    }

    func append(_ point: Point, row: UInt32, layout: RowLayout) {
        indexes.withLock { $0.append(point, row: row, layout: layout) }
    }

    /// A copy for merging; the segment must no longer grow.
    var snapshot: SegmentIndexes { indexes.withLock { $0 } }
}
