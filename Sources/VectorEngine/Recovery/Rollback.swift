import Files
import Foundation
import GRDB

/// Undoes an upgrade: the copy that `FormatMigration` put beside a collection before it changed the format takes the
/// collection's place, for the older program to read.
///
/// Nothing is deleted: the newer file stays beside it as `<file>.rolled-back-<time>`. The older file becomes a store of
/// its own, so that the log shipped from the newer one is never replayed onto it.
package struct Rollback: Sendable {
    /// One collection whose older file was put back.
    package struct Receipt: Sendable, Equatable {
        package let collection: String
        /// The format of the file that is in place now.
        package let format: Int
        /// The number of changes that the newer file has and this one does not.
        package let changesSince: Int64
        /// The place of the newer file; nil if it was already gone.
        package let keptAt: String?
    }

    private let directory: String
    private let now: Int64

    /// - Parameter now: In microseconds since 1970.
    package init(directory: String, now: Int64) {
        self.directory = directory
        self.now = now
    }

    /// Puts back every collection that has such a copy.
    ///
    /// - Throws: `notWritable` if another process has one open; `damaged` if a copy is damaged.
    package func run() throws(EngineError) -> [Receipt] {
        var receipts: [Receipt] = []
        for name in try CollectionFileName.names(in: directory) {
            let path = CollectionFileName.path(of: name, in: directory)
            do {
                for format in (1..<CollectionFile.formatVersion).reversed() {
                    let copy = FormatMigration.snapshotPath(of: path, format: format)
                    guard FileManager.default.fileExists(atPath: copy) else { continue }
                    receipts.append(try putBack(copy, at: path, name: name, format: format))
                    break
                }
            } catch {
                throw EngineError(wrapping: error, path: path)
            }
        }
        return receipts
    }

    private func putBack(_ copy: String, at path: String, name: String, format: Int) throws -> Receipt {
        let report = try CollectionVerification(path: copy).run(isCopy: true)
        guard report.isSound, report.format == format else {
            throw EngineError(.damaged, "\(copy) is damaged: \(report.summary)")
        }
        let isThere = FileManager.default.fileExists(atPath: path)
        let newest = isThere ? try closeLog(path) : report.sequence
        let queue = try DatabaseQueue(path: copy)
        try queue.writeWithoutTransaction { db in
            _ = try String.fetchOne(db, sql: "PRAGMA journal_mode = DELETE")
            try db.execute(
                sql: "UPDATE meta SET value = ? WHERE key = 'store_id'", arguments: [UUID().uuidString])
        }
        try queue.close()
        try DirectorySync.sync(copy)
        // If a power cut happens between these steps, the next opening reports it, and a second run completes them.
        let kept = path + ".rolled-back-" + BackupArchive.stamp(now)
        if isThere { try move(path, to: kept) }
        try move(copy, to: path)
        guard unlink(AcknowledgedMark.path(of: path)) == 0 || errno == ENOENT else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
        try DirectorySync.sync(directory)
        return Receipt(
            collection: name, format: format, changesSince: max(0, newest - report.sequence),
            keptAt: isThere ? kept : nil)
    }

    /// Copies the log into the file at `path` and ends WAL mode, which SQLite only permits to the sole user of the
    /// file.
    ///
    /// - Returns: the file's last change.
    private func closeLog(_ path: String) throws -> Int64 {
        let queue = try DatabaseQueue(path: path)
        return try queue.writeWithoutTransaction { db in
            let sequence = try CollectionFile.header(db, path: path, decode: CollectionFile.decodedSchema).sequence
            do {
                guard try String.fetchOne(db, sql: "PRAGMA journal_mode = DELETE") == "delete" else {
                    throw DatabaseError(resultCode: .SQLITE_BUSY)
                }
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
                throw EngineError(
                    .notWritable, "another process has \(path) open; end it and repeat", cause: error)
            }
            return sequence
        }
    }

    private func move(_ path: String, to target: String) throws {
        guard rename(path, target) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }
}
