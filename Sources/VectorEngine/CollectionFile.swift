import Foundation
import GRDB
import Synchronization

// One collection is one SQLite file in WAL mode. The tables:
//
//     meta(key, value)                      format, schema, sequence, generation, sealed, deletion_floor, dropped
//     points(sequence, id, payload, sparse, checksum)   the newest version of each point
//     vectors(sequence, dense, checksum)    its dense vectors; kept after a delete while a graph walks over them
//     deletions(sequence, id)               deletes; with points by sequence, the change log other processes follow
//     segments(id, row_count, rows, indexes), graph_parts(segment, vector, part, bytes)
//                                           caches: rebuilt when missing or damaged
//
// `sequence` counts every change of the collection from 1, without gaps; a row's key is the change that wrote it.

/// Facts about the collection at one moment, read in one transaction.
struct FileHeader: Sendable {
    var schema: CollectionSchema
    /// The last change.
    var sequence: Int64
    /// Counts how often the stored segments were replaced.
    var generation: Int64
    /// Every change up to this one is in a stored segment (or was deleted).
    var sealedSequence: Int64
    /// Deletes up to this change are no longer in the log.
    var deletionFloor: Int64
}

/// The file of one collection: opening, settings, and the small reads and writes of its tables.
final class CollectionFile: Sendable {
    static let formatVersion = 1
    static let applicationID = 0x4352_5458  // "CRTX"
    /// How long a writer waits for another process's transaction.
    static let busyTimeoutSeconds = 30.0

    let path: String
    let pool: DatabasePool
    /// A connection that only ever asks whether another one has written.
    private let watch: DatabaseQueue
    /// The same without asking; nil where that is not possible.
    private let commits: Mutex<CommitWatch?>

    private let registration: OpenFileRegistration

    /// Opens an existing file.
    ///
    /// - Throws: `collectionNotFound`, `notWritable`, `damaged`, `unsupportedFormat`.
    init(path: String) throws(EngineError) {
        guard FileManager.default.fileExists(atPath: path) else {
            throw EngineError(.collectionNotFound, "there is no collection file at \(path)")
        }
        self.path = path
        registration = OpenFileRegistration(path)
        if registration.isFirst { try Self.checkHead(of: path) }
        do {
            pool = try DatabasePool(path: path, configuration: Self.configuration(label: "collection"))
            try pool.read { try Self.checkFormat($0, path: path) }
            watch = try DatabaseQueue(path: path, configuration: Self.configuration(label: "watch"))
            commits = Mutex(
                try watch.unsafeRead { db in
                    // The index is mapped by the first read.
                    _ = try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM meta")
                    return CommitWatch(db)
                })
        } catch {
            throw EngineError(wrapping: error, path: path)
        }
    }

    private static func configuration(label: String) -> Configuration {
        var configuration = Configuration()
        configuration.label = label
        configuration.busyMode = .timeout(busyTimeoutSeconds)
        configuration.maximumReaderCount = 8
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA synchronous = FULL")
            try db.execute(sql: "PRAGMA secure_delete = OFF")
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 1000")
            try db.execute(sql: "PRAGMA temp_store = MEMORY")
        }
        return configuration
    }

    /// Looks at the file's first bytes before SQLite does, which writes to whatever it opens: a text of 16 bytes, the
    /// user version at byte 60 and the application id at byte 68, big-endian (https://sqlite.org/fileformat2.html).
    private static func checkHead(of path: String) throws(EngineError) {
        let head: [UInt8]
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? file.close() }  // it was only read
            head = Array(try file.read(upToCount: 100) ?? Data())
        } catch {
            throw EngineError(
                .notWritable, "cannot read \(path). Check its owner and mode, or choose another directory with --data",
                cause: error)
        }
        guard head.count == 100, head.starts(with: Array("SQLite format 3\0".utf8)) else {
            throw EngineError(
                .damaged,
                "\(path) is damaged: it is no database. Restore it from a backup, or move it away to start anew")
        }
        func number(at offset: Int) -> Int { head[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) } }
        try check(application: number(at: 68), version: number(at: 60), path: path)
    }

    private static func checkFormat(_ db: Database, path: String) throws {
        try check(
            application: try Int.fetchOne(db, sql: "PRAGMA application_id") ?? 0,
            version: try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0, path: path)
    }

    private static func check(application: Int, version: Int, path: String) throws(EngineError) {
        guard application == applicationID else {
            throw EngineError(.damaged, "\(path) is not a Cortex collection; move it out of the data directory")
        }
        guard version <= formatVersion else {
            throw EngineError(
                .unsupportedFormat,
                "\(path) has format \(version), this program reads up to \(formatVersion); use a newer cortex")
        }
    }

    /// Makes the file whole and only then gives it its name, so that it appears complete or not at all.
    ///
    /// - Throws: `collectionExists` when the name is taken, also by another process meanwhile.
    static func create(path: String, schema: CollectionSchema) throws(EngineError) {
        let temporary = path + ".new-\(UUID().uuidString)"
        do {
            defer { unlink(temporary) }
            try makeTables(at: temporary, schema: schema)
            guard link(temporary, path) == 0 else {
                if errno == EEXIST {
                    throw EngineError(.collectionExists, "a collection of that name exists already")
                }
                throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
            }
            try DirectorySync.sync((path as NSString).deletingLastPathComponent)
        } catch {
            throw EngineError(wrapping: error, path: path)
        }
    }

    private static func makeTables(at path: String, schema: CollectionSchema) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA page_size = 8192; PRAGMA synchronous = FULL")
            try db.execute(sql: "PRAGMA application_id = \(applicationID); PRAGMA user_version = \(formatVersion)")
            try db.execute(
                sql: """
                    CREATE TABLE meta(key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
                    CREATE TABLE points(
                        sequence INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, payload BLOB NOT NULL,
                        sparse BLOB NOT NULL, checksum INTEGER NOT NULL);
                    CREATE TABLE vectors(sequence INTEGER PRIMARY KEY, dense BLOB NOT NULL, checksum INTEGER NOT NULL);
                    CREATE TABLE deletions(sequence INTEGER PRIMARY KEY, id BLOB NOT NULL);
                    CREATE TABLE segments(
                        id INTEGER PRIMARY KEY AUTOINCREMENT, row_count INTEGER NOT NULL, rows BLOB NOT NULL,
                        indexes BLOB NOT NULL);
                    """)
            try makeGraphTable(db)
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            let facts: [(String, any DatabaseValueConvertible)] = [
                ("schema", String(decoding: try encoder.encode(schema), as: UTF8.self)),
                ("store_id", UUID().uuidString), ("sequence", 0), ("generation", 0), ("sealed", 0),
                ("deletion_floor", 0), ("dropped", 0),
            ]
            for (key, value) in facts {
                try db.execute(sql: "INSERT INTO meta(key, value) VALUES (?, ?)", arguments: [key, value])
            }
        }
        try queue.close()
        try DirectorySync.sync(path)
    }

    /// The table of the graphs' parts; files of the first version have another.
    static func makeGraphTable(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS graph_parts(
                    segment INTEGER NOT NULL, vector TEXT NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL,
                    PRIMARY KEY(segment, vector, part));
                DROP TABLE IF EXISTS graphs;
                """)
    }

    // MARK: Reading

    /// Differs from every earlier one once anybody has committed; nil where only `dataVersion` can tell.
    var commitMark: CommitWatch.Mark? { commits.withLock { $0?.mark } }

    /// Changes whenever another connection, of this process or of another, has committed.
    func dataVersion() throws -> Int64 {
        try watch.unsafeRead { db in
            guard let version = try Int64.fetchOne(db.cachedStatement(sql: "PRAGMA data_version")) else {
                throw EngineError(.damaged, "\(path) does not tell its data version")
            }
            return version
        }
    }

    func header(_ db: Database) throws -> FileHeader {
        var schema: CollectionSchema?
        var numbers: [String: Int64] = [:]
        let rows = try Row.fetchCursor(db.cachedStatement(sql: "SELECT key, value FROM meta"))
        while let row = try rows.next() {
            let key: String = row[0]
            if key == "schema", let text: String = row[1] {
                schema = try decodedSchema(text)
            } else if let number = Int64.fromDatabaseValue(row[1]) {
                numbers[key] = number
            }
        }
        guard let schema, let sequence = numbers["sequence"] else {
            throw EngineError(.damaged, "\(path) has lost its description; restore it from a backup")
        }
        if numbers["dropped"] == 1 {
            throw EngineError(.collectionNotFound, "the collection was deleted by another process")
        }
        return FileHeader(
            schema: schema, sequence: sequence, generation: numbers["generation"] ?? 0,
            sealedSequence: numbers["sealed"] ?? 0, deletionFloor: numbers["deletion_floor"] ?? 0)
    }

    private func decodedSchema(_ text: String) throws(EngineError) -> CollectionSchema {
        do {
            return try JSONDecoder().decode(CollectionSchema.self, from: Data(text.utf8))
        } catch {
            throw EngineError(
                .damaged, "\(path) has a damaged description. Restore it from a backup, or move it away to start anew",
                cause: error)
        }
    }

    static let selectRows =
        "SELECT \(StoredRow.pointColumns), \(StoredRow.vectorColumns) FROM points p "
        + "LEFT JOIN vectors v ON v.sequence = p.sequence "
    static let selectPoints = "SELECT \(StoredRow.pointColumns) FROM points p "

    func setMeta(_ db: Database, _ key: String, _ value: Int64) throws {
        try db.cachedStatement(sql: "UPDATE meta SET value = ? WHERE key = ?").execute(arguments: [value, key])
    }

    /// Payloads by sequence; rows that are gone are left out.
    func payloads(_ db: Database, _ sequences: [Int64]) throws -> [Int64: Payload] {
        var found: [Int64: Payload] = [:]
        for sequence in sequences {
            try db.scan("SELECT payload FROM points WHERE sequence = ?", [sequence]) { row in
                found[sequence] = Payload(validated: Array(row.blob(0)))
            }
        }
        return found
    }

    /// Bytes of the file and its log.
    var sizeBytes: Int {
        [path, path + "-wal"].reduce(0) { total, path in
            var facts = stat()
            return stat(path, &facts) == 0 ? total + Int(facts.st_size) : total
        }
    }

    /// Closes the connections; the log goes into the file first and is emptied, as far as nobody else is reading. The
    /// log itself stays, since without one a store in a read-only folder could not be read.
    func close() throws {
        do {
            try pool.writeWithoutTransaction { db in
                // Answers how far it came; nothing waits.
                try db.execute(sql: "PRAGMA busy_timeout = 0")
                _ = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
            }
        } catch is DatabaseError {
            // A file that may not be written, or a full disk: what is in the log is as safe there.
        }
        commits.withLock { $0 = nil }
        try watch.close()
        try pool.close()
    }
}

/// Says whether this process has a file open through SQLite already. To open it otherwise and close it again would then
/// take away SQLite's locks (https://sqlite.org/howtocorrupt.html, 2.2).
private final class OpenFileRegistration: Sendable {
    let isFirst: Bool
    private let path: String
    private static let counts = Mutex<[String: Int]>([:])

    init(_ path: String) {
        self.path = path
        isFirst = Self.counts.withLock { counts in
            counts[path, default: 0] += 1
            return counts[path] == 1
        }
    }

    deinit { Self.counts.withLock { $0[path, default: 1] -= 1 } }
}

/// Makes a new name in a directory survive a power cut.
enum DirectorySync {
    static func sync(_ path: String) throws {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        defer { Foundation.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }
}
