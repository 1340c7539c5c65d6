import Foundation
import GRDB
import Synchronization

/// What the scrub has done for one collection since this process opened it.
package struct ScrubStatus: Sendable, Equatable {
    package var rowsChecked = 0
    /// Times that every row was looked at.
    package var passes = 0
    /// Rows that were not what was written, in all passes.
    package var damagedRows = 0
    /// Whether the last whole pass added up to what was written.
    package var addsUp = true
    /// When the last pass ended, in microseconds since 1970; nil before the first.
    package var lastPassAt: Int64?
    fileprivate var next: Int64 = 0
}

/// Reads a collection's rows against their checksums, a slice at a time, so that damage is found before it is asked
/// for.
final class Scrubber: Sendable {
    /// Rows of one slice.
    static let sliceRows = 4096

    private let state = Mutex(ScrubStatus())

    var status: ScrubStatus { state.withLock { $0 } }

    /// Checks the next slice of `collection`; at the end of a pass also what all rows add up to.
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
    /// Whether a row `pointColumns, vectorColumns` is what was written; nothing of it is decoded.
    static func isWhole(_ row: ScannedRow) -> Bool {
        let checksum = crc32c(row.blob(3), seed: crc32c(row.blob(2), seed: crc32c(row.blob(1))))
        return Int64(checksum) == row.integer(4) && !row.isNull(6)
            && Int64(denseChecksum(row.blob(5), sequence: row.integer(0))) == row.integer(6)
    }
}
