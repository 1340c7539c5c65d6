import Files
import Foundation
import VectorEngine

/// A file below `snapshots/tmp` that lives for one request: an upload, a download, a copy of a collection.
///
/// A process that is killed cannot remove its own. So each has a file `NAME.lock` beside it, locked by its process for
/// as long as it is used: the kernel unlocks it with the process's end, and the next start removes both.
final class TemporaryFile: Sendable {
    let path: String
    private let lease: Lease

    private static let lockEnding = ".lock"
    /// What opening the file as a collection puts beside it.
    private static let endings = ["", "-wal", "-shm", "-journal", ".mark", ".lease"]
    /// Files without a lock are of an earlier version, one of whose processes may still run. Its requests end sooner.
    private static let longestLifeSeconds = 86_400.0

    private init(path: String, lease: Lease) {
        self.path = path
        self.lease = lease
    }

    /// Names a file in `folder` that is not there yet.
    static func make(in folder: String) throws -> TemporaryFile {
        try PrivateFile.makeFolder(folder)
        while true {
            let path = folder + "/" + UUID().uuidString
            // A process that starts may have found the lock before it was held: then another name is taken.
            if let lease = try Lease(path: path + lockEnding) { return TemporaryFile(path: path, lease: lease) }
        }
    }

    /// Removes the file and everything beside it; none of them may be there.
    func discard() {
        Self.remove(path)
        lease.release()
    }

    private static func remove(_ path: String) {
        for ending in endings { PrivateFile.discard(path + ending) }
        // The lock last: without it nobody knows what the others are.
        PrivateFile.discard(path + lockEnding)
    }

    /// Removes the files in `folder` that processes which have ended left behind.
    ///
    /// - Returns: how many of them there were.
    static func removeLeftovers(in folder: String, now: Date = Date()) throws -> Int {
        guard FileManager.default.fileExists(atPath: folder) else { return 0 }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        let locked = Set(names.filter { $0.hasSuffix(lockEnding) }.map { String($0.dropLast(lockEnding.count)) })
        var count = 0
        for name in locked {
            guard let lease = try Lease(path: folder + "/" + name + lockEnding) else { continue }
            remove(folder + "/" + name)
            lease.release()
            count += 1
        }
        for name in names where !name.hasSuffix(lockEnding) && !locked.contains(where: name.hasPrefix) {
            let path = folder + "/" + name
            let facts = try? URL(fileURLWithPath: path).resourceValues(  // what is gone meanwhile is no leftover
                forKeys: [.isRegularFileKey, .contentModificationDateKey])
            guard facts?.isRegularFile == true, let changed = facts?.contentModificationDate,
                now.timeIntervalSince(changed) > longestLifeSeconds
            else { continue }
            if PrivateFile.discard(path) { count += 1 }
        }
        return count
    }
}
