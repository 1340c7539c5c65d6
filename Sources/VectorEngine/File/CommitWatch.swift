import GRDB
import GRDBSQLite

/// Sees without a call to the database whether anybody has committed: SQLite keeps the header of its write-ahead index
/// in shared memory (https://sqlite.org/walformat.html#the_wal_index_header), and every commit changes it.
///
/// A read costs some nanoseconds, `PRAGMA data_version` some microseconds. A header that is being written while it is
/// read differs from every other, so that whoever compares two asks the database.
///
/// The mapping is SQLite's own. To open the index's file a second time would be fatal: closing it would take away every
/// lock this process holds on it (https://sqlite.org/howtocorrupt.html, 2.2).
struct CommitWatch: @unchecked Sendable {
    /// The header at one moment.
    struct Mark: Equatable, Sendable {
        fileprivate var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)

        static func == (a: Mark, b: Mark) -> Bool { a.words == b.words }
    }

    private let header: UnsafeRawPointer

    /// Bytes of one region of the index (`WALINDEX_PGSZ`).
    private static let regionBytes: Int32 = 32_768

    /// nil where the connection has no index in shared memory; the database is asked then. Valid until it closes.
    init?(_ db: Database) {
        guard let connection = db.sqliteConnection else { return nil }
        var file: UnsafeMutablePointer<sqlite3_file>?
        let answer = withUnsafeMutablePointer(to: &file) {
            sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, $0)
        }
        guard answer == SQLITE_OK, let file, let methods = file.pointee.pMethods, methods.pointee.iVersion >= 2,
            let map = methods.pointee.xShmMap
        else { return nil }
        var region: UnsafeMutableRawPointer?
        guard map(file, 0, Self.regionBytes, 0, &region) == SQLITE_OK, let region else { return nil }
        header = UnsafeRawPointer(region)
    }

    var mark: Mark { Mark(words: header.load(as: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64).self)) }
}
