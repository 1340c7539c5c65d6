import Dispatch
import GRDB
import GRDBSQLite
import Synchronization

/// Brings the write-ahead log into the file beside the writers, where SQLite's automatic checkpoint would make a commit
/// wait for it.
///
/// From `pageCount` pages on a second connection copies what has been committed. A log begins anew only when all of it
/// has been copied, which never comes to pass while commits follow each other closely: so the first commit after such
/// a copy brings in the little that came meanwhile. From `maximumPageCount` on commits copy by themselves, as they
/// would without this. A checkpoint of either kind waits for nobody (PASSIVE:
/// https://sqlite.org/c3ref/wal_checkpoint_v2.html) and changes nothing that a reader sees.
package final class Checkpointer: Sendable {
    /// Pages that have not been copied from which on the log is.
    static let pageCount = 500
    /// Pages of a log from which on a commit copies what there is.
    package static let maximumPageCount = 4000
    /// Pages that a commit copies by itself so that the log can begin anew.
    static let restPageCount = 250

    private struct State {
        /// Pages at the log's start that are known to be in the file.
        var copied = 0
        var isCopying = false
    }

    private let path: String
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "cortex.checkpoint", qos: .utility)
    /// Opened with the first copy.
    private let connection = Mutex<OpaquePointer?>(nil)

    init(path: String) { self.path = path }

    /// Takes the place of the automatic checkpoint of a connection that writes. To be kept for as long as it is open.
    func follow(_ db: Database) {
        // The hook is called at the end of each commit, on the thread that commits.
        sqlite3_wal_hook(
            db.sqliteConnection,
            { context, connection, name, pages in
                guard let context, let connection else { return SQLITE_OK }
                Unmanaged<Checkpointer>.fromOpaque(context).takeUnretainedValue()
                    .committed(connection, name, pages: Int(pages))
                return SQLITE_OK
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private enum Step { case none, beside, now }

    private func committed(_ connection: OpaquePointer, _ name: UnsafePointer<CChar>?, pages: Int) {
        let step = state.withLock { state -> Step in
            // Shorter than what was copied: it has begun anew.
            if pages < state.copied { state.copied = 0 }
            // Also while another thread copies, which may wait for a processor: one of both is turned away.
            if pages >= Self.maximumPageCount { return .now }
            let rest = pages - state.copied
            guard !state.isCopying else { return .none }
            if pages >= Self.pageCount, rest <= Self.restPageCount { return .now }
            guard rest >= Self.pageCount else { return .none }
            state.isCopying = true
            return .beside
        }
        switch step {
        case .none: break
        case .beside: queue.async { self.copyBeside() }
        case .now:
            guard let copied = Self.copy(connection, name) else { return }
            state.withLock { $0.copied = copied }
        }
    }

    /// - Returns: pages of the log that are in the file now; nil where that failed. The log stays as it is then, no
    ///   data depend on it, and a later commit tries again.
    private static func copy(_ connection: OpaquePointer, _ name: UnsafePointer<CChar>?) -> Int? {
        var copied: Int32 = 0
        let code = sqlite3_wal_checkpoint_v2(connection, name, SQLITE_CHECKPOINT_PASSIVE, nil, &copied)
        return code == SQLITE_OK ? max(0, Int(copied)) : nil
    }

    private func copyBeside() {
        let copied = connection.withLock { connection -> Int? in
            if connection == nil { connection = Self.open(path) }
            return connection.flatMap { Self.copy($0, nil) }
        }
        state.withLock { state in
            state.isCopying = false
            if let copied { state.copied = copied }
        }
    }

    /// nil when the file is gone: unlike GRDB's connections this one makes no file where there is none.
    private static func open(_ path: String) -> OpaquePointer? {
        var connection: OpaquePointer?
        let code = sqlite3_open_v2(path, &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nil)
        if code == SQLITE_OK, sqlite3_exec(connection, "PRAGMA synchronous = FULL", nil, nil, nil) == SQLITE_OK {
            return connection
        }
        sqlite3_close_v2(connection)
        return nil
    }

    /// Copies what there is; answers whether all that had been committed is in the file now.
    func bringAllIn() -> Bool {
        queue.sync {
            connection.withLock { connection in
                if connection == nil { connection = Self.open(path) }
                guard let connection else { return false }
                var logged: Int32 = 0, copied: Int32 = 0
                let code = sqlite3_wal_checkpoint_v2(connection, nil, SQLITE_CHECKPOINT_PASSIVE, &logged, &copied)
                return code == SQLITE_OK && logged == copied
            }
        }
    }

    /// Waits for a copy that is under way.
    func settle() { queue.sync {} }

    /// Waits for a copy that is under way, and closes its connection; a later copy opens it again.
    func close() {
        queue.sync {
            connection.withLock { connection in
                sqlite3_close_v2(connection)
                connection = nil
            }
        }
    }

    deinit { connection.withLock { _ = sqlite3_close_v2($0) } }
}
