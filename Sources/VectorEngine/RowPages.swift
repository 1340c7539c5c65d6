import GRDB
import GRDBSQLite
import Synchronization

// Reads rows of `vectors` from the pages of the database file, past SQLite's cursors: a search that keeps its floats on
// disk wants some fifteen rows, and a statement spends twice the time of the reading on finding each.
//
// A page is asked for through SQLite's own file object (`SQLITE_FCNTL_FILE_POINTER`, `xRead`), never by a descriptor of
// ours: closing one would take away every lock this process holds on the file.
//
// What comes back may be anything: the newest version of a page may still lie in the write-ahead log, and a page may
// have been given to another table since. It is believed only where a row of the wanted key is found in it whose bytes
// have the checksum that belongs to this very key (`StoredRow.denseChecksum`). A row never changes under its key, so
// such bytes are the row, whenever they were written. Whatever is not found so is read by a statement.
//
// Layout (https://sqlite.org/fileformat2.html#b_tree_pages), numbers big-endian:
//
//     interior page   05, u16, u16 cells, u16, u8, u32 rightmost child, u16 [cells]; a cell: u32 child, varint last key
//     leaf page       0d, u16, u16 cells, u16, u8, u16 [cells]; a cell: varint payload size, varint key, payload
//     payload         varint header size, varint type of each column, then the columns: null (it is the key), dense,
//                     checksum

/// Where the rows of `vectors` with some keys stand in the file.
final class RowPages: Sendable {
    private let keys: AppendOnlyColumn<Int64>
    private let rowCount: Int
    private let known = Mutex<Known>(Known())

    private struct Known {
        /// The page of each row; empty before it has been looked for and where it cannot be found.
        var pages: [UInt32] = []
        var pageBytes = 0
        /// Rows that were not where they should be since the pages were last looked for.
        var missed = RowPages.missesToLookAgain
    }

    /// So many rows have to be read by statements before the pages are looked for again.
    private static let missesToLookAgain = 256
    /// More levels no tree of SQLite has.
    private static let mostLevels = 20
    private static let fileHeadBytes = 100

    /// - Parameter keys: ascending.
    init(keys: AppendOnlyColumn<Int64>, rowCount: Int) {
        (self.keys, self.rowCount) = (keys, rowCount)
    }

    /// Calls `body` with the place in `rows` and the stored bytes of each row found, which are valid during the call.
    ///
    /// - Returns: the places of the rows that were not found.
    func read(
        _ rows: UnsafeBufferPointer<UInt32>, _ db: Database,
        _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> [Int] {
        guard let file = PageFile(db) else { return Array(rows.indices) }
        let (pages, pageBytes) = try known.withLock { known in
            if known.missed >= Self.missesToLookAgain { known = try found(in: file, db) }
            return (known.pages, known.pageBytes)
        }
        guard !pages.isEmpty else { return noted(Array(rows.indices)) }
        var missing: [Int] = []
        try withUnsafeTemporaryAllocation(byteCount: pageBytes, alignment: 64) { page in
            for (place, row) in rows.enumerated() {
                let key = keys[Int(row)]
                guard file.read(pages[Int(row)], into: page), let stored = LeafPage(page)?.row(key),
                    Int64(StoredRow.denseChecksum(stored.dense, sequence: key)) == stored.checksum
                else {
                    missing.append(place)
                    continue
                }
                try body(place, stored.dense)
            }
        }
        return noted(missing)
    }

    private func noted(_ missing: [Int]) -> [Int] {
        if !missing.isEmpty { known.withLock { $0.missed += missing.count } }
        return missing
    }

    /// Looks for the page of every row: goes through the interior pages, one in some hundred.
    private func found(in file: PageFile, _ db: Database) throws -> Known {
        var known = Known(missed: 0)
        var root: UInt32?
        try db.scan("SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name = 'vectors'") {
            root = UInt32(exactly: $0.integer(0))
        }
        guard let root, let pageBytes = file.pageBytes else { return known }
        known.pageBytes = pageBytes
        var pages: [UInt32] = []
        pages.reserveCapacity(rowCount)
        var level: [(page: UInt32, last: Int64)] = [(root, .max)]
        for _ in 0..<Self.mostLevels {
            guard let first = level.first, let kind = file.kind(first.page, pageBytes) else { return known }
            if kind == LeafPage.kind {
                for leaf in level {
                    while pages.count < rowCount, keys[pages.count] <= leaf.last { pages.append(leaf.page) }
                }
                if pages.count == rowCount { known.pages = pages }
                return known
            }
            var next: [(page: UInt32, last: Int64)] = []
            for node in level {
                guard let children = file.children(of: node.page, pageBytes, last: node.last) else { return known }
                next += children
                guard next.count <= rowCount + 1 else { return known }
            }
            level = next
        }
        return known
    }
}

/// The database file as SQLite has it open.
private struct PageFile {
    private let file: UnsafeMutablePointer<sqlite3_file>
    private let reads:
        @convention(c) (
            UnsafeMutablePointer<sqlite3_file>?, UnsafeMutableRawPointer?, Int32, sqlite3_int64
        ) -> Int32

    /// nil where the connection has none.
    init?(_ db: Database) {
        guard let connection = db.sqliteConnection else { return nil }
        var file: UnsafeMutablePointer<sqlite3_file>?
        let answer = withUnsafeMutablePointer(to: &file) {
            sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, $0)
        }
        guard answer == SQLITE_OK, let file, let reads = file.pointee.pMethods?.pointee.xRead else { return nil }
        (self.file, self.reads) = (file, reads)
    }

    private func read(at offset: Int64, into bytes: UnsafeMutableRawBufferPointer) -> Bool {
        reads(file, bytes.baseAddress, Int32(clamping: bytes.count), offset) == SQLITE_OK
    }

    /// Pages are numbered from 1.
    func read(_ page: UInt32, into bytes: UnsafeMutableRawBufferPointer) -> Bool {
        page > 0 && read(at: (Int64(page) - 1) * Int64(bytes.count), into: bytes)
    }

    /// Bytes of a page, as the file's head says; nil where part of each is reserved.
    var pageBytes: Int? {
        withUnsafeTemporaryAllocation(byteCount: 100, alignment: 8) { head in
            guard read(at: 0, into: head), head[20] == 0 else { return nil }
            let size = Int(head[16]) << 8 | Int(head[17])
            let bytes = size == 1 ? 65_536 : size
            return bytes >= 512 && bytes.nonzeroBitCount == 1 ? bytes : nil
        }
    }

    func kind(_ page: UInt32, _ pageBytes: Int) -> UInt8? {
        withUnsafeTemporaryAllocation(byteCount: pageBytes, alignment: 8) { read(page, into: $0) ? $0[0] : nil }
    }

    /// The children of an interior page and the last key below each; nil when it is none.
    func children(of page: UInt32, _ pageBytes: Int, last: Int64) -> [(page: UInt32, last: Int64)]? {
        withUnsafeTemporaryAllocation(byteCount: pageBytes, alignment: 8) { bytes in
            guard read(page, into: bytes), bytes[0] == 0x05 else { return nil }
            var reader = PageReader(UnsafeRawBufferPointer(bytes))
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

/// The rows of one leaf of the table `vectors`.
private struct LeafPage {
    static let kind: UInt8 = 0x0d
    private let bytes: UnsafeRawBufferPointer
    private let count: Int

    /// nil when the page is none.
    init?(_ page: UnsafeMutableRawBufferPointer) {
        bytes = UnsafeRawBufferPointer(page)
        guard bytes[0] == Self.kind, let count = PageReader(bytes).number(at: 3, bytes: 2) else { return nil }
        self.count = Int(count)
    }

    /// The row of `key`; nil when it is not here, or not all of it.
    func row(_ key: Int64) -> (dense: UnsafeRawBufferPointer, checksum: Int64)? {
        var low = 0, high = count
        while low < high {
            let middle = (low + high) / 2
            var cell = PageReader(bytes)
            guard let at = cell.number(at: 8 + 2 * middle, bytes: 2) else { return nil }
            cell.at = Int(at)
            guard let size = cell.varint(), let found = cell.varint().map({ Int64(bitPattern: $0) }) else { return nil }
            if found == key { return cell.columns(size) }
            if found < key { low = middle + 1 } else { high = middle }
        }
        return nil
    }
}

/// Reads numbers of a page; every read is bounded by the bytes that are there.
private struct PageReader {
    private let bytes: UnsafeRawBufferPointer
    var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// A big-endian number of up to four bytes.
    func number(at offset: Int, bytes count: Int) -> UInt32? {
        guard offset >= 0, bytes.count - offset >= count else { return nil }
        return (0..<count).reduce(0) { $0 << 8 | UInt32(bytes[offset + $1]) }
    }

    /// Seven bits a byte, the highest says whether another follows; the ninth has eight.
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
        // A payload that does not fit the page goes on elsewhere, and so does the page's own rest of it.
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
        return (blob, value)
    }
}
