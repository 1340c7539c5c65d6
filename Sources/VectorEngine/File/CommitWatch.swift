import GRDB
import GRDBSQLite

/// Sees without a call to the database whether any connection has committed: SQLite keeps the header of its write-ahead
/// index in shared memory (https://sqlite.org/walformat.html#the_wal_index_header), and every commit changes it.
///
/// A read costs some nanoseconds, `PRAGMA data_version` some microseconds. A header that is read while it is written
/// differs from all others, so a caller that compares two headers then asks the database.
///
/// The mapping belongs to SQLite. The index's file must not be opened a second time: closing it would release every
/// lock that this process holds on it (https://sqlite.org/howtocorrupt.html, 2.2).
struct CommitWatch: @unchecked Sendable {
    /// The header at one moment.
    struct Mark: Equatable, Sendable {
        fileprivate var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)

        static func == (a: Mark, b: Mark) -> Bool { a.words == b.words }
    }

    private let header: UnsafeRawPointer

    /// Bytes of one region of the index (`WALINDEX_PGSZ`).
    private static let regionBytes: Int32 = 32_768

    /// Nil if the connection has no index in shared memory; then the database is asked. Valid until the connection
    /// closes.
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
