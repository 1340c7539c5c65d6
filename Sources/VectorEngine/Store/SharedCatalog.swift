import Files
import Foundation
import GRDB
import JSON
import Synchronization

// What the processes on one directory share beside the collections, in `catalog.sqlite`:
//
//     aliases(name, collection)      other names of collections; a name is an alias or a collection, never both
//
// The file is made when there is first something to write into it, whole under its name or not at all. Earlier versions
// kept the aliases in `qdrant-aliases.json`: their aliases move to the new file, and then it is removed.

/// The aliases of a directory, as every process on it sees them.
final class SharedCatalog: Sendable {
    private let directory: String
    private let state = Mutex(State())

    private static let fileName = "catalog.sqlite"
    private static let formerName = "qdrant-aliases.json"
    private static let applicationID = 0x4352_5443  // "CRTC"
    private static let formatVersion = 1

    private struct State {
        var open: Open?
        /// The aliases, and what the file's commits looked like before they were read.
        var known: (mark: CommitWatch.Mark?, aliases: [ByteText: String])?
    }

    private struct Open: Sendable {
        let writer: DatabaseQueue
        /// A connection of its own, so that who reads does not wait for who changes.
        let reader: DatabaseQueue
        let commits: CommitWatch?
    }

    private var path: String { directory + "/" + Self.fileName }
    private var formerPath: String { directory + "/" + Self.formerName }

    init(directory: String) { self.directory = directory }

    /// The newest aliases where they are known without asking the file; nil otherwise.
    var settled: [ByteText: String]? {
        state.withLock { state in
            guard let open = state.open else { return isAbsent ? [:] : nil }
            guard let mark = open.commits?.mark, let known = state.known, known.mark == mark else { return nil }
            return known.aliases
        }
    }

    private var isAbsent: Bool { access(path, F_OK) != 0 && access(formerPath, F_OK) != 0 }

    /// The newest aliases, whichever process wrote them. Blocks.
    func aliases() throws(EngineError) -> [ByteText: String] {
        if let settled { return settled }
        do {
            let open = try state.withLock { try opened(&$0) }
            let mark = open.commits?.mark
            let aliases = try open.reader.read(Self.read)
            state.withLock { $0.known = (mark, aliases) }
            return aliases
        } catch {
            throw EngineError(wrapping: error, path: path)
        }
    }

    /// Runs `body` on the newest aliases while no other process changes them, and keeps what it leaves. Blocks.
    ///
    /// - Throws: what `body` throws; then nothing is changed.
    func change<Result>(_ body: (inout [ByteText: String]) throws -> Result) throws -> Result {
        var outcome: Swift.Result<Result, any Error> = .failure(CancellationError())
        do {
            let open = try state.withLock { try opened(&$0) }
            try open.writer.writeWithoutTransaction { db in
                try db.inTransaction(.immediate) {
                    let before = try Self.read(db)
                    var aliases = before
                    outcome = Swift.Result { try body(&aliases) }
                    guard case .success = outcome else { return .rollback }
                    try Self.write(aliases, over: before, db)
                    return .commit
                }
            }
        } catch {
            throw EngineError(wrapping: error, path: path)
        }
        return try outcome.get()
    }

    func close() throws {
        let open = state.withLock { state in
            defer { state = State() }
            return state.open
        }
        try open?.reader.close()
        try open?.writer.close()
    }

    // MARK: The file

    private func opened(_ state: inout State) throws -> Open {
        if let open = state.open { return open }
        if !FileManager.default.fileExists(atPath: path) { try make() }
        let configuration = CollectionFile.configuration(label: "catalog")
        let writer = try DatabaseQueue(path: path, configuration: configuration)
        let reader = try DatabaseQueue(path: path, configuration: configuration)
        let commits = try reader.read { db in
            guard try Int.fetchOne(db, sql: "PRAGMA application_id") == Self.applicationID else {
                throw EngineError(.damaged, "\(path) is not a catalog of Cortex; move it out of the data directory")
            }
            guard try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0 <= Self.formatVersion else {
                throw EngineError(.unsupportedFormat, "\(path) was written by a newer cortex; use that one")
            }
            // The index is mapped by the first read.
            _ = try Self.read(db)
            return CommitWatch(db)
        }
        // Its aliases are in the catalog, which was made of them.
        unlink(formerPath)
        let open = Open(writer: writer, reader: reader, commits: commits)
        state.open = open
        return open
    }

    private func make() throws {
        let temporary = path + ".new-" + UUID().uuidString
        defer { for suffix in ["", "-wal", "-shm"] { unlink(temporary + suffix) } }
        try PrivateFile.create(temporary)
        let queue = try DatabaseQueue(path: temporary)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = FULL")
            try db.inTransaction {
                try db.execute(
                    sql: """
                        PRAGMA application_id = \(Self.applicationID);
                        PRAGMA user_version = \(Self.formatVersion);
                        CREATE TABLE aliases(name TEXT PRIMARY KEY, collection TEXT NOT NULL) WITHOUT ROWID;
                        """)
                try Self.write(try formerAliases(), over: [:], db)
                return .commit
            }
            _ = try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL")
        }
        try queue.close()
        try DirectorySync.sync(temporary)
        // Another process may have been here first: its file is as good.
        guard link(temporary, path) == 0 || errno == EEXIST else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
        try DirectorySync.sync(directory)
    }

    private func formerAliases() throws -> [ByteText: String] {
        guard FileManager.default.fileExists(atPath: formerPath) else { return [:] }
        guard let text = FileManager.default.contents(atPath: formerPath) else {
            throw EngineError(.notWritable, "cannot read \(formerPath). Check its owner and mode")
        }
        var aliases: [ByteText: String] = [:]
        do {
            for (alias, name) in try JSONParser.parse(Array(text)).objectValue ?? [:] {
                aliases[text: alias] = name.stringValue
            }
        } catch {
            throw EngineError(
                .damaged, "\(formerPath) is damaged. Move it away to go on without the aliases in it", cause: error)
        }
        return aliases
    }

    private static func read(_ db: Database) throws -> [ByteText: String] {
        var aliases: [ByteText: String] = [:]
        let rows = try Row.fetchCursor(db.cachedStatement(sql: "SELECT name, collection FROM aliases"))
        while let row = try rows.next() {
            let name: String = row[0]
            aliases[text: name] = row[1]
        }
        return aliases
    }

    private static func write(_ aliases: [ByteText: String], over before: [ByteText: String], _ db: Database) throws {
        for name in before.keys where aliases[name] == nil {
            try db.execute(sql: "DELETE FROM aliases WHERE name = ?", arguments: [name.text])
        }
        for (name, collection) in aliases where !(before[name]?.hasSameBytes(as: collection) ?? false) {
            try db.execute(
                sql: "INSERT OR REPLACE INTO aliases(name, collection) VALUES (?, ?)",
                arguments: [name.text, collection])
        }
    }
}

extension EmbeddedStore {
    /// Other names of collections where they are known without asking the disk; nil otherwise.
    package var settledAliases: [ByteText: String]? { catalog.settled }

    /// Other names of collections: alias, collection.
    package func aliases() async throws -> [ByteText: String] {
        if let settled = catalog.settled { return settled }
        return try await Self.offPool { [catalog] in try catalog.aliases() }
    }

    /// Runs `body` on the aliases in one transaction: all that it changes is kept, or nothing when it throws. No
    /// process changes an alias meanwhile, and none makes or deletes a collection by this method. Runs where it may
    /// block.
    package func changeAliases<Result: Sendable>(
        _ body: @escaping @Sendable (inout [ByteText: String]) throws -> Result
    ) async throws -> Result {
        try await Self.offPool { [self] in
            try makeDirectory()
            return try catalog.change(body)
        }
    }
}
