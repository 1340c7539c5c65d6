import Files
import Foundation

// The shipped log: every change of a collection as it was committed, in files that are never changed once they have
// their name, `<first sequence before>-<last sequence>.clog` (20 digits each). Numbers are little-endian.
//
//     header   "CXCLOG\n\0" | version u32 | store id 16 bytes | from i64 | CRC-32C u32 of the above
//     frame    length u32 of body | body | CRC-32C u32 of length and body
//
// A body begins with its kind u8 and its sequence i64:
//
//     1 upsert   id | payload | sparse | dense (each: length u32, bytes) | row checksum u32 | dense checksum u32
//     2 delete   id
//     3 commit   at i64 (µs since 1970) | count i64 | ids u64 | rows u64     what the points add up to after it
//     4 end      frames before it i64
//
// Rows are written as they are stored; encrypted rows stay encrypted. `from` is the change before the first one. A file
// ends with a commit and then the end frame, so a file that was cut is noticed, and consecutive files meet without a
// gap.

/// One entry of the shipped log.
enum LogEntry: Sendable, Equatable {
    case upsert(LoggedRow)
    case delete(sequence: Int64, key: [UInt8])
    case commit(LoggedCommit)

    var sequence: Int64 {
        switch self {
        case .upsert(let row): row.sequence
        case .delete(let sequence, _): sequence
        case .commit(let commit): commit.sequence
        }
    }
}

/// The end of a transaction.
struct LoggedCommit: Sendable, Equatable {
    /// Its last change.
    let sequence: Int64
    /// Microseconds since 1970.
    let at: Int64
    /// The tally of the points after it.
    let tally: PointTally
}

enum ChangeLogFile {
    static let magic: [UInt8] = Array("CXCLOG\n\0".utf8)
    static let version: UInt32 = 1
    static let suffix = ".clog"
    static let headerBytes = 40
    /// The most bytes of a frame, which holds one row: more than the payload, the sparse and all dense vectors of one
    /// point can have.
    static let frameBytes = 1 << 30

    static func name(from: Int64, through: Int64) -> String { digits(from) + "-" + digits(through) + suffix }

    private static func digits(_ number: Int64) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, 20 - text.count)) + text
    }

    /// The range in a file's name; nil if the file is not part of the log.
    static func range(ofName name: String) -> (from: Int64, through: Int64)? {
        guard name.hasSuffix(suffix) else { return nil }
        let parts = name.dropLast(suffix.count).split(separator: "-")
        guard parts.count == 2, let from = Int64(parts[0]), let through = Int64(parts[1]), from < through else {
            return nil
        }
        return (from, through)
    }
}

/// Writes one file of the log; it gets its name in `finish`.
final class ChangeLogWriter {
    private let temporary: String
    private let file: FileHandle
    private var pending: [UInt8] = []
    private var frameCount: Int64 = 0
    private(set) var sizeBytes = 0
    private static let flushBytes = 1 << 20

    /// - Parameter directory: Must exist.
    init(directory: String, storeID: UUID, from: Int64) throws {
        temporary = directory + "/new-" + UUID().uuidString
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var header = ChangeLogFile.magic + ChangeLogFile.version.littleEndianBytes
        header += storeID.bytes + from.littleEndianBytes
        pending = header + crc32c(header).littleEndianBytes
    }

    deinit { unlink(temporary) }

    func append(_ entry: LogEntry) throws {
        var body: [UInt8] = []
        switch entry {
        case .upsert(let row):
            body.reserveCapacity(64 + row.key.count + row.payload.count + row.sparse.count + row.dense.count)
            body.append(1)
            body += row.sequence.littleEndianBytes
            for bytes in [row.key, row.payload, row.sparse, row.dense] {
                body += UInt32(bytes.count).littleEndianBytes
                body += bytes
            }
            body += UInt32(truncatingIfNeeded: row.checksum).littleEndianBytes
            body += UInt32(truncatingIfNeeded: row.denseChecksum).littleEndianBytes
        case .delete(let sequence, let key):
            body = [2] + sequence.littleEndianBytes + UInt32(key.count).littleEndianBytes + key
        case .commit(let commit):
            body = [3] + commit.sequence.littleEndianBytes + commit.at.littleEndianBytes
            body += commit.tally.count.littleEndianBytes + commit.tally.ids.littleEndianBytes
            body += commit.tally.rows.littleEndianBytes
        }
        try put(body)
        frameCount += 1
    }

    private func put(_ body: [UInt8]) throws {
        let length = UInt32(body.count).littleEndianBytes
        pending += length
        pending += body
        pending += crc32c(body, seed: crc32c(length)).littleEndianBytes
        if pending.count >= Self.flushBytes { try flush() }
    }

    private func flush() throws {
        sizeBytes += pending.count
        try file.write(contentsOf: pending)
        pending.removeAll(keepingCapacity: true)
    }

    /// Closes the file; it is on disk and has its name when this returns.
    func finish(at path: String) throws {
        try put([4] + Int64(frameCount).littleEndianBytes)
        try flush()
        guard fsync(file.fileDescriptor) == 0, rename(temporary, path) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
        try DirectorySync.syncParent(of: path)
    }
}

/// Reads one file of the log from its start; everything is checked before it is returned.
struct ChangeLogReader {
    let storeID: UUID
    /// The change before the first one.
    let from: Int64
    private let path: String
    private let bytes: Data
    private var at: Int
    private var frameCount: Int64 = 0
    private var isAtEnd = false

    /// - Throws: `damaged`.
    init(path: String) throws(EngineError) {
        self.path = path
        do {
            bytes = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
        } catch {
            throw EngineError(.damaged, "a part of the shipped log cannot be read: \(path)", cause: error)
        }
        let header = Array(bytes.prefix(ChangeLogFile.headerBytes))
        guard header.count == ChangeLogFile.headerBytes, header.starts(with: ChangeLogFile.magic),
            UInt32(littleEndianBytes: header[36..<40]) == crc32c(header[..<36]),
            let id = UUID(bytes: header[12..<28]), let from = Int64(littleEndianBytes: header[28..<36])
        else { throw Self.damaged(path, at: 0) }
        guard UInt32(littleEndianBytes: header[8..<12]) == ChangeLogFile.version else {
            throw EngineError(.unsupportedFormat, "\(path) was written by a newer cortex; use that one")
        }
        storeID = id
        self.from = from
        at = ChangeLogFile.headerBytes
    }

    private static func damaged(_ path: String, at place: Int) -> EngineError {
        EngineError(.damaged, "the shipped log \(path) is damaged (at byte \(place))")
    }

    /// The next entry; nil at the end of a complete file.
    mutating func next() throws(EngineError) -> LogEntry? {
        if isAtEnd { return nil }
        let start = at
        var frame = FrameReader(bytes: bytes, at: at)
        guard let length = frame.number(UInt32.self), length <= ChangeLogFile.frameBytes,
            let body = frame.take(Int(length)), let check = frame.number(UInt32.self),
            check == crc32c(body, seed: crc32c(length.littleEndianBytes))
        else { throw Self.damaged(path, at: start) }
        at = frame.at
        var fields = FrameReader(bytes: body, at: body.startIndex)
        guard let kind = fields.number(UInt8.self), let sequence = fields.number(Int64.self) else {
            throw Self.damaged(path, at: start)
        }
        if kind == 4 {
            guard sequence == frameCount, at == bytes.endIndex else { throw Self.damaged(path, at: start) }
            isAtEnd = true
            return nil
        }
        frameCount += 1
        guard let entry = Self.entry(kind, sequence, &fields) else { throw Self.damaged(path, at: start) }
        return entry
    }

    private static func entry(_ kind: UInt8, _ sequence: Int64, _ fields: inout FrameReader) -> LogEntry? {
        switch kind {
        case 1:
            guard let key = fields.field(), let payload = fields.field(), let sparse = fields.field(),
                let dense = fields.field(), let checksum = fields.number(UInt32.self),
                let denseChecksum = fields.number(UInt32.self)
            else { return nil }
            let row = LoggedRow(
                sequence: sequence, key: key, payload: payload, sparse: sparse, dense: dense,
                checksum: Int64(checksum), denseChecksum: Int64(denseChecksum))
            return row.isWhole ? .upsert(row) : nil
        case 2: return fields.field().map { .delete(sequence: sequence, key: $0) }
        case 3:
            guard let at = fields.number(Int64.self), let count = fields.number(Int64.self),
                let ids = fields.number(UInt64.self), let rows = fields.number(UInt64.self)
            else { return nil }
            return .commit(
                LoggedCommit(sequence: sequence, at: at, tally: PointTally(count: count, ids: ids, rows: rows)))
        default: return nil
        }
    }
}

/// Reads numbers and fields from the front of some bytes; nil if there are too few.
private struct FrameReader {
    let bytes: Data
    var at: Int

    mutating func take(_ count: Int) -> Data? {
        guard count >= 0, bytes.endIndex - at >= count else { return nil }
        defer { at += count }
        return bytes[at..<at + count]
    }

    mutating func number<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
        take(Number.bitWidth / 8).flatMap { Number(littleEndianBytes: $0) }
    }

    /// A length and as many bytes.
    mutating func field() -> [UInt8]? {
        guard let count = number(UInt32.self) else { return nil }
        return take(Int(count)).map(Array.init)
    }
}

extension UUID {
    var bytes: [UInt8] {
        let id = uuid
        return [
            id.0, id.1, id.2, id.3, id.4, id.5, id.6, id.7, id.8, id.9, id.10, id.11, id.12, id.13, id.14, id.15,
        ]
    }

    /// Nil unless there are 16 bytes.
    init?(bytes: some Collection<UInt8>) {
        let b = Array(bytes)
        guard b.count == 16 else { return nil }
        self.init(
            uuid: (
                b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]
            ))
    }
}
