import GRDB
import GRDBSQLite

/// A cached statement whose parameters are bound without boxing and copying; for statements that run once for each row.
struct RowStatement {
    private let db: Database
    /// Kept, because the connection may empty its cache.
    private let owner: Statement
    private let statement: SQLiteStatement

    init(_ db: Database, _ sql: String) throws {
        self.db = db
        owner = try db.cachedStatement(sql: sql)
        statement = owner.sqliteStatement
        // The last user left the statement where it ended, and a statement takes no values before it is reset.
        sqlite3_reset(statement)
    }

    /// Binds parameter `index`, counted from 1.
    func bind(_ index: Int32, _ number: Int64) throws {
        try require(sqlite3_bind_int64(statement, index, number), SQLITE_OK)
    }

    /// Binds bytes without copying them while `body` runs the statement; afterwards the parameter is unbound.
    func withBound<Result>(_ index: Int32, _ bytes: [UInt8], _ body: () throws -> Result) throws -> Result {
        try bytes.withUnsafeBytes { bytes in
            let code =
                bytes.isEmpty
                ? sqlite3_bind_zeroblob(statement, index, 0)  // Without an address it would be NULL.
                : sqlite3_bind_blob64(statement, index, bytes.baseAddress, UInt64(bytes.count), nil)
            defer { sqlite3_bind_null(statement, index) }
            try require(code, SQLITE_OK)
            return try body()
        }
    }

    /// Runs a statement that returns no rows.
    func run() throws {
        defer { sqlite3_reset(statement) }
        try require(sqlite3_step(statement), SQLITE_DONE)
    }

    /// Whether the last run of the statement has written anything.
    var hasChanged: Bool { sqlite3_changes(db.sqliteConnection) > 0 }

    /// Runs a statement that returns at most one row of two numbers.
    func twoNumbers() throws -> (Int64, Int64)? {
        defer { sqlite3_reset(statement) }
        let code = sqlite3_step(statement)
        if code == SQLITE_DONE { return nil }
        try require(code, SQLITE_ROW)
        return (sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1))
    }

    private func require(_ code: Int32, _ wanted: Int32) throws {
        guard code != wanted else { return }
        throw DatabaseError(resultCode: ResultCode(rawValue: code), message: db.lastErrorMessage, sql: owner.sql)
    }
}

/// The tables of the points for writers, within one transaction.
struct RowTables {
    private let findPoint, insertPoint, deletePoint, insertVector, deleteVector: RowStatement

    init(_ db: Database) throws {
        findPoint = try RowStatement(db, "SELECT sequence, checksum FROM points WHERE id = ?")
        insertPoint = try RowStatement(
            db, "INSERT OR IGNORE INTO points(sequence, id, payload, sparse, checksum) VALUES (?, ?, ?, ?, ?)")
        deletePoint = try RowStatement(db, "DELETE FROM points WHERE sequence = ?")
        insertVector = try RowStatement(db, "INSERT INTO vectors(sequence, dense, checksum) VALUES (?, ?, ?)")
        deleteVector = try RowStatement(db, "DELETE FROM vectors WHERE sequence = ?")
    }

    /// The change that wrote a point, and its row's checksum; nil if there is no such point.
    func find(_ key: [UInt8]) throws -> (sequence: Int64, checksum: Int64)? {
        try findPoint.withBound(1, key) { try findPoint.twoNumbers() }
    }

    /// Writes a row.
    ///
    /// - Returns: false if a point with its id already exists; then nothing was written.
    func insertNew(_ row: LoggedRow) throws -> Bool {
        try insertPoint.bind(1, row.sequence)
        try insertPoint.bind(5, row.checksum)
        try insertPoint.withBound(2, row.key) {
            try insertPoint.withBound(3, row.payload) {
                try insertPoint.withBound(4, row.sparse) { try insertPoint.run() }
            }
        }
        guard insertPoint.hasChanged else { return false }
        try insertVector.bind(1, row.sequence)
        try insertVector.bind(3, row.denseChecksum)
        try insertVector.withBound(2, row.dense) { try insertVector.run() }
        return true
    }

    /// Removes a row; its vectors stay while a stored graph may link it.
    ///
    /// - Parameter sealed: Every change up to this one is in a stored graph.
    func delete(_ sequence: Int64, sealed: Int64) throws {
        try deletePoint.bind(1, sequence)
        try deletePoint.run()
        guard sequence > sealed else { return }
        try deleteVector.bind(1, sequence)
        try deleteVector.run()
    }
}
