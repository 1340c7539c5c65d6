import Files
import Foundation
import GRDB
import Synchronization

// One collection is one SQLite file in WAL mode. The tables:
//
//     meta(key, value)                      schema, store_id, sequence, generation, sealed, deletion_floor, dropped,
//                                           count, ids, rows (PointTally), shipped, data_key, check
//     points(sequence, id, payload, sparse, checksum)   the newest version of each point
//     vectors(sequence, dense, checksum)    its dense vectors; kept after a delete while a graph walks over them
//     deletions(sequence, id, checksum)     deletes; with points by sequence, the change log other processes follow
//     segments(id, row_count, rows, indexes), graph_parts(segment, vector, part, bytes)
//                                           caches: rebuilt when missing or damaged
//     history(sequence, id, payload, sparse, checksum, dense, dense_checksum)   rows replaced before they were shipped
//     commits(sequence, at, count, ids, rows)   one row a transaction until it is shipped: its last change and time
//     set_aside(sequence, id, payload, sparse, checksum, dense, dense_checksum, at)   damaged rows a repair took out
//
// `sequence` counts every change of the collection from 1, without gaps; a row's key is the change that wrote it.
// Format 1 had no tally, no check, and none of the last three tables (FormatMigration). docs/file-format.md has all
// layouts.

/// Facts about the collection at one moment, read in one transaction.
struct FileHeader: Sendable {
    var schema: CollectionSchema
    /// The last change.
    var sequence: Int64
    /// How often the stored segments were replaced.
    var generation: Int64
    /// Every change up to this one is in a stored segment (or was deleted).
    var sealedSequence: Int64
    /// Deletes up to this change are no longer in the log.
    var deletionFloor: Int64
    /// The tally of the points; nil in a file of format 1.
    var tally: PointTally?
    /// The last change in the shipped log; nil while nothing is shipped.
    var shippedSequence: Int64?
    var storeID: UUID
    /// The facts as they were read; they are written back together.
    var facts: MetaFacts
}

/// The file of one collection: opening, settings, and the small reads and writes of its tables.
final class CollectionFile: Sendable {
    static let formatVersion = 2
    static let applicationID = 0x4352_5458  // "CRTX"
    /// How long a writer waits for another process's transaction.
    static let busyTimeoutSeconds = 30.0

    let path: String
    let pool: DatabasePool
    private let checkpointer: Checkpointer
    /// A connection that only checks whether another connection has written.
    private let watch: DatabaseQueue
    /// Reads rows directly from the file's pages (`RowPages`).
    let pages: PageConnections
    let storeID: UUID
    /// Encrypts and decrypts rows and caches; nil if they are not encrypted, or if the file is opened without reading
    /// rows.
    let cipher: RowCipher?
    static let dataKeyFact = "data_key"
    /// The mark, open for writing; −1 if the directory cannot be written.
    private let markDescriptor: Int32
    /// The file that was opened.
    private let identity: FileIdentity?
    private let decoded: Mutex<(text: String, schema: CollectionSchema)?> = Mutex(nil)
    let definitions: Mutex<KnownDefinition?> = Mutex(nil)
    /// The schema of one generation (`schema(_:)`).
    let layouts: Mutex<(generation: Int64, schema: CollectionSchema)?> = Mutex(nil)
    /// The same without a call to the database; nil if that is not possible.
    private let commits: Mutex<CommitWatch?>

    /// How a file is opened.
    enum Access {
        /// For looking after the file: rows are not decrypted.
        case files
        /// To read and write rows, with the user's key or without one.
        case rows(EncryptionKey?)
    }

    /// Opens an existing file, brings it to this program's format and compares it with its mark.
    ///
    /// - Throws: `collectionNotFound`, `notWritable`, `damaged`, `unsupportedFormat`, `keyRefused`.
    init(path: String, for access: Access = .files) throws(EngineError) {
        let lock = try Self.lockForOpening(path)
        defer { withExtendedLifetime(lock) {} }
        // The mark is read before the file: changes that another process acknowledges meanwhile are beyond this mark,
        // so the file is never wrongly found behind.
        let mark = AcknowledgedMark.read(beside: path)
        guard Self.isThere(path) else {
            if case .missing = mark {
                throw EngineError(.collectionNotFound, "there is no collection file at \(path)")
            }
            throw EngineError(
                .damaged, "\(path) is missing, though its mark is there; restore it: cortex restore --help")
        }
        self.path = path
        PrivateFile.close(toOthers: path)
        try OpenFiles.enter(path) { () throws(EngineError) in try Self.checkHead(of: path) }
        do {
            let pool = try DatabasePool(path: path, configuration: Self.configuration(label: "collection"))
            self.pool = pool
            // GRDB's pool sets `synchronous` to NORMAL after `prepareDatabase` has run, and then commits are not
            // synced.
            let checkpointer = Checkpointer(path: path)
            self.checkpointer = checkpointer
            pages = PageConnections(path: path, checkpointer)
            try pool.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA synchronous = FULL")
                checkpointer.follow(db)
            }
            try pool.read { try Self.checkFormat($0, path: path) }
            try FormatMigration.run(path: path, pool: pool)
            watch = try DatabaseQueue(path: path, configuration: Self.configuration(label: "watch"))
            // Nobody replaces the file meanwhile: that takes the lock for deleting.
            identity = FileIdentity(path)
            commits = Mutex(
                try watch.unsafeRead { db in
                    // The first read maps the index.
                    _ = try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM meta")
                    return CommitWatch(db)
                })
            let header = try pool.read { try Self.header($0, path: path, decode: Self.decodedSchema) }
            storeID = header.storeID
            cipher = try Self.cipher(header, access, path: path)
            markDescriptor = try Self.compare(header, with: mark, path: path)
        } catch {
            OpenFiles.leave(path)
            throw EngineError(wrapping: error, path: path)
        }
    }

    private static func lockForOpening(_ path: String) throws(EngineError) -> DirectoryLock {
        do {
            return try DirectoryLock(.opening, directoryOf: path)
        } catch {
            throw EngineError(wrapping: error, path: path)
        }
    }

    private static func cipher(_ header: FileHeader, _ access: Access, path: String) throws(EngineError) -> RowCipher? {
        guard case .rows(let key) = access else { return nil }
        switch (header.facts.bytes(dataKeyFact), key) {
        case (nil, nil): return nil
        case (let sealed?, let key?): return try RowCipher(unwrapping: sealed, with: key)
        case (_?, nil):
            throw EngineError(.keyRefused, "\(path) is encrypted; give its key in ENCRYPTION_KEY")
        case (nil, _?):
            throw EngineError(
                .keyRefused, "\(path) is not encrypted though ENCRYPTION_KEY is set; encrypt it: cortex key encrypt")
        }
    }

    deinit {
        if markDescriptor >= 0 { Foundation.close(markDescriptor) }
        OpenFiles.leave(path)
    }

    /// Refuses a file that is behind its mark or belongs to another store; makes a mark if there is none.
    ///
    /// - Returns: the mark, open for writing; −1 if that is not possible.
    private static func compare(
        _ header: FileHeader, with mark: AcknowledgedMark.Reading, path: String
    ) throws -> Int32 {
        // A process that replaced the store in this file was killed before it replaced the mark (see Adoption.swift).
        var mark = mark
        if case .mark(let old) = mark, header.facts.text(replacedFact) == old.storeID.uuidString { mark = .missing }
        switch mark {
        case .mark(let mark):
            guard mark.storeID == header.storeID else {
                throw EngineError(
                    .damaged,
                    "\(path) does not belong to the mark beside it, which names another store; put the right file "
                        + "back, or accept this one: cortex verify --repair")
            }
            guard mark.sequence <= header.sequence else {
                throw EngineError(
                    .damaged,
                    "\(path) has lost its last \(mark.sequence - header.sequence) changes, which were "
                        + "acknowledged: its write-ahead log was damaged or removed. Get them back: cortex verify "
                        + "--repair"
                )
            }
        case .missing, .damaged:
            guard header.tally != nil else { return -1 }
            do {
                try AcknowledgedMark(storeID: header.storeID, sequence: header.sequence).create(beside: path)
            } catch let error as FileError where !error.saysTooManyFiles {
                // The directory cannot be written, or the disk is full: the mark is made later, when that is possible.
                // Until then a write fails for the same reason, and its caller is told; reading needs no mark.
                return -1
            }
        }
        let descriptor = open(AcknowledgedMark.path(of: path), O_RDWR | O_CLOEXEC)
        if descriptor < 0, errno == EMFILE || errno == ENFILE {
            throw POSIXError(errno == EMFILE ? .EMFILE : .ENFILE)
        }
        return descriptor
    }

    /// Ends the doubt about a failed commit.
    ///
    /// The part of it that SQLite wrote is behind the end of the write-ahead log and would count if the log were read
    /// again. Any commit overwrites it. So after this the failed write is not in the file, and cannot come back.
    func endDoubt() throws {
        try pool.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                var facts = try MetaFacts(db, path: path)
                try facts.write(["doubts": .number((facts.number("doubts") ?? 0) &+ 1)], to: db)
                return .commit
            }
        }
    }

    /// Called after each commit: from now on, a file without these changes is damaged.
    func noteAcknowledged(_ sequence: Int64) {
        if markDescriptor >= 0 { AcknowledgedMark(storeID: storeID, sequence: sequence).raise(markDescriptor) }
    }

    /// Waits until no copy of the log into the file is running.
    func settleCheckpoint() { checkpointer.settle() }

    static func configuration(label: String) -> Configuration {
        var configuration = Configuration()
        configuration.label = label
        configuration.busyMode = .timeout(busyTimeoutSeconds)
        configuration.maximumReaderCount = 8
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA synchronous = FULL")
            try db.execute(sql: "PRAGMA secure_delete = OFF")
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 1000")
            try db.execute(sql: "PRAGMA temp_store = MEMORY")
            // Readers read many rows in order, or single rows; a cache only helps with the pages above the rows.
            if db.configuration.readonly { try db.execute(sql: "PRAGMA cache_size = -512") }
        }
        return configuration
    }

    /// Reads the file's first bytes before SQLite opens the file, because SQLite writes to every file that it opens: a
    /// text of 16 bytes, the user version at byte 60 and the application id at byte 68, big-endian
    /// (https://sqlite.org/fileformat2.html).
    static func checkHead(of path: String) throws(EngineError) {
        let head: [UInt8]
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? file.close() }  // it was only read
            head = Array(try file.read(upToCount: 100) ?? Data())
        } catch {
            if OpenFileLimit.isReached { throw EngineError(openFiles: path, cause: error) }
            throw EngineError(
                .notWritable, "cannot read \(path). Check its owner and mode, or choose another directory with --data",
                cause: error)
        }
        guard head.count == 100, head.starts(with: Array("SQLite format 3\0".utf8)) else {
            throw EngineError(
                .damaged,
                "\(path) is damaged: it is not a database. Restore it from a backup, or move it away to start an empty "
                    + "one"
            )
        }
        func number(at offset: Int) -> Int { head[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) } }
        try check(application: number(at: 68), version: number(at: 60), path: path)
    }

    static func checkFormat(_ db: Database, path: String) throws {
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

    // MARK: Reading

    /// Differs from every earlier mark once any connection has committed; nil if only `dataVersion` can tell.
    var commitMark: CommitWatch.Mark? { commits.withLock { $0?.mark } }

    /// Changes whenever another connection, of this process or of another one, has committed.
    func dataVersion() throws -> Int64 {
        try watch.unsafeRead { db in
            guard let version = try Int64.fetchOne(db.cachedStatement(sql: "PRAGMA data_version")) else {
                throw EngineError(.damaged, "\(path) does not return its data version")
            }
            return version
        }
    }

    /// - Throws: `collectionNotFound` when the collection was deleted, when another one was put into this file, or when
    ///   another file has its name. Within a write transaction this keeps a write from going into a file that nobody
    ///   finds any more.
    func header(_ db: Database) throws -> FileHeader {
        guard FileIdentity(path) == identity else {
            throw EngineError(.collectionNotFound, "the collection's file was replaced or removed")
        }
        let header = try Self.header(db, path: path) { text, path throws(EngineError) in
            if let known = decoded.withLock({ $0 }), known.text.hasSameBytes(as: text) { return known.schema }
            let schema = try Self.decodedSchema(text, path: path)
            decoded.withLock { $0 = (text, schema) }
            return schema
        }
        guard header.storeID == storeID else {
            throw EngineError(.collectionNotFound, "the collection was replaced by another one")
        }
        return header
    }

    static func header(
        _ db: Database, path: String, decode: (String, String) throws(EngineError) -> CollectionSchema
    ) throws -> FileHeader {
        let facts = try MetaFacts(db, path: path)
        let lost = EngineError(
            .damaged, "\(path) has lost its description; restore it from a backup, or run: cortex verify --repair")
        guard let text = facts.text("schema"), let sequence = facts.number("sequence"), sequence >= 0,
            let storeID = facts.text("store_id").flatMap(UUID.init(uuidString:))
        else { throw lost }
        if facts.number("dropped") == 1 {
            throw EngineError(.collectionNotFound, "the collection was deleted by another process")
        }
        var tally: PointTally?
        if facts.isChecked {
            guard let count = facts.number("count"), let ids = facts.number("ids"), let rows = facts.number("rows")
            else { throw lost }
            tally = PointTally(count: count, ids: UInt64(bitPattern: ids), rows: UInt64(bitPattern: rows))
        }
        return FileHeader(
            schema: try decode(text, path), sequence: sequence, generation: facts.number("generation") ?? 0,
            sealedSequence: facts.number("sealed") ?? 0, deletionFloor: facts.number("deletion_floor") ?? 0,
            tally: tally, shippedSequence: facts.number("shipped").flatMap { $0 >= 0 ? $0 : nil }, storeID: storeID,
            facts: facts)
    }

    /// The schema as `meta` keeps it.
    static func encoded(_ schema: CollectionSchema) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(schema), as: UTF8.self)
    }

    static func decodedSchema(_ text: String, path: String) throws(EngineError) -> CollectionSchema {
        do {
            return try JSONDecoder().decode(CollectionSchema.self, from: Data(text.utf8))
        } catch {
            throw EngineError(
                .damaged,
                "\(path) has a damaged description. Restore it from a backup, or move it away to start an empty one",
                cause: error)
        }
    }

    static let selectRows =
        "SELECT \(StoredRow.pointColumns), \(StoredRow.vectorColumns) FROM points p "
        + "LEFT JOIN vectors v ON v.sequence = p.sequence "
    static let selectPoints = "SELECT \(StoredRow.pointColumns) FROM points p "

    func setMeta(_ db: Database, _ key: String, _ value: Int64) throws {
        var facts = try MetaFacts(db, path: path)
        try facts.write([key: .number(value)], to: db)
    }

    /// Payloads by sequence, without those of rows that are gone.
    ///
    /// - Throws: `damaged` for a damaged row.
    func payloads(_ db: Database, _ sequences: [Int64]) throws -> [Int64: Payload] {
        var found: [Int64: Payload] = [:]
        for sequence in sequences {
            try db.scan("SELECT id, payload, sparse, checksum FROM points WHERE sequence = ?", [sequence]) { row in
                found[sequence] = try StoredRow.payload(row, sequence: sequence, cipher)
            }
        }
        return found
    }

    /// The commit time of the oldest change that is not in the shipped log; nil if all changes are.
    func oldestUnshipped(_ db: Database) throws -> Int64? {
        guard try header(db).shippedSequence != nil else { return nil }
        return try Int64.fetchOne(db, sql: "SELECT at FROM commits ORDER BY sequence LIMIT 1")
    }

    /// Rebuilds the index of ids from the rows.
    ///
    /// - Returns: false if the file cannot be written or two rows have the same id.
    func rebuildIDIndex() throws -> Bool {
        do {
            try pool.writeWithoutTransaction { try $0.execute(sql: "REINDEX points") }
            return true
        } catch is DatabaseError {
            // Two rows have the same id, or the file cannot be written: missing rows are counted as damaged instead,
            // and every answer says so.
            return false
        }
    }

    /// Bytes of the file and its log.
    var sizeBytes: Int {
        Self.size(of: path) + Self.size(of: path + "-wal")
    }

    private static func size(of path: String) -> Int {
        var facts = stat()
        return stat(path, &facts) == 0 ? Int(facts.st_size) : 0
    }

    /// A log of at least this size is emptied when the file is closed.
    private static let largeLogBytes = 4 << 20

    /// Closes the connections. First the log is copied into the file, as far as no reader uses older pages. The log
    /// file stays and is never empty: without it, a store in a read-only directory could not be read.
    func close() throws {
        checkpointer.close()
        do {
            try pool.writeWithoutTransaction { db in
                // Each statement returns how far it came; none waits.
                try db.execute(sql: "PRAGMA busy_timeout = 0")
                _ = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(PASSIVE)")
                if Self.size(of: path + "-wal") > Self.largeLogBytes {
                    _ = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
                    // A commit that changes nothing.
                    try db.execute(sql: "PRAGMA user_version = \(Self.formatVersion)")
                }
            }
        } catch is DatabaseError {
            // The file cannot be written, or the disk is full: the changes are as safe in the log.
        }
        commits.withLock { $0 = nil }
        try pages.close()
        try watch.close()
        try pool.close()
    }
}
