import Synchronization

/// A lock for each name: who works under one name waits for others of the same name alone.
package final class NamedLocks: Sendable {
    private final class Lock: Sendable {
        let mutex = Mutex(())
    }

    private struct Entry: Sendable {
        let lock = Lock()
        /// Those that hold the lock or wait for it.
        var users = 0
    }

    private let entries: Mutex<[String: Entry]> = Mutex([:])

    package init() {}

    /// Names under which somebody works or waits.
    package var count: Int { entries.withLock { $0.count } }

    /// Runs `body` when nobody else is at work under `name`. Blocks the thread.
    package func withLock<Result: Sendable, Failure>(
        _ name: String, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let lock = entries.withLock { entries in
            entries[name, default: Entry()].users += 1
            return entries[name]?.lock
        }
        defer {
            entries.withLock { entries in
                let users = (entries[name]?.users ?? 1) - 1
                if users > 0 { entries[name]?.users = users } else { entries[name] = nil }
            }
        }
        guard let lock else { preconditionFailure("an entry that was just made") }
        return try lock.mutex.withLock { _ throws(Failure) in try body() }
    }
}
