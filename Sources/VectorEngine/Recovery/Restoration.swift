import Files
import Foundation
import GRDB

/// The moment to which a store is brought back.
package enum RestoreTarget: Sendable, Equatable {
    /// The last change of backups and log.
    case latest
    /// The last transaction up to this time, in microseconds since 1970.
    case time(Int64)
    /// Exactly after this change.
    case sequence(Int64)
}

/// One collection as it was restored.
package struct RestoredCollection: Sendable, Equatable {
    package let collection: String
    /// The name of the full backup from which it was made.
    package let base: String
    /// Changes taken from the log.
    package let replayed: Int
    /// The last change it holds.
    package let sequence: Int64
    package let points: Int
    /// Whether the end of the log was compared with the tally that its writer stored with it; false for a change within
    /// a transaction.
    package let isProven: Bool
    /// Backups that were skipped because they are damaged.
    package let skipped: [String]
}

/// Restores collections from a full backup and the log after it, into new files.
package struct Restoration: Sendable {
    let archive: BackupArchive
    let target: RestoreTarget
    /// Whether a damaged or cut log may end the restoring early; only for repair.
    var mayEndEarly = false

    package init(archive: BackupArchive, target: RestoreTarget) {
        self.init(archive: archive, target: target, mayEndEarly: false)
    }

    init(archive: BackupArchive, target: RestoreTarget, mayEndEarly: Bool) {
        self.archive = archive
        self.target = target
        self.mayEndEarly = mayEndEarly
    }

    /// Restores every collection of the newest backup that fits (or of the one called `backup`) into `directory`, which
    /// must not exist or must be empty; the directory appears complete or not at all.
    ///
    /// - Parameter collections: Only these; all if nil.
    /// - Throws: `invalidArgument` if no backup is old enough or the log does not reach far enough; `damaged`.
    package func run(
        into directory: String, backup: String? = nil, collections: [String]? = nil
    ) throws(EngineError) -> [RestoredCollection] {
        let partial = directory + ".partial-" + UUID().uuidString
        do {
            try Self.requireEmpty(directory)
            try PrivateFile.makeFolder(partial)
            defer { try? FileManager.default.removeItem(atPath: partial) }  // it has its name, or is of no use
            var restored: [RestoredCollection] = []
            for (name, storeID) in try stores(backup: backup) where collections?.contains(name) ?? true {
                let path = CollectionFileName.path(of: name, in: partial)
                let newID = UUID()
                let result = try restore(storeID: storeID, name: name, to: path, newStoreID: newID, backup: backup)
                try AcknowledgedMark(storeID: newID, sequence: result.sequence).create(beside: path)
                restored.append(result)
            }
            guard !restored.isEmpty else {
                throw EngineError(
                    .invalidArgument, "no backup at \(archive.location) holds the requested collections")
            }
            rmdir(directory)  // an empty one may be there
            guard rename(partial, directory) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
            try DirectorySync.syncParent(of: directory)
            return restored
        } catch {
            throw EngineError(wrapping: error, path: directory)
        }
    }

    private static func requireEmpty(_ directory: String) throws {
        guard FileManager.default.fileExists(atPath: directory) else { return }
        guard try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty else {
            throw EngineError(
                .invalidArgument, "\(directory) is not empty; restore into a new directory and then use that one")
        }
    }

    /// The collections of the newest backup (or of the named one) by name.
    private func stores(backup: String?) throws -> [(String, UUID)] {
        let manifests = try archive.manifests().filter { backup == nil || $0.name == backup }
        guard let newest = manifests.first else {
            throw EngineError(
                .invalidArgument,
                "there is no sound backup \(backup.map { "called \($0) " } ?? "")at \(archive.location); see: cortex "
                    + "backup list")
        }
        // What was too damaged to be copied then is in an older backup.
        let older = (newest.missing ?? []).compactMap { missing in
            manifests.lazy.flatMap(\.copies).first { $0.collection.hasSameBytes(as: missing.collection) }
        }
        return (newest.copies + older).map { ($0.collection, $0.storeID) }
    }

    /// Restores one store to the file `path`, from the newest backup that fits; if that is damaged, from older ones.
    func restore(
        storeID: UUID, name: String, to path: String, newStoreID: UUID, backup: String? = nil
    ) throws -> RestoredCollection {
        let log = ShippedLog(location: archive.location, storeID: storeID)
        var skipped: [String] = []
        for manifest in try archive.manifests() where backup == nil || manifest.name == backup {
            guard let copy = manifest.copies.first(where: { $0.storeID == storeID }), isOldEnough(manifest, copy) else {
                continue
            }
            let source = archive.location + "/" + manifest.name + "/" + copy.file
            guard FileManager.default.fileExists(atPath: source), try BackupArchive.size(source) == copy.sizeBytes,
                try BackupArchive.sha256(source) == copy.sha256
            else {
                skipped.append(manifest.name)
                continue
            }
            try FreeSpace.require(copy.sizeBytes, at: (path as NSString).deletingLastPathComponent)
            try? FileManager.default.removeItem(atPath: path)  // of an attempt before; there may be none
            try PrivateFile.copy(source, to: path)
            let end = try limit(log, from: copy.sequence)
            let (replayed, sequence, points, isProven) = try replay(
                log, from: copy.sequence, through: end, into: path, newStoreID: newStoreID)
            return RestoredCollection(
                collection: name, base: manifest.name, replayed: replayed, sequence: sequence, points: points,
                isProven: isProven, skipped: skipped)
        }
        guard skipped.isEmpty else {
            throw EngineError(
                .damaged, "every backup that reaches back to this moment is damaged: \(skipped.joined(separator: ", "))"
            )
        }
        throw EngineError(.invalidArgument, "no backup of '\(name)' is older than the moment asked for")
    }

    private func isOldEnough(_ manifest: BackupManifest, _ copy: BackupManifest.Copy) -> Bool {
        switch target {
        case .latest: true
        case .time(let time): manifest.createdAt <= time
        case .sequence(let sequence): copy.sequence <= sequence
        }
    }

    /// The last change to replay; the log is read once to find it, before it is replayed.
    private func limit(_ log: ShippedLog, from start: Int64) throws -> Int64 {
        let head = mayEndEarly ? nil : try LogHead.read(in: log.directory)
        if !mayEndEarly, head == nil, !log.paths.isEmpty {
            throw EngineError(.damaged, "the shipped log in \(log.directory) has lost its head.json")
        }
        var last = start
        var isPast = false
        do {
            _ = try log.replay(after: start) { entry in
                guard case .commit(let commit) = entry else { return true }
                if case .time(let time) = target, commit.at > time {
                    isPast = true
                    return false
                }
                last = commit.sequence
                if case .sequence(let wanted) = target, last >= wanted {
                    isPast = true
                    return false
                }
                return true
            }
        } catch let error as EngineError where mayEndEarly && error.code == .damaged {
            return last
        }
        if case .sequence(let wanted) = target {
            guard wanted <= last else {
                throw EngineError(
                    .invalidArgument, "the log ends at change \(last); change \(wanted) is not in it")
            }
            return wanted
        }
        if !isPast, let head, head.from <= start, last < head.through {
            throw EngineError(
                .damaged,
                "the shipped log in \(log.directory) ends at change \(last), but its head.json says \(head.through)")
        }
        return last
    }

    private func replay(
        _ log: ShippedLog, from start: Int64, through end: Int64, into path: String, newStoreID: UUID
    ) throws -> (replayed: Int, sequence: Int64, points: Int, isProven: Bool) {
        let queue = try DatabaseQueue(path: path)
        var isProven = start == end
        var points = 0
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF")
            try db.inTransaction(.immediate) {
                var writer = try ReplayWriter(db, path: path)
                guard writer.sequence == start else {
                    throw EngineError(.damaged, "\(path) is not the copy that its manifest describes")
                }
                if start < end {
                    _ = try log.replay(after: start) { entry in
                        guard entry.sequence <= end else { return false }
                        switch entry {
                        case .upsert(let row): try writer.upsert(row)
                        case .delete(let sequence, let key): try writer.delete(key, sequence: sequence)
                        case .commit(let commit):
                            guard commit.tally == writer.tally else {
                                throw EngineError(
                                    .damaged,
                                    "the points of backup and log do not match the tally of change "
                                        + "\(commit.sequence)")
                            }
                            isProven = commit.sequence == end
                        }
                        return true
                    }
                }
                try writer.finish(storeID: newStoreID)
                points = Int(clamping: writer.tally.count)
                return .commit
            }
        }
        try queue.close()
        try DirectorySync.sync(path)
        return (Int(end - start), end, points, isProven)
    }
}
