import Files
import Foundation

/// A name beside a collection's file, under which a copy is made ready to take its place.
///
/// A process that is killed cannot remove its copy. So each has a file `NAME.lock` beside it, locked by its process for
/// as long as it is used: the kernel unlocks it with the process's end, and the next opening of a collection in the
/// directory removes both.
final class StagingPlace: Sendable {
    let path: String
    private let lease: Lease

    /// What stands between the collection's file name and the random part.
    private static let mark = ".new-"
    private static let lockSuffix = ".lock"
    private static let randomBytes = 36
    /// No process takes so long to write 40 bytes, unless it is stopped.
    private static let longestMarkSeconds = 86_400.0
    /// What SQLite and the engine put beside a file that they open.
    static let suffixes = ["", "-wal", "-shm", "-journal", ".lease", AcknowledgedMark.suffix]

    private init(path: String, lease: Lease) {
        self.path = path
        self.lease = lease
    }

    /// - Parameter target: the path of the collection's file.
    static func make(for target: String) throws -> StagingPlace {
        while true {
            let path = target + mark + UUID().uuidString
            // A process that starts may have found the lock before it was held: then another name is taken.
            if let lease = try Lease(path: path + lockSuffix) { return StagingPlace(path: path, lease: lease) }
        }
    }

    /// Removes what is left under the name.
    func discard() {
        Self.remove(path)
        lease.release()
    }

    private static func remove(_ path: String) {
        for suffix in suffixes { PrivateFile.discard(path + suffix) }
        // The lock last: without it nobody knows what the others are.
        PrivateFile.discard(path + lockSuffix)
    }

    /// Removes the copies in `directory` that processes which have ended left behind. A copy without a lock stays: it
    /// may be the only copy of something. Marks are different: one is written in a moment, and there is always another.
    ///
    /// - Returns: how many there were.
    static func removeLeftovers(in directory: String, now: Date = Date()) throws -> Int {
        guard PathKind(of: directory) != nil else { return 0 }
        var count = 0
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
        for name in names where isUnfinishedMark(name) {
            let path = directory + "/" + name
            let facts = try? FileManager.default.attributesOfItem(atPath: path)  // gone meanwhile: it was finished
            guard let changed = facts?[.modificationDate] as? Date,
                now.timeIntervalSince(changed) > longestMarkSeconds
            else { continue }
            if PrivateFile.discard(path) { count += 1 }
        }
        for lock in names where lock.hasSuffix(lockSuffix) {
            let name = String(lock.dropLast(lockSuffix.count))
            guard isStaged(name, of: CollectionFileName.suffix), let lease = try Lease(path: directory + "/" + lock)
            else { continue }
            remove(directory + "/" + name)
            lease.release()
            count += 1
        }
        return count
    }

    /// Whether a file is one that was to get the name of a file which ends with `suffix`.
    private static func isStaged(_ name: String, of suffix: String) -> Bool {
        UUID(uuidString: String(name.suffix(randomBytes))) != nil
            && name.dropLast(randomBytes).hasSuffix(suffix + mark)
    }

    private static func isUnfinishedMark(_ name: String) -> Bool {
        isStaged(name, of: CollectionFileName.suffix + AcknowledgedMark.suffix)
    }
}
