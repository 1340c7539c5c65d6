import Files
import Foundation
import GRDB

/// Creation of a collection's file.
extension CollectionFile {
    /// Makes a complete file and then gives it its name, so that it appears complete or not at all.
    ///
    /// - Throws: `collectionExists` if the name is taken, even if another process took it meanwhile.
    static func create(
        path: String, name: String, definition: CollectionDefinition, key: EncryptionKey? = nil
    ) throws(EngineError) {
        do {
            let place = try StagingPlace.make(for: path)
            defer { place.discard() }
            let temporary = place.path
            if !FileManager.default.fileExists(atPath: path), AcknowledgedMark.read(beside: path) != .missing {
                throw EngineError(
                    .damaged, "\(path) is missing, though its mark is there; restore it: cortex restore --help")
            }
            try makeTables(
                at: temporary, definition, name: name, dataKey: try key.map { try RowCipher.newDataKey(under: $0) })
            guard link(temporary, path) == 0 else {
                if errno == EEXIST {
                    throw EngineError(.collectionExists, "a collection of that name exists already")
                }
                throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
            }
            try DirectorySync.syncParent(of: path)
        } catch {
            throw EngineError(wrapping: error, path: path)
        }
    }

    static func makeTables(
        at path: String, _ definition: CollectionDefinition, name: String? = nil, dataKey: [UInt8]? = nil
    ) throws {
        try PrivateFile.create(path)
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA page_size = 8192; PRAGMA synchronous = FULL")
            try db.inTransaction { () throws -> Database.TransactionCompletion in
                try fill(db, path: path, definition, name: name, dataKey: dataKey)
                return .commit
            }
            // This setting is stored in the file. Otherwise the first process that opens the file would set it, and if
            // two processes do so at once, SQLite refuses one of them without waiting.
            _ = try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL")
        }
        try queue.close()
        try DirectorySync.sync(path)
    }

    private static func fill(
        _ db: Database, path: String, _ definition: CollectionDefinition, name: String?, dataKey: [UInt8]?
    ) throws {
        try db.execute(sql: "PRAGMA application_id = \(applicationID); PRAGMA user_version = \(formatVersion)")
        try db.execute(
            sql: """
                CREATE TABLE meta(key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
                CREATE TABLE points(
                    sequence INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, payload BLOB NOT NULL,
                    sparse BLOB NOT NULL, checksum INTEGER NOT NULL);
                CREATE TABLE vectors(sequence INTEGER PRIMARY KEY, dense BLOB NOT NULL, checksum INTEGER NOT NULL);
                CREATE TABLE deletions(sequence INTEGER PRIMARY KEY, id BLOB NOT NULL, checksum INTEGER);
                CREATE TABLE segments(
                    id INTEGER PRIMARY KEY AUTOINCREMENT, row_count INTEGER NOT NULL, rows BLOB NOT NULL,
                    indexes BLOB NOT NULL);
                """)
        try makeGraphTable(db)
        try FormatMigration.makeTables(db)
        var facts: [(String, any DatabaseValueConvertible)] = [
            ("schema", try encoded(definition.schema)),
            ("store_id", UUID().uuidString), ("sequence", 0), ("generation", 0), ("sealed", 0),
            ("deletion_floor", 0), ("dropped", 0), ("count", 0), ("ids", 0), ("rows", 0), ("shipped", -1),
        ]
        for (note, text) in definition.notes { facts.append((notePrefix + note, text)) }
        if let name, CollectionFileName.isHashed(name) { facts.append((nameFact, name)) }
        if let dataKey { facts.append((dataKeyFact, Data(dataKey))) }
        for (key, value) in facts {
            try db.execute(sql: "INSERT INTO meta(key, value) VALUES (?, ?)", arguments: [key, value])
        }
        try MetaFacts.seal(db, path: path)
    }

    /// The table of the graphs' parts; files of format 1 have a different table.
    static func makeGraphTable(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS graph_parts(
                    segment INTEGER NOT NULL, vector TEXT NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL,
                    PRIMARY KEY(segment, vector, part));
                DROP TABLE IF EXISTS graphs;
                """)
    }
}
