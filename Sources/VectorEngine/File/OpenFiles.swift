import Foundation
import Synchronization

// POSIX locks belong to a process, not to a descriptor: closing any descriptor of a file releases every lock that the
// process holds on it (fcntl(2); https://sqlite.org/howtocorrupt.html, 2.2). SQLite's locks say that a file is in use.
// Without them another process takes itself for the first or the last user; it then shortens the shared index while we
// use it, or removes the log. So this process never opens and closes a file that SQLite has open in it.

/// The database files that this process has open.
enum OpenFiles {
    private static let databases: Mutex<[String: Int]> = Mutex([:])

    /// Counts one more user of the database at `path`. The first user runs `check`, which may open and close the file.
    static func enter(_ path: String, check: () throws(EngineError) -> Void) throws(EngineError) {
        let outcome: Result<Void, EngineError> = databases.withLock { open in
            if open[path] == nil {
                do throws(EngineError) { try check() } catch { return .failure(error) }
            }
            open[path, default: 0] += 1
            return .success(())
        }
        try outcome.get()
    }

    static func leave(_ path: String) {
        databases.withLock { open in
            let rest = (open[path] ?? 1) - 1
            open[path] = rest > 0 ? rest : nil
        }
    }
}
