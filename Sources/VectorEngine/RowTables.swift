import GRDB
import GRDBSQLite

/// A cached statement whose parameters are bound as they are, without boxes between: for what runs once a row.
struct RowStatement {
    private let db: Database
    /// Held, since the connection may empty its cache.
    private let owner: Statement
    private let statement: SQLiteStatement

    init(_ db: Database, _ sql: String) throws {
        self.db = db
        owner = try db.cachedStatement(sql: sql)
        statement = owner.sqliteStatement
        // Whoever ran it before has left it where it ended, and a statement that was not reset takes no value.
        sqlite3_reset(statement)
    }

    /// Binds parameter `index`, counted from 1.
    func bind(_ index: Int32, _ number: Int64) throws {
        try require(sqlite3_bind_int64(statement, index, number), SQLITE_OK)
    }

    /// SQLite takes a copy.
    func bind(_ index: Int32, _ bytes: [UInt8]) throws {
        let code =
            bytes.isEmpty
            ? sqlite3_bind_zeroblob(statement, index, 0)  // Without an address it would be NULL.
            : bytes.withUnsafeBytes {
                sqlite3_bind_blob64(statement, index, $0.baseAddress, UInt64($0.count), Self.transient)
            }
        try require(code, SQLITE_OK)
    }

    /// `SQLITE_TRANSIENT`, which the importer cannot express.
    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    /// Runs a statement that answers nothing.
    func run() throws {
        defer { sqlite3_reset(statement) }
        try require(sqlite3_step(statement), SQLITE_DONE)
    }

    /// Runs a statement that answers at most one row, of two numbers.
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

/// The tables of the points as writers use them, within one transaction.
struct RowTables {
    private let findPoint, insertPoint, deletePoint, insertVector, deleteVector: RowStatement

    init(_ db: Database) throws {
        findPoint = try RowStatement(db, "SELECT sequence, checksum FROM points WHERE id = ?")
        insertPoint = try RowStatement(
            db, "INSERT INTO points(sequence, id, payload, sparse, checksum) VALUES (?, ?, ?, ?, ?)")
        deletePoint = try RowStatement(db, "DELETE FROM points WHERE sequence = ?")
        insertVector = try RowStatement(db, "INSERT INTO vectors(sequence, dense, checksum) VALUES (?, ?, ?)")
        deleteVector = try RowStatement(db, "DELETE FROM vectors WHERE sequence = ?")
    }

    /// The change that wrote a point, and its row's checksum; nil when there is no such point.
    func find(_ key: [UInt8]) throws -> (sequence: Int64, checksum: Int64)? {
        try findPoint.bind(1, key)
        return try findPoint.twoNumbers()
    }

    func insert(_ row: LoggedRow) throws {
        try insertPoint.bind(1, row.sequence)
        try insertPoint.bind(2, row.key)
        try insertPoint.bind(3, row.payload)
        try insertPoint.bind(4, row.sparse)
        try insertPoint.bind(5, row.checksum)
        try insertPoint.run()
        try insertVector.bind(1, row.sequence)
        try insertVector.bind(2, row.dense)
        try insertVector.bind(3, row.denseChecksum)
        try insertVector.run()
    }

    /// Takes a row out; its vectors stay while a stored graph may walk over them.
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
