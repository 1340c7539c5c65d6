import Foundation
import GRDB

/// Room on the volume: what a transaction needs, and what the file itself has left.
extension CollectionFile {
    /// Refuses a transaction that the volume has no room for, before SQLite meets the wall in the middle of it.
    ///
    /// - Parameter bytes: What it may write: once into the log, and again when that goes into the file.
    /// - Parameter isFreeing: It only takes away.
    /// - Throws: `diskFull`.
    func requireSpace(_ bytes: Int, isFreeing: Bool = false) throws(EngineError) {
        do {
            try FreeSpace.require(logBytes + bytes, at: path)
        } catch {
            // The log may be a large file of what is in the collection already.
            emptyLog()
            let needed = logBytes + bytes
            // What only takes away, or finds room in the file itself, goes on down to the lower watermark.
            guard isFreeing || freePageBytes >= needed else { return try FreeSpace.require(needed, at: path) }
            try FreeSpace.require(needed, at: path, isFreeing: true)
        }
    }

    /// Bytes of pages within the file that hold nothing.
    private var freePageBytes: Int {
        do {
            return try pool.read { db in
                let pages = try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
                let pageBytes = try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 0
                return pages.multipliedReportingOverflow(by: pageBytes).partialValue
            }
        } catch {
            // Whoever writes next is told what is wrong with the file.
            return 0
        }
    }

    /// Brings the log into the file and gives its bytes back, as far as nobody is reading older pages.
    private func emptyLog() {
        settleCheckpoint()
        do {
            try pool.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA busy_timeout = 0")
                // Answers how far it came; nothing waits.
                _ = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
                try db.execute(sql: "PRAGMA busy_timeout = \(Int(Self.busyTimeoutSeconds * 1000))")
            }
        } catch {
            // A disk without a byte left: the log stays, and the write is refused.
        }
    }

    /// Bytes of the write-ahead log, which must find room in the file one day.
    var logBytes: Int {
        var facts = stat()
        return stat(path + "-wal", &facts) == 0 ? Int(facts.st_size) : 0
    }
}
