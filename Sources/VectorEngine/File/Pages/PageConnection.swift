import Files
import GRDB
import GRDBSQLite
import Synchronization

// The pages of the database file as SQLite has it open, and the rows of the table `vectors` in them (`RowPages`).

/// The connection through which a file's pages are read; the first reader opens it.
final class PageConnections: Sendable {
    private let path: String
    private let state = Mutex(State.unopened)

    private enum State {
        case unopened
        case open(PageConnection)
        /// The pages cannot be read, or the file is closed.
        case none
    }

    private let checkpointer: Checkpointer

    init(path: String, _ checkpointer: Checkpointer) {
        self.path = path
        self.checkpointer = checkpointer
    }

    /// Lends the connection; nil while it is lent, and if there is none.
    func withConnection<Result>(_ body: (PageConnection) throws -> Result) throws -> Result? {
        try state.withLockIfAvailable { state in
            if case .unopened = state { state = try opened().map { .open($0) } ?? .none }
            guard case .open(let connection) = state else { return nil }
            return try body(connection)
        } ?? nil
    }

    /// Nil if the pages cannot be read, or the file is gone: SQLite would make an empty one in its place.
    private func opened() throws -> PageConnection? {
        let lock = try DirectoryLock(.opening, directoryOf: path)
        defer { withExtendedLifetime(lock) {} }
        guard CollectionFile.isThere(path) else { return nil }
        return try PageConnection(path: path, CollectionFile.configuration(label: "pages"), checkpointer)
    }

    func close() throws {
        try state.withLock { state in
            if case .open(let connection) = state { try connection.close() }
            state = .none
        }
    }
}

/// A connection that is only used to read pages.
struct PageConnection {
    private let queue: DatabaseQueue
    private let checkpointer: Checkpointer
    let file: PageFile
    private let room = PageRoom()

    /// Nil if SQLite's file object is not available.
    init?(path: String, _ configuration: Configuration, _ checkpointer: Checkpointer) throws {
        self.checkpointer = checkpointer
        queue = try DatabaseQueue(path: path, configuration: configuration)
        guard let file = queue.unsafeRead({ PageFile($0) }) else { return nil }
        self.file = file
    }

    /// Memory for one page, for the caller to which the connection is lent.
    func room(for pageBytes: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: room.bytes[..<pageBytes])
    }

    func close() throws { try queue.close() }

    /// Whether everything that had been committed at this call is in the pages, and not only in the write-ahead log.
    func hasAll() -> Bool { checkpointer.bringAllIn() }

    func root(of table: String) throws -> UInt32? {
        try queue.unsafeRead { db in
            var root: UInt32?
            try db.scan("SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name = ?", [table]) {
                root = UInt32(exactly: $0.integer(0))
            }
            return root
        }
    }
}

/// Memory for the largest page of SQLite.
private final class PageRoom: @unchecked Sendable {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 64)

    deinit { bytes.deallocate() }
}

/// The database file as SQLite has it open.
struct PageFile: @unchecked Sendable {
    private let file: UnsafeMutablePointer<sqlite3_file>
    private let reads:
        @convention(c) (UnsafeMutablePointer<sqlite3_file>?, UnsafeMutableRawPointer?, Int32, sqlite3_int64) -> Int32
    /// Pages are numbered from 1.
    private static let headBytes = 100

    /// Nil if the connection has none.
    init?(_ db: Database) {
        guard let connection = db.sqliteConnection else { return nil }
        var file: UnsafeMutablePointer<sqlite3_file>?
        let answer = withUnsafeMutablePointer(to: &file) {
            sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, $0)
        }
        guard answer == SQLITE_OK, let file, let reads = file.pointee.pMethods?.pointee.xRead else { return nil }
        (self.file, self.reads) = (file, reads)
    }

    /// `count` bytes of a page from `offset` on; nil if they cannot be read. `buffer` has the size of a page.
    func read(
        _ page: UInt32, _ offset: UInt16, _ count: Int, into buffer: UnsafeMutableRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        guard page > 0 else { return nil }
        let at = (Int64(page) - 1) * Int64(buffer.count) + Int64(offset)
        guard reads(file, buffer.baseAddress, Int32(clamping: count), at) == SQLITE_OK else { return nil }
        return UnsafeRawBufferPointer(rebasing: buffer[..<count])
    }

    /// Bytes of a page, from the file's header; nil if part of each page is reserved.
    var pageBytes: Int? {
        withUnsafeTemporaryAllocation(byteCount: Self.headBytes, alignment: 8) { buffer in
            guard let head = read(1, 0, Self.headBytes, into: buffer), head[20] == 0 else { return nil }
            let size = Int(head[16]) << 8 | Int(head[17])
            let bytes = size == 1 ? 65_536 : size
            return bytes >= 512 && bytes.nonzeroBitCount == 1 ? bytes : nil
        }
    }

    func kind(_ page: UInt32, _ pageBytes: Int) -> UInt8? {
        withUnsafeTemporaryAllocation(byteCount: pageBytes, alignment: 8) { read(page, 0, pageBytes, into: $0)?[0] }
    }

    /// The children of an interior page and the last key below each; nil if the page is not an interior page.
    func children(of page: UInt32, _ pageBytes: Int, last: Int64) -> [(page: UInt32, last: Int64)]? {
        withUnsafeTemporaryAllocation(byteCount: pageBytes, alignment: 8) { buffer in
            guard let bytes = read(page, 0, pageBytes, into: buffer), bytes[0] == 0x05 else { return nil }
            var reader = PageReader(bytes)
            guard let count = reader.number(at: 3, bytes: 2), let rightmost = reader.number(at: 8, bytes: 4) else {
                return nil
            }
            var children: [(page: UInt32, last: Int64)] = []
            for cell in 0..<Int(count) {
                guard let at = reader.number(at: 12 + 2 * cell, bytes: 2),
                    let child = reader.number(at: Int(at), bytes: 4)
                else { return nil }
                reader.at = Int(at) + 4
                guard let key = reader.varint() else { return nil }
                children.append((child, Int64(bitPattern: key)))
            }
            return children + [(rightmost, last)]
        }
    }
}

/// The beginning of a row of the table `vectors` in a leaf: payload size, key, payload.
struct LeafRow {
    let dense: UnsafeRawBufferPointer
    /// Bytes from its beginning to its end.
    let length: Int
    private let key: Int64
    private let checksum: Int64

    /// Nil if the row of `key` is not here, or not all of it.
    init?(_ bytes: UnsafeRawBufferPointer, _ key: Int64) {
        var cell = PageReader(bytes)
        guard let size = cell.varint(), let found = cell.varint(), Int64(bitPattern: found) == key,
            let columns = cell.columns(size)
        else { return nil }
        (dense, checksum) = columns
        length = cell.at
        self.key = key
    }

    var isWhole: Bool { Int64(StoredRow.denseChecksum(dense, sequence: key)) == checksum }
}

/// The rows of one leaf of the table `vectors`.
struct LeafPage {
    static let kind: UInt8 = 0x0d
    private let bytes: UnsafeRawBufferPointer
    private let count: Int

    /// Nil if the page is not a leaf.
    init?(_ page: UnsafeRawBufferPointer) {
        bytes = page
        guard bytes[0] == Self.kind, let count = PageReader(bytes).number(at: 3, bytes: 2) else { return nil }
        self.count = Int(count)
    }

    /// Where the row of `key` begins; nil if it is not here.
    func offset(of key: Int64) -> UInt16? {
        var low = 0, high = count
        while low < high {
            let middle = (low + high) / 2
            var cell = PageReader(bytes)
            guard let at = cell.number(at: 8 + 2 * middle, bytes: 2), Int(at) < bytes.count else { return nil }
            cell.at = Int(at)
            guard cell.varint() != nil, let found = cell.varint().map({ Int64(bitPattern: $0) }) else { return nil }
            if found == key { return UInt16(at) }
            if found < key { low = middle + 1 } else { high = middle }
        }
        return nil
    }
}

/// Reads numbers of a page; no read goes beyond its bytes.
struct PageReader {
    private let bytes: UnsafeRawBufferPointer
    var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// A big-endian number of up to four bytes.
    func number(at offset: Int, bytes count: Int) -> UInt32? {
        guard offset >= 0, bytes.count - offset >= count else { return nil }
        return (0..<count).reduce(0) { $0 << 8 | UInt32(bytes[offset + $1]) }
    }

    /// Seven bits in each byte; the highest bit says whether another byte follows. The ninth byte has eight bits.
    mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for place in 0..<9 {
            guard at < bytes.count else { return nil }
            let byte = bytes[at]
            at += 1
            if place == 8 { return value << 8 | UInt64(byte) }
            value = value << 7 | UInt64(byte & 0x7f)
            if byte < 0x80 { return value }
        }
        return nil
    }

    /// The columns of a payload of `size` bytes that begins here.
    mutating func columns(_ size: UInt64) -> (dense: UnsafeRawBufferPointer, checksum: Int64)? {
        // A payload that does not fit into the page continues in another one, and the page then has only its beginning.
        guard size <= UInt64(bytes.count - at) else { return nil }
        let start = at
        guard let head = varint(), let key = varint(), key == 0, let dense = varint(), let checksum = varint(),
            dense >= 12, dense % 2 == 0, at == start + Int(clamping: head)
        else { return nil }
        let length = (dense - 12) / 2
        guard length <= UInt64(bytes.count - at) else { return nil }
        let blob = UnsafeRawBufferPointer(rebasing: bytes[at..<at + Int(length)])
        at += Int(length)
        // Integers of 1, 2, 3, 4, 6 and 8 bytes are types 1 to 6; 8 and 9 are the numbers 0 and 1.
        let width: Int
        switch checksum {
        case 1...4: width = Int(checksum)
        case 5, 6: width = 2 * Int(checksum) - 4
        case 8, 9: return (blob, Int64(checksum) - 8)
        default: return nil
        }
        guard bytes.count - at >= width else { return nil }
        var value: Int64 = bytes[at] >= 0x80 ? -1 : 0
        for place in 0..<width { value = value << 8 | Int64(bytes[at + place]) }
        at += width
        return (blob, value)
    }
}
