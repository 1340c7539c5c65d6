import Foundation

/// Keeps opening and deleting apart, in this process and in all processes that have the directory open. It is an
/// flock(2) lock on the directory, which the kernel releases when its holder ends. SQLite creates a missing file, so
/// without this lock an empty file would be left if a collection was opened while it was deleted.
package struct DirectoryLock: ~Copyable {
    package enum Kind { case opening, deleting }

    /// −1 if the directory does not exist; then no lock is needed.
    private let descriptor: Int32

    /// Waits for the process that deletes, or for all processes that are opening; takes no lock if the file system has
    /// none.
    ///
    /// - Throws: when there is no room for one more open file: then the directory may well exist.
    package init(_ kind: Kind, directoryOf path: String) throws(FileError) {
        let opened = unsafe open((path as NSString).deletingLastPathComponent, O_RDONLY | O_CLOEXEC)
        if opened < 0 {
            let error = FileError(errno: errno, path: path)
            if error.saysTooManyFiles { throw error }
        }
        descriptor = opened
        guard opened >= 0 else { return }
        while flock(descriptor, kind == .opening ? LOCK_SH : LOCK_EX) != 0, errno == EINTR {}
    }

    /// Closing the descriptor releases the lock.
    deinit { if descriptor >= 0 { close(descriptor) } }
}
