import Foundation

/// Whether a collection is there, when somebody else deletes it at the same time.
extension CollectionFile {
    /// Whether a file stands at `path`. An empty one is a damaged collection, and is left as it is.
    static func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Whether the collection was deleted: neither a file nor a mark is left of it.
    static func isGone(_ path: String) -> Bool {
        !isThere(path) && AcknowledgedMark.read(beside: path) == .missing
    }
}

/// Keeps opening and deleting apart, in this process and among all that have the directory open: flock(2) on the
/// directory itself, which the kernel releases when its holder dies. Without it SQLite, which makes the file it does
/// not find, would leave an empty one behind where a collection is opened while it is deleted.
struct DirectoryLock: ~Copyable {
    enum Kind { case opening, deleting }

    /// −1 where the directory is not there; then there is nothing to keep apart.
    private let descriptor: Int32

    /// Waits for who deletes, or for all who are opening; takes no lock where the file system has none.
    init(_ kind: Kind, directoryOf path: String) {
        descriptor = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        while flock(descriptor, kind == .opening ? LOCK_SH : LOCK_EX) != 0, errno == EINTR {}
    }

    /// Closing gives the lock up.
    deinit { if descriptor >= 0 { close(descriptor) } }
}
