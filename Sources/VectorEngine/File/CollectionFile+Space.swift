import Files
import Foundation
import GRDB

/// Free space: what a transaction needs on the volume, and what is free within the file.
extension CollectionFile {
    /// Refuses a transaction for which the volume has too little space, before SQLite runs out of space in the middle
    /// of it.
    ///
    /// - Parameter bytes: The most bytes it writes: once into the log, and again when the log is copied into the file.
    /// - Parameter isFreeing: Whether it only removes data.
    /// - Throws: `diskFull`.
    func requireSpace(_ bytes: Int, isFreeing: Bool = false) throws(EngineError) {
        do {
            try FreeSpace.require(logBytes + bytes, at: path)
        } catch {
            // The log may be large and hold pages that are already in the file.
            emptyLog()
            let needed = logBytes + bytes
            // A write that only removes data, or that fits into free pages of the file, may go down to the lower limit.
            let findsRoom = isFreeing || freePageBytes >= needed
            try EngineError.wrapping(path) { try FreeSpace.require(needed, at: path, isFreeing: findsRoom) }
        }
    }

    /// Bytes of free pages within the file.
    private var freePageBytes: Int {
        do {
            return try pool.read { db in
                let pages = try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
                let pageBytes = try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 0
                return pages.multipliedReportingOverflow(by: pageBytes).partialValue
            }
        } catch {
            // The next writer reports the error.
            return 0
        }
    }

    /// Copies the log into the file and returns its space to the volume, as far as no reader uses older pages.
    private func emptyLog() {
        settleCheckpoint()
        do {
            try pool.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA busy_timeout = 0")
                // The statement returns how far it came; it does not wait.
                _ = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
                try db.execute(sql: "PRAGMA busy_timeout = \(Int(Self.busyTimeoutSeconds * 1000))")
            }
        } catch {
            // If the disk has no free byte, the log stays, and the write is refused.
        }
    }

    /// Copies the write-ahead log into the file and empties it, waiting for readers of older pages as long as a writer
    /// would wait.
    ///
    /// - Returns: whether it is empty.
    func truncateLog() -> Bool {
        settleCheckpoint()
        do {
            return try pool.writeWithoutTransaction { db in
                let row = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
                return row.map { ($0[0] as Int64) == 0 } ?? false
            }
        } catch {
            // The caller is told that the log is not empty.
            return false
        }
    }

    /// Bytes of the write-ahead log, which must fit into the file later.
    var logBytes: Int {
        var facts = stat()
        return stat(path + "-wal", &facts) == 0 ? Int(facts.st_size) : 0
    }
}
