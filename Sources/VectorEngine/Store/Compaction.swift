import Files
import Foundation
import GRDB

// Compacting: what was deleted or replaced leaves no bytes behind, and its space goes back to the volume.
//
// SQLite leaves deleted rows in free pages and in free parts of pages, the write-ahead log holds older pages, graphs
// and indexes know rows that were deleted, rows that are not shipped yet are kept in `history`, and the shipped log
// holds every version of every row. So compacting removes, in one transaction, all that belongs to no point (vectors,
// stored segments, `deletions`, `history`, `set_aside`); ends the shipped log and removes its files; lets SQLite write
// the file again (VACUUM), which copies live rows only; and empties the write-ahead log. Other processes read the
// whole collection again with the next change they follow, as after a change of the vectors.
//
// Cost: every byte that lives is written twice (into the write-ahead log and into the file), the volume needs room for
// two more copies of the file meanwhile, writers wait while SQLite writes, and the graphs are built again in the
// background; until then, searches compare every vector. A restore to a moment before is possible from full backups
// only, until the next full backup begins another log.

/// What compacting a collection did.
package struct CompactionReport: Sendable, Equatable {
    /// The size of the file and its write-ahead log.
    package let bytesBefore: Int
    package let bytesAfter: Int
    /// Whether a shipped log was removed.
    package let endedLog: Bool
    /// Whether the write-ahead log is empty. A process that reads for longer than a writer waits keeps its older pages,
    /// and with them bytes of what was deleted, until it is done and another compaction or checkpoint runs.
    package let isLogEmpty: Bool
}

extension PointCollection {
    /// - Parameter location: where the log is shipped to; nil where it is not.
    func compact(shippedTo location: String?) throws -> CompactionReport {
        let file = file
        let before = file.sizeBytes + file.logBytes
        try file.requireSpace(2 * before)
        let endedLog = try file.pool.writeWithoutTransaction { db -> Bool in
            var endedLog = false
            try db.inTransaction(.immediate) {
                var header = try file.header(db)
                endedLog = header.shippedSequence != nil
                try CollectionFile.makeGraphTable(db)
                try db.execute(
                    sql: """
                        DELETE FROM segments; DELETE FROM graph_parts;
                        DELETE FROM vectors WHERE sequence NOT IN (SELECT sequence FROM points);
                        DELETE FROM deletions
                        """)
                if header.tally != nil {
                    try db.execute(sql: "DELETE FROM history; DELETE FROM commits; DELETE FROM set_aside")
                }
                let sequence = header.sequence + 1
                try header.facts.write(
                    [
                        "sequence": .number(sequence), "deletion_floor": .number(sequence), "sealed": .number(0),
                        "generation": .number(header.generation + 1), "shipped": .number(-1),
                    ], to: db)
                return .commit
            }
            return endedLog
        }
        if let location { try LogShipper.removeLog(location, storeID: file.storeID) }
        try file.pool.writeWithoutTransaction { try $0.execute(sql: "VACUUM") }
        let isLogEmpty = file.truncateLog()
        _ = try searcher()
        return CompactionReport(
            bytesBefore: before, bytesAfter: file.sizeBytes + file.logBytes, endedLog: endedLog, isLogEmpty: isLogEmpty)
    }
}

extension LogShipper {
    /// Removes a shipped log; a later full backup begins another.
    fileprivate static func removeLog(_ location: String, storeID: UUID) throws {
        let directory = directory(location, storeID: storeID)
        guard FileManager.default.fileExists(atPath: directory) else { return }
        try FileManager.default.removeItem(atPath: directory)
        try DirectorySync.syncParent(of: directory)
    }
}
