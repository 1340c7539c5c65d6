import Synchronization

// Reads rows of `vectors` from the pages of the database file, without SQLite's cursors: a search with floats on disk
// needs some fifteen rows, and finding each with a statement takes twice as long as reading it.
//
// A page is read through SQLite's own file object (`SQLITE_FCNTL_FILE_POINTER`, `xRead`), never through a descriptor of
// ours: closing one would release every lock that this process holds on the file.
//
// The page may have any content: the newest version of a page may be in the write-ahead log, and the page may now
// belong to another table. Its bytes are only used if they contain a row of the wanted key with the checksum of that
// very key (`StoredRow.denseChecksum`). A row changes under its key only when all vectors of a collection are replaced,
// which also removes its segments. Rows of the segments that come after are only looked for when everything committed
// is in the file. Rows that are not found this way are read by a statement.
//
// Layout (https://sqlite.org/fileformat2.html#b_tree_pages), numbers big-endian:
//
//     interior page   05, u16, u16 cells, u16, u8, u32 rightmost child, u16 [cells]; a cell: u32 child, varint last key
//     leaf page       0d, u16, u16 cells, u16, u8, u16 [cells]; a cell: varint payload size, varint key, payload
//     payload         varint header size, varint type of each column, then the columns: null (it is the key), dense,
//                     checksum

/// The positions in the file of the rows of `vectors` with some keys.
final class RowPages: Sendable {
    private let keys: AppendOnlyColumn<Int64>
    private let rowCount: Int
    private let known = Mutex<Known>(Known())

    private struct Known {
        /// The position of each row; empty before they have been looked for, and if they cannot be found.
        var spots: [Spot] = []
        /// The bytes of the longest row that was met.
        var longest = 0
        var pageBytes = 0
        /// Rows that were not at their position since the pages were last looked for.
        var missed = RowPages.missesToLookAgain
    }

    /// Where a row is looked for.
    private struct Spot {
        var page: UInt32
        /// Its last known position in the page; 0 before it is known.
        var offset: UInt16 = 0
    }

    /// The number of rows that statements have to read before the pages are looked for again.
    private static let missesToLookAgain = 256
    /// More levels than any tree of SQLite has.
    private static let mostLevels = 20

    /// - Parameter keys: ascending.
    init(keys: AppendOnlyColumn<Int64>, rowCount: Int) {
        (self.keys, self.rowCount) = (keys, rowCount)
    }

    /// Calls `body` with the position in `rows` and the stored bytes of each row that is found; the bytes are valid
    /// during the call.
    ///
    /// - Returns: the positions of the rows that were not found.
    func read(
        _ rows: UnsafeBufferPointer<UInt32>, in connection: PageConnection,
        _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> [Int] {
        let file = connection.file, keys = keys
        var missing: [Int] = []
        var met: [(row: UInt32, offset: UInt16, length: Int)] = []
        try withUnsafeTemporaryAllocation(of: (key: Int64, spot: Spot).self, capacity: rows.count) { places in
            let (isKnown, longest, pageBytes) = try known.withLock { known in
                if known.missed >= Self.missesToLookAgain { known = try found(in: connection) }
                guard !known.spots.isEmpty else { return (false, 0, 0) }
                // All at once: each read waits for memory, and the next need not wait for it.
                for (place, row) in rows.enumerated() { places[place] = (keys[Int(row)], known.spots[Int(row)]) }
                return (true, known.longest, known.pageBytes)
            }
            guard isKnown else { return missing = Array(rows.indices) }
            let page = connection.room(for: pageBytes)
            for (place, row) in rows.enumerated() {
                // A row whose position is known is a third of its page, and takes a third of the time.
                let (key, spot) = places[place]
                let part = min(longest, pageBytes - Int(spot.offset))
                if spot.offset > 0,
                    let bytes = file.read(spot.page, spot.offset, part, into: page),
                    let stored = LeafRow(bytes, key), stored.isWhole
                {
                    try body(place, stored.dense)
                } else if let whole = file.read(spot.page, 0, pageBytes, into: page),
                    let at = LeafPage(whole)?.offset(of: key),
                    let stored = LeafRow(UnsafeRawBufferPointer(rebasing: whole[Int(at)...]), key), stored.isWhole
                {
                    met.append((row, at, stored.length))
                    try body(place, stored.dense)
                } else {
                    missing.append(place)
                }
            }
        }
        if !met.isEmpty {
            self.known.withLock { known in
                guard known.spots.count == rowCount else { return }
                for row in met {
                    known.spots[Int(row.row)].offset = row.offset
                    known.longest = max(known.longest, row.length)
                }
            }
        }
        return noted(missing)
    }

    private func noted(_ missing: [Int]) -> [Int] {
        if !missing.isEmpty { known.withLock { $0.missed += missing.count } }
        return missing
    }

    /// Looks for the page of every row: reads the interior pages, one for some hundred rows.
    private func found(in connection: PageConnection) throws -> Known {
        var known = Known(missed: 0)
        let file = connection.file
        guard connection.hasAll(), let root = try connection.root(of: "vectors"), let pageBytes = file.pageBytes else {
            return known
        }
        known.pageBytes = pageBytes
        var spots: [Spot] = []
        spots.reserveCapacity(rowCount)
        var level: [(page: UInt32, last: Int64)] = [(root, .max)]
        for _ in 0..<Self.mostLevels {
            guard let first = level.first, let kind = file.kind(first.page, pageBytes) else { return known }
            if kind == LeafPage.kind {
                for leaf in level {
                    while spots.count < rowCount, keys[spots.count] <= leaf.last {
                        spots.append(Spot(page: leaf.page))
                    }
                }
                if spots.count == rowCount { known.spots = spots }
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
