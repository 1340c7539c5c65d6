import JSON
import Synchronization
import Vectors

// What filters and answers need of a row besides its id, vectors and indexes: the payload's text and its multivectors.
//
// A growing segment has the contents of every row, since its writer holds them anyway. A stored segment reads them from
// the points table when a filter without an index, a payload index or an answer over Qdrant's API first needs them, and
// keeps them packed: one copy of the text, 16 bytes a row beside it. A row never changes, so contents do not either; a
// view reads below its own row count.

/// Where a payload's text is.
private struct TextSpan: BitwiseCopyable, Sendable {
    /// Address of the first byte; 0 where the row has no contents.
    var address: UInt
    var count: Int
}

final class RowContents: @unchecked Sendable {
    private let spans: AppendOnlyColumn<TextSpan>
    private let multi: Mutex<[String: [UInt32: MultiVector]]> = Mutex([:])
    /// Whether no row comes any more.
    let isSealed: Bool
    /// Written by the one writer alone, freed at the end.
    private var chunks: [UnsafeMutableRawBufferPointer] = []
    private var used = 0
    /// Bytes of all texts.
    private(set) var byteCount = 0
    /// Rows whose stored bytes are not what was written, as far as reading them has shown.
    private(set) var damagedRows = RowSet()

    private static let chunkBytes = 256 << 10

    /// - Parameter capacity: rows at most.
    init(capacity: Int, isSealed: Bool) {
        spans = AppendOnlyColumn(capacity: capacity)
        self.isSealed = isSealed
    }

    deinit { for chunk in chunks { chunk.deallocate() } }

    /// Appends the contents of the next row; nil leaves it without any.
    func append(payload text: UnsafeRawBufferPointer?, multi vectors: [String: MultiVector], row: UInt32) {
        if !vectors.isEmpty {
            multi.withLock { for (name, vector) in vectors { $0[name, default: [:]][row] = vector } }
        }
        guard let text, let source = text.baseAddress else {
            spans.append(TextSpan(address: 0, count: 0))
            return
        }
        if chunks.isEmpty || chunks[chunks.count - 1].count - used < text.count {
            chunks.append(.allocate(byteCount: max(Self.chunkBytes, text.count), alignment: 8))
            used = 0
        }
        let target = chunks[chunks.count - 1].baseAddress.map { $0 + used }
        target?.copyMemory(from: source, byteCount: text.count)
        used += text.count
        byteCount += text.count
        spans.append(TextSpan(address: UInt(bitPattern: target), count: text.count))
    }

    func append(_ point: Point, row: UInt32) {
        point.payload.text.withUnsafeBytes { append(payload: $0, multi: point.vectors.multi, row: row) }
    }

    /// Appends what `other` has of its row `row`, as the next row here.
    func append(from other: RowContents, row: Int, as new: UInt32) {
        var vectors: [String: MultiVector] = [:]
        other.multi.withLock { for (name, all) in $0 { vectors[name] = all[UInt32(row)] } }
        if other.isDamaged(row) { noteDamaged(Int(new)) }
        let bytes = UnsafeRawBufferPointer(other.bytes(row))
        append(payload: other.isThere(row) ? bytes : nil, multi: vectors, row: new)
    }

    /// Notes that the next row cannot be read; before `append` leaves it without contents.
    func noteDamaged(_ row: Int) { damagedRows.insert(row) }

    func isDamaged(_ row: Int) -> Bool { isSealed && damagedRows.contains(row) }

    /// Whether the row has contents; a damaged row has none.
    func isThere(_ row: Int) -> Bool { spans[row].address != 0 }

    private func bytes(_ row: Int) -> UnsafeBufferPointer<UInt8> {
        let span = spans[row]
        return UnsafeBufferPointer(start: UnsafePointer(bitPattern: span.address), count: span.count)
    }

    /// Bytes of a row's payload; 0 where the row has no contents.
    func byteCount(_ row: Int) -> Int { spans[row].count }

    /// Runs `body` on the payload of a row; an absent one is empty.
    func withPayload<Result>(_ row: Int, _ body: (PayloadText) throws -> Result) rethrows -> Result {
        try body(PayloadText(JSONScanner(bytes(row))))
    }

    /// The values at a path of a row's payload.
    func values(_ path: PayloadPath, _ row: Int) -> [JSONValue] {
        withPayload(row) { PayloadPath.values(of: $0.nodes(path)) }
    }

    /// The payload's text; nil where the row has no contents.
    func payload(_ row: Int) -> [UInt8]? { isThere(row) ? Array(bytes(row)) : nil }

    func multiVector(_ name: String, _ row: UInt32) -> MultiVector? { multi.withLock { $0[name]?[row] } }

    /// Every multivector of that name by row.
    func multiVectors(_ name: String) -> [UInt32: MultiVector] { multi.withLock { $0[name] ?? [:] } }
}

/// The contents of one segment: there from the start while it grows, read when they are first needed once it is stored.
final class SegmentContents: Sendable {
    private let contents: Mutex<RowContents?>
    /// One reader reads; the others wait for it.
    private let loading = Mutex(())

    init(_ contents: RowContents?) { self.contents = Mutex(contents) }

    /// The contents, where they are in memory.
    var resident: RowContents? { contents.withLock { $0 } }

    func loaded(_ load: () throws -> RowContents) throws -> RowContents {
        if let resident { return resident }
        return try loading.withLock { _ in
            if let resident { return resident }
            let read = try load()
            contents.withLock { $0 = read }
            return read
        }
    }
}
