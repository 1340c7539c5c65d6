import Files
import Foundation
import GRDB

// Formats of the collection file, newest first. A file of format N − 1 is brought to N when a program that knows N
// first opens it. Before that, a copy is put beside it (`<file>.format-<N-1>`). An older program can read the copy if
// it is put back under the file's name, without the mark. A file that cannot be written stays in its format.
//
//     2   the tally of the points, a check over `meta`, checksums of deletes, history, commits, set_aside
//     1   the first

enum FormatMigration {
    static func snapshotPath(of path: String, format: Int) -> String { path + ".format-\(format)" }

    /// Brings the file to this program's format.
    ///
    /// - Throws: the error of SQLite; but a file that cannot be written stays in its format.
    static func run(path: String, pool: DatabasePool) throws {
        let found = try pool.read { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 }
        guard found < CollectionFile.formatVersion, found >= 1 else { return }
        guard FileManager.default.isWritableFile(atPath: path),
            FileManager.default.isWritableFile(atPath: (path as NSString).deletingLastPathComponent)
        else { return }
        try snapshot(of: pool, path, at: snapshotPath(of: path, format: found))
        try pool.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                // Another process may have done this already.
                guard try Int.fetchOne(db, sql: "PRAGMA user_version") == 1 else { return .commit }
                try fromFirst(db, path: path)
                try db.execute(sql: "PRAGMA user_version = 2")
                return .commit
            }
        }
    }

    /// Makes a complete copy, which then gets its name. A copy that is already there is the older one and stays.
    private static func snapshot(of pool: DatabasePool, _ collection: String, at path: String) throws {
        guard !FileManager.default.fileExists(atPath: path) else { return }
        let place = try StagingPlace.make(for: collection)
        defer { place.discard() }
        let temporary = place.path
        try PrivateFile.create(temporary)
        let copy = try DatabaseQueue(path: temporary)
        try pool.backup(to: copy)
        try copy.close()
        try DirectorySync.sync(temporary)
        guard rename(temporary, path) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        try DirectorySync.syncParent(of: path)
    }

    /// The tables that format 2 added.
    static func makeTables(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE history(
                    sequence INTEGER PRIMARY KEY, id BLOB NOT NULL, payload BLOB NOT NULL, sparse BLOB NOT NULL,
                    checksum INTEGER NOT NULL, dense BLOB NOT NULL, dense_checksum INTEGER NOT NULL);
                CREATE TABLE commits(
                    sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, count INTEGER NOT NULL, ids INTEGER NOT NULL,
                    rows INTEGER NOT NULL);
                CREATE TABLE set_aside(
                    sequence INTEGER PRIMARY KEY, id BLOB, payload BLOB, sparse BLOB, checksum INTEGER, dense BLOB,
                    dense_checksum INTEGER, at INTEGER NOT NULL);
                """)
    }

    private static func fromFirst(_ db: Database, path: String) throws {
        try makeTables(db)
        try db.execute(sql: "ALTER TABLE deletions ADD COLUMN checksum INTEGER")
        var tally = PointTally()
        try db.scan("SELECT sequence, id, checksum FROM points") { row in
            tally.add(sequence: row.integer(0), key: row.blob(1), checksum: row.integer(2))
        }
        var facts = try MetaFacts(db, path: path)
        try facts.write(
            [
                "count": .number(tally.count), "ids": .number(Int64(bitPattern: tally.ids)),
                "rows": .number(Int64(bitPattern: tally.rows)), "shipped": .number(-1),
            ], to: db)
        try MetaFacts.seal(db, path: path)
    }
}
