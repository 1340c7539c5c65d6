import GRDB

/// The SQLite that this binary was linked with.
package enum StorageLibrary {
    /// SQLite's version as it reports it itself, for example `3.40.1`; asking opens a database in memory, so an answer
    /// also says that the library works.
    ///
    /// - Throws: `EngineError` `damaged` when the library does not answer.
    package static func sqliteVersion() throws -> String {
        do {
            let database = try DatabaseQueue()
            let version = try database.read { try String.fetchOne($0, sql: "SELECT sqlite_version()") }
            guard let version else { throw EngineError(.damaged, "SQLite told no version; reinstall cortex.") }
            return version
        } catch let error as DatabaseError {
            throw EngineError(.damaged, "SQLite cannot open a database in memory; reinstall cortex.", cause: error)
        }
    }
}
