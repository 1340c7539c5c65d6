import Foundation

/// An advisory lock on a file that one holder at a time has; the kernel takes it back from a process that dies.
package final class Lease: Sendable {
    private let descriptor: Int32

    /// Makes the file at `path` where there is none. Returns nil when another process, or another lease of this one,
    /// holds the lock; it never waits.
    package init?(path: String) throws(FileError) {
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(errno: errno, path: path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
    }

    /// Gives the lock up; the lease is of no use afterwards.
    package func release() { close(descriptor) }
}
