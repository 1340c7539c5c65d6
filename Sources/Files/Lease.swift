import Foundation

/// An advisory lock on a file that one holder at a time has; the kernel takes it back from a process that dies.
package final class Lease: Sendable {
    private let descriptor: Int32

    /// Makes the file at `path` where there is none. Returns nil when another process, or another lease of this one,
    /// holds the lock; it never waits.
    ///
    /// - Parameter afterOpening: Runs between the opening and the lock, where other processes may come between.
    package init?(path: String, afterOpening: () -> Void = {}) throws(FileError) {
        while true {
            let opened = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard opened >= 0 else { throw FileError(errno: errno, path: path) }
            afterOpening()
            guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
                close(opened)
                return nil
            }
            var locked = stat(), present = stat()
            if unsafe fstat(opened, &locked) == 0, unsafe stat(path, &present) == 0,
                locked.st_ino == present.st_ino, locked.st_dev == present.st_dev
            {
                descriptor = opened
                return
            }
            // A holder has removed the file between the opening and the lock: a lock on it keeps nobody away.
            close(opened)
        }
    }

    /// Gives the lock up; the lease is of no use afterwards.
    package func release() { close(descriptor) }
}
