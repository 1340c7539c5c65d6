import Files
import Foundation
import GRDB

// Putting a copy of a collection in the place of another one (a snapshot that is restored, an import). What must hold:
// whenever the process is killed, the name leads to the whole old collection or to the whole new one; a process that
// has the old one open loses no write that it acknowledges later; no file is opened with another file's write-ahead
// log.
//
// To rename the new file over the old one cannot give all of this. The old log must be gone before the new file has the
// name, or SQLite replays it into the new file. But the last commits of the old collection are in that log alone while
// somebody reads an older snapshot, so that a kill between the two steps loses them. And a process that has the old
// file open would go on to acknowledge writes to a file without a name.
//
// So the file and its log stay, and their contents change in one transaction:
//
// 1. The copy is checked, made a store of its own (with an id of its own) and synced, beside the collection under a
// name
//    that nothing reads. A kill leaves the old collection and a file of no use.
// 2. One immediate transaction empties every table and fills it from the copy (ATTACH). The new facts name the store
//    that was replaced, and count its generation on, so that a sealer of another process gives up. A kill before the
//    commit leaves the old collection, as SQLite does with any transaction; after the commit the new one is there.
// 3. The mark beside the file (AcknowledgedMark) still names the old store. A kill before it is replaced is noticed
// when
//    the file is next opened: the facts say which store was replaced, and a mark of that one is made again.
//
// Where there is no collection of the name, step 2 is a link(2) to the copy, which appears whole or not at all.
//
// Other processes notice with their next look at the facts (`CollectionFile.header`): the file holds another store than
// the one they opened. They close it, open it again and repeat what they were asked (`EmbeddedStore.retrying`). A write
// looks at the facts inside its transaction, so that none goes into the new collection that was meant for the old one.

extension EmbeddedStore {
    /// Writes a consistent copy of a collection's file to `path`, which must not exist.
    ///
    /// - Throws: `diskFull` when the copy would take the reserve that writes need.
    package func copy(_ collection: String, to path: String) async throws {
        try await with(collection) { collection in
            let folder = (path as NSString).deletingLastPathComponent
            try FreeSpace.require(collection.file.sizeBytes, at: folder)
            try PrivateFile.create(path)
            do {
                try collection.file.pool.writeWithoutTransaction { db in
                    try db.execute(sql: "VACUUM INTO ?", arguments: [path])
                }
            } catch {
                for suffix in ["", "-journal"] { unlink(path + suffix) }
                throw error
            }
        }
    }

    /// Puts a copy that `copy(_:to:)` wrote in the place of a collection, or makes one of it; the file at `path` is
    /// used up.
    ///
    /// - Throws: `damaged` when `path` is no collection's file, `collectionExists` when the name is another name of a
    ///   collection; then nothing is changed.
    package func adopt(_ path: String, as collection: String) async throws {
        try Self.check(collection)
        try await Self.offPool { [self] in
            defer { StagedCollection.remove(path) }
            try makeDirectory()
            let target = self.path(of: collection)
            do {
                let place = try StagingPlace.make(for: target)
                defer { place.discard() }
                let staged = place.path
                if rename(path, staged) != 0 { try PrivateFile.copy(path, to: staged) }
                try put(try StagedCollection(staged, name: collection), at: target)
            } catch {
                throw EngineError(wrapping: error, path: target)
            }
        }
    }

    /// Replaces `collection` by the snapshot at `path`, or makes it; the collection's former contents are gone.
    ///
    /// - Throws: `damaged` when the snapshot fails its checksums.
    package func restoreSnapshot(at path: String, as collection: String) async throws {
        let target = self.path(of: collection)
        let copy = try await Self.offPool { [self] in
            do {
                try makeDirectory()
                try FreeSpace.require(try BackupArchive.size(path), at: directory)
                let copy = try StagingPlace.make(for: target)
                do {
                    try PrivateFile.copy(path, to: copy.path)
                } catch {
                    copy.discard()
                    throw error
                }
                return copy
            } catch {
                throw EngineError(wrapping: error, path: target)
            }
        }
        defer { copy.discard() }
        try await adopt(copy.path, as: collection)
    }

    private func put(_ staged: StagedCollection, at target: String) throws {
        let name = staged.name
        while true {
            if try isMade(staged, at: target) {
                try DirectorySync.sync(directory)
                try AcknowledgedMark(storeID: staged.storeID, sequence: staged.sequence).create(beside: target)
                return
            }
            do {
                try retrying(name) { try Adoption(file: $0.file, staged: staged).run() }
                // Whatever this process has open is another store now.
                forget(name)
                return
            } catch let error as EngineError where error.code == .collectionNotFound {
                // Deleted meanwhile, or by a process that was killed: the name is free.
                guard try CollectionFile.removeDropped(target) else { throw error }
            }
        }
    }
}

extension EmbeddedStore {
    /// Gives a copy its collection's name; false where there is something of that name. No process gives the name to an
    /// alias meanwhile: the alias would hide the collection.
    private func isMade(_ staged: StagedCollection, at target: String) throws -> Bool {
        try catalog.change { aliases in
            guard aliases[text: staged.name] == nil else { throw Self.hasAlias(staged.name) }
            if link(staged.path, target) == 0 { return true }
            guard errno == EEXIST else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
            return false
        }
    }

    private static func hasAlias(_ name: String) -> EngineError {
        EngineError(
            .collectionExists,
            "'\(name)' is another name of a collection. Restore under a name that is free, or remove the alias")
    }
}

/// A copy that is ready to take the place of a collection.
private struct StagedCollection: Sendable {
    let path: String
    let name: String
    let storeID: UUID
    let sequence: Int64

    /// Checks the copy at `path` and makes it a store of its own, with no part in the log of the one it was copied
    /// from.
    ///
    /// - Throws: `damaged`, `unsupportedFormat`.
    init(_ path: String, name: String) throws {
        let report = try CollectionVerification(path: path).run(isCopy: true)
        guard report.isSound else {
            throw EngineError(.damaged, "the snapshot is not what was written: \(report.summary)")
        }
        // Brings it to this format.
        try CollectionFile(path: path).close()
        (storeID, sequence) = try ReplayWriter.rename(path, as: name)
        unlink(AcknowledgedMark.path(of: path))
        try DirectorySync.sync(path)
        (self.path, self.name) = (path, name)
    }

    /// Removes a copy and what SQLite laid beside it. A file that stays behind only takes room.
    static func remove(_ path: String) {
        for suffix in StagingPlace.suffixes { unlink(path + suffix) }
    }
}

/// Replaces the contents of a collection's file by those of a copy.
private struct Adoption {
    let file: CollectionFile
    let staged: StagedCollection

    /// Every table but `meta`, which is written last.
    private static let tables = [
        "points", "vectors", "deletions", "segments", "graph_parts", "history", "commits", "set_aside",
    ]

    func run() throws {
        try file.requireSpace(2 * (try BackupArchive.size(staged.path)))
        try file.pool.writeWithoutTransaction { db in
            try db.execute(sql: "ATTACH DATABASE ? AS adopted", arguments: [staged.path])
            do {
                try db.inTransaction(.immediate) {
                    try replace(db)
                    return .commit
                }
            } catch {
                try db.execute(sql: "DETACH DATABASE adopted")
                throw error
            }
            try db.execute(sql: "DETACH DATABASE adopted")
        }
        try AcknowledgedMark(storeID: staged.storeID, sequence: staged.sequence).create(beside: file.path)
    }

    private func replace(_ db: Database) throws {
        let old = try file.header(db)
        try CollectionFile.makeGraphTable(db)
        for table in Self.tables {
            try db.execute(sql: "DELETE FROM main.\(table)")
            let names = try String.fetchAll(
                db, sql: "SELECT name FROM pragma_table_info(?, 'adopted')", arguments: [table])
            guard !names.isEmpty else { continue }
            let columns = names.joined(separator: ", ")
            try db.execute(
                sql: "INSERT INTO main.\(table)(\(columns)) SELECT \(columns) FROM adopted.\(table)")
        }
        try db.execute(sql: "DELETE FROM main.meta; INSERT INTO main.meta SELECT * FROM adopted.meta")
        var facts = try MetaFacts(db, path: file.path)
        try facts.write(
            [
                CollectionFile.replacedFact: .text(old.storeID.uuidString),
                "generation": .number(max(old.generation, facts.number("generation") ?? 0) + 1),
            ], to: db)
    }
}
