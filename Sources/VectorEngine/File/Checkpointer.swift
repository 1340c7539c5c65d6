import Dispatch
import GRDB
import GRDBSQLite
import Synchronization

/// Copies the write-ahead log into the file while writers go on. SQLite's automatic checkpoint would make a commit wait
/// for it.
///
/// From `pageCount` pages on, a second connection copies the committed pages. The log can only start again from its
/// beginning when all of it has been copied, which never happens while commits follow each other closely. So the first
/// commit after such a copy copies the few pages that were added meanwhile. From `maximumPageCount` on, commits copy by
/// themselves, as they would without this class. A checkpoint of either kind never waits (PASSIVE:
/// https://sqlite.org/c3ref/wal_checkpoint_v2.html) and changes nothing that a reader sees.
package final class Checkpointer: Sendable {
    /// The number of uncopied pages from which on the second connection copies the log.
    static let pageCount = 500
    /// The number of pages in the log from which on a commit copies them.
    package static let maximumPageCount = 4000
    /// The most pages that a commit copies by itself so that the log can start again.
    static let restPageCount = 250

    private struct State {
        /// The number of pages at the start of the log that are known to be in the file.
        var copied = 0
        var isCopying = false
    }

    private let path: String
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "cortex.checkpoint", qos: .utility)
    /// Opened for the first copy.
    private let connection = Mutex<OpaquePointer?>(nil)

    init(path: String) { self.path = path }

    /// Replaces the automatic checkpoint of a connection that writes. The object must be kept as long as the connection
    /// is open.
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
            // The log is shorter than the copied part: it has started again.
            if pages < state.copied { state.copied = 0 }
            // Even while another thread copies, which may be waiting for a processor: SQLite refuses one of the two.
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

    /// - Returns: the pages of the log that are in the file now; nil if the copy failed. Then the log does not change,
    ///   no data depend on the copy, and a later commit tries again.
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

    /// Nil if the file is gone: unlike GRDB's connections, this one does not create a missing file.
    private static func open(_ path: String) -> OpaquePointer? {
        var connection: OpaquePointer?
        let code = sqlite3_open_v2(path, &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nil)
        if code == SQLITE_OK, sqlite3_exec(connection, "PRAGMA synchronous = FULL", nil, nil, nil) == SQLITE_OK {
            return connection
        }
        sqlite3_close_v2(connection)
        return nil
    }

    /// Copies all committed pages; returns whether everything that had been committed is in the file now.
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

    /// Waits for a running copy.
    func settle() { queue.sync {} }

    /// Waits for a running copy, and closes its connection; a later copy opens it again.
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
