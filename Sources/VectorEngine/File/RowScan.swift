import GRDB
import GRDBSQLite
import Vectors

/// Reads large values into memory that is used again for the next value. Reading a column allocates memory for each
/// value, and the allocator keeps it.
final class LargeValueReader {
    private var buffer = PageMapping(byteCount: 0)

    /// Passes the bytes of a value to `body`; they are valid during the call.
    func withValue<Result>(
        _ table: String, _ column: String, rowID: Int64, _ db: Database,
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        var opened: OpaquePointer?
        func require(_ code: Int32) throws {
            guard code == SQLITE_OK else {
                throw DatabaseError(resultCode: ResultCode(rawValue: code), message: db.lastErrorMessage)
            }
        }
        // It must also be closed if opening failed; a null pointer is allowed.
        defer { sqlite3_blob_close(opened) }
        try require(sqlite3_blob_open(db.sqliteConnection, "main", table, column, rowID, 0, &opened))
        let count = sqlite3_blob_bytes(opened)
        if buffer.byteCount < Int(count) { buffer = PageMapping(byteCount: Int(count)) }
        try require(sqlite3_blob_read(opened, buffer.start, count, 0))
        return try body(UnsafeRawBufferPointer(start: buffer.start, count: Int(count)))
    }
}

/// The current row of a running statement; its blobs are valid until the next step.
struct ScannedRow {
    fileprivate let statement: SQLiteStatement

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }
    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(statement, column) == SQLITE_NULL }

    func blob(_ column: Int32) -> UnsafeRawBufferPointer {
        let start = sqlite3_column_blob(statement, column)
        return UnsafeRawBufferPointer(
            start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(statement, column)))
    }
}

extension Database {
    /// Runs `sql` and passes each row to `body` without copying it: opening a collection reads every vector this way.
    func scan(_ sql: String, _ arguments: StatementArguments = [], _ body: (ScannedRow) throws -> Void) throws {
        let statement = try cachedStatement(sql: sql)
        try statement.setArguments(arguments)
        defer { sqlite3_reset(statement.sqliteStatement) }
        while true {
            let code = sqlite3_step(statement.sqliteStatement)
            if code == SQLITE_DONE { return }
            guard code == SQLITE_ROW else {
                throw DatabaseError(resultCode: ResultCode(rawValue: code), message: lastErrorMessage, sql: sql)
            }
            try body(ScannedRow(statement: statement.sqliteStatement))
        }
    }
}
