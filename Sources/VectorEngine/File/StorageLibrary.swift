import GRDB

/// The SQLite that this binary was linked with.
package enum StorageLibrary {
    /// The version that SQLite reports, for example `3.40.1`. Asking opens a database in memory, so an answer also
    /// shows that the library works.
    ///
    /// - Throws: `EngineError` `damaged` if the library does not answer.
    package static func sqliteVersion() throws -> String {
        do {
            let database = try DatabaseQueue()
            let version = try database.read { try String.fetchOne($0, sql: "SELECT sqlite_version()") }
            guard let version else {
                throw EngineError(.damaged, "SQLite does not return its version; reinstall cortex.")
            }
            return version
        } catch let error as DatabaseError {
            throw EngineError(.damaged, "SQLite cannot open a database in memory; reinstall cortex.", cause: error)
        }
    }
}
