import Foundation
import GRDB

/// A damaged file that nobody may write to while a repair copies its rows and puts a new file in its place.
struct HeldFile {
    let path: String
    /// How often the log is copied into the file again because somebody has written meanwhile.
    private static let attempts = 5

    /// Runs `body` with a connection to the file that holds SQLite's write lock; with one that does not where the file
    /// is too damaged to have a lock, so that nobody can write to it; with nil where SQLite cannot open it at all.
    ///
    /// What the write-ahead log holds is in the file as well when `body` runs, so that the file is complete without its
    /// log, unless others read older pages or write faster than the log is copied. After `body`, other processes look
    /// at the file again, and find whether it still has its name.
    ///
    /// - Throws: `notWritable` if another process keeps the file busy.
    func withLock<Result>(_ body: (Database?) throws -> Result) throws -> Result {
        guard FileManager.default.fileExists(atPath: path) else { return try body(nil) }
        let queue: DatabaseQueue
        do {
            var configuration = Configuration()
            configuration.busyMode = .timeout(CollectionFile.busyTimeoutSeconds)
            queue = try DatabaseQueue(path: path, configuration: configuration)
        } catch let error as DatabaseError where Self.isDamage(error) {
            // What the backups have is all that there is; the receipt says what is lost.
            return try body(nil)
        }
        let result = try queue.writeWithoutTransaction { db in
            let isHeld = try hold(db)
            let result: Result
            do {
                result = try body(db)
            } catch {
                if db.isInsideTransaction { try db.rollback() }
                throw error
            }
            if isHeld, db.isInsideTransaction { try release(db) }
            return result
        }
        try queue.close()
        return result
    }

    /// Whether an error says that the file is damaged.
    static func isDamage(_ error: DatabaseError) -> Bool {
        [.SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR].contains(error.resultCode.primaryResultCode)
    }

    /// - Returns: false if the file is too damaged for a transaction.
    private func hold(_ db: Database) throws -> Bool {
        do {
            for _ in 1..<Self.attempts {
                let version = try Int64.fetchOne(db, sql: "PRAGMA data_version")
                let isCopied = try copyLog(db)
                try db.beginTransaction(.immediate)
                if isCopied, try Int64.fetchOne(db, sql: "PRAGMA data_version") == version { return true }
                try db.rollback()
            }
            try db.beginTransaction(.immediate)
            return true
        } catch let error as DatabaseError where Self.isDamage(error) {
            // Other writers are refused for the same reason.
            if db.isInsideTransaction { try db.rollback() }
            return false
        }
    }

    /// - Returns: whether all of the log is in the file now.
    private func copyLog(_ db: Database) throws -> Bool {
        guard let row = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(PASSIVE)") else { return true }
        let (isBusy, pages, copied): (Int64, Int64, Int64) = (row[0], row[1], row[2])
        return isBusy == 0 && pages == copied
    }

    /// Commits without a change: other processes notice a commit, and look where their file is.
    private func release(_ db: Database) throws {
        do {
            let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? CollectionFile.formatVersion
            try db.execute(sql: "PRAGMA user_version = \(version)")
            try db.commit()
        } catch let error as DatabaseError where Self.isDamage(error) {
            // They learn it from their own errors, and a write of theirs is refused in any case.
            if db.isInsideTransaction { try db.rollback() }
        }
    }
}
