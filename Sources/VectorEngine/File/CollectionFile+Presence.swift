import Files
import Foundation
import GRDB

/// Whether a collection exists, even if another process is deleting it.
extension CollectionFile {
    /// Whether there is a file at `path`. An empty file is a damaged collection and is not changed.
    static func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Marks the collection as deleted: from the commit on, nobody reads it or writes to it, and its files may be
    /// removed (`removeDropped`).
    ///
    /// - Throws: `collectionNotFound` if it has been deleted or replaced already; then nothing was changed.
    func markDropped() throws {
        try pool.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                var header = try self.header(db)
                try header.facts.write(["dropped": .number(1)], to: db)
                return .commit
            }
        }
    }

    private static func removeFiles(_ path: String) throws {
        // The mark first: a mark without its file says that the file was lost.
        for suffix in [AcknowledgedMark.suffix, "", "-wal", "-shm", ".lease"]
        where unlink(path + suffix) != 0 && errno != ENOENT {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
        try DirectorySync.sync((path as NSString).deletingLastPathComponent)
    }

    /// Removes the files of a collection that is marked as deleted, by this process or by one that was killed then.
    ///
    /// - Returns: false when the collection at `path` was not being deleted; it is left as it is then.
    static func removeDropped(_ path: String) throws(EngineError) -> Bool {
        do {
            let lock = try DirectoryLock(.deleting, directoryOf: path)
            defer { withExtendedLifetime(lock) {} }
            guard isThere(path) else { return true }
            try OpenFiles.enter(path) { () throws(EngineError) in try checkHead(of: path) }
            defer { OpenFiles.leave(path) }
            let queue = try DatabaseQueue(path: path, configuration: configuration(label: "dropped"))
            let isDropped = try queue.read { try MetaFacts($0, path: path).number("dropped") == 1 }
            try queue.close()
            if isDropped { try removeFiles(path) }
            return isDropped
        } catch let error as EngineError where error.code == .damaged {
            // It stays as it is, and opening it says what is wrong with it.
            return false
        } catch {
            throw EngineError(wrapping: error, path: path)
        }
    }

    /// Whether the collection was deleted: it has neither a file nor a mark.
    static func isGone(_ path: String) -> Bool {
        !isThere(path) && AcknowledgedMark.read(beside: path) == .missing
    }
}
