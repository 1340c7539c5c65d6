import Foundation
import GRDB
import Synchronization

/// Checks a collection's rows against their checksums, some rows at a time, so that damage is found before a caller
/// needs the row.
final class Scrubber: Sendable {
    /// Rows that are read at a time.
    static let sliceRows = 4096

    private let state = Mutex(ScrubStatus())

    var status: ScrubStatus { state.withLock { $0 } }

    /// Checks the next rows of `collection`; at the end of a pass also the tally of all rows.
    func slice(of collection: PointCollection, now: Int64) throws {
        let start = state.withLock { $0.next }
        var last = start
        var count = 0
        var damaged: [Int64] = []
        try collection.file.pool.read { db in
            let sql = CollectionFile.selectRows + "WHERE p.sequence > ? ORDER BY p.sequence LIMIT ?"
            try db.scan(sql, [start, Self.sliceRows]) { row in
                last = row.integer(0)
                count += 1
                if !StoredRow.isWhole(row) { damaged.append(last) }
            }
        }
        for sequence in damaged { collection.noteDamagedRow(sequence) }
        let isLast = count < Self.sliceRows
        let addsUp = isLast ? try Self.addsUp(collection.file) : nil
        state.withLock { state in
            state.rowsChecked += count
            state.damagedRows += damaged.count
            state.next = isLast ? 0 : last
            guard isLast else { return }
            state.passes += 1
            state.lastPassAt = now
            state.addsUp = addsUp ?? true
        }
    }

    private static func addsUp(_ file: CollectionFile) throws -> Bool {
        try file.pool.read { db in
            guard let written = try file.header(db).tally else { return true }
            var tally = PointTally()
            try db.scan("SELECT sequence, id, checksum FROM points") { row in
                tally.add(sequence: row.integer(0), key: row.blob(1), checksum: row.integer(2))
            }
            return tally == written
        }
    }
}

extension StoredRow {
    /// Whether a row of `pointColumns, vectorColumns` matches its checksums; the row is not decoded.
    static func isWhole(_ row: ScannedRow) -> Bool {
        let checksum = crc32c(row.blob(3), seed: crc32c(row.blob(2), seed: crc32c(row.blob(1))))
        return Int64(checksum) == row.integer(4) && !row.isNull(6)
            && Int64(denseChecksum(row.blob(5), sequence: row.integer(0))) == row.integer(6)
    }

    /// Whether the payload of such a row is one that can be read: an earlier version has stored some that cannot.
    static func hasReadablePayload(_ row: ScannedRow, _ cipher: RowCipher?) -> Bool {
        let text = cipher.plain(row.blob(2), .payload(sequence: row.integer(0), key: Array(row.blob(1))))
        return text.map { Payload(validated: $0).isReadable } ?? false
    }
}
