import Files
import Foundation
import GRDB

// Repair, by the state of the file:
//
//   - Only rows are damaged: each is moved to `set_aside` and, if the shipped log or a backup still has that very
//     change, stored again. Other processes follow by the change log as after any write.
//   - The trees, the header or the facts are damaged, or acknowledged changes are gone: the newest backup and the
//     shipped log give a new file as far as they reach. Every later sound row is copied from the old file, which stays
//     beside it as `<file>.damaged-<time>`.
//
// Nobody writes to the old file from before its rows are copied until the new file has its name: `HeldFile` holds
// SQLite's write lock, where the file is sound enough to have one. A writer that waited for it finds that its file has
// lost the name (`CollectionFile.header`), opens the new one and repeats its write there. The old file gets its second
// name before it loses the first, so that a kill at any moment leaves the old collection or the new one under the
// collection's name.

/// The result of a repair.
package struct RepairReceipt: Sendable {
    package let path: String
    /// Points whose rows came back from the shipped log or a backup.
    package var restored = 0
    /// Points that are gone from the collection; nil for a point whose id was damaged too.
    package var setAside: [PointID?] = []
    /// Acknowledged changes that are lost.
    package var lostChanges: Int64 = 0
    /// The place of the old file, if a new one was made.
    package var keptFile: String?
    /// What could not be read or checked, one sentence each.
    package var doubts: [String] = []
}

struct CollectionRepair {
    let path: String
    let name: String
    /// The place of backups and the shipped log, if there are any.
    let location: String?
    /// Needed if rows are encrypted and come back under a new change.
    let key: EncryptionKey?
    let now: Int64

    /// - Throws: `notWritable` if another process seals the collection, or the file cannot be written; `damaged` if
    ///   there is nothing from which a new file can be made.
    func run(_ report: VerificationReport) throws(EngineError) -> RepairReceipt {
        do {
            guard let lease = try Lease(path: path + ".lease") else {
                throw EngineError(
                    .notWritable, "another process is building the index of \(path); repeat the command in a moment")
            }
            defer { lease.release() }
            return try report.findings.isEmpty ? inPlace(report) : rebuilt(report)
        } catch {
            throw EngineError(wrapping: error, path: path)
        }
    }

    // MARK: In place

    private func inPlace(_ report: VerificationReport) throws -> RepairReceipt {
        var receipt = RepairReceipt(path: path)
        guard !report.damagedRows.isEmpty else { return receipt }
        let file = try CollectionFile(path: path, for: .rows(key))
        let wanted = Set(report.damagedRows.map(\.sequence))
        let recovered = location.map { RowRecovery(location: $0, storeID: file.storeID).rows(wanted) } ?? [:]
        var last: Int64 = 0
        try file.pool.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                var writer = try ChangeWriter(db, file: file, now: now)
                for damaged in report.damagedRows {
                    // One that an earlier version has stored too deep is no better in a backup.
                    let good = try recovered[damaged.sequence].flatMap { try $0.isReadable(file.cipher) ? $0 : nil }
                    try writer.setAside(damaged.sequence, id: good == nil ? damaged.id : nil)
                    if let good, try writer.store(good) {
                        receipt.restored += 1
                    } else {
                        receipt.setAside.append(damaged.id)
                    }
                }
                try writer.finishRepair()
                last = writer.sequence
                return .commit
            }
        }
        file.noteAcknowledged(last)
        try file.close()
        return receipt
    }

    // MARK: A new file

    private func rebuilt(_ report: VerificationReport) throws -> RepairReceipt {
        let place = try StagingPlace.make(for: path)
        defer { place.discard() }
        let temporary = place.path
        let mark: AcknowledgedMark? =
            if case .mark(let mark) = AcknowledgedMark.read(beside: path) { mark } else { nil }
        return try HeldFile(path: path).withLock { db in
            var receipt = RepairReceipt(path: path)
            let old = OldFile(db, path: path)
            guard let storeID = old.storeID ?? mark?.storeID else {
                throw EngineError(
                    .damaged, "nothing of \(path) can be read, not even the id of its store; restore a backup")
            }
            let base = try self.base(at: temporary, storeID: storeID, old: old)
            receipt.doubts = old.doubts(base: base)
            let sequence = try fill(temporary, from: old, base: base, storeID: storeID, mark, report, &receipt)
            receipt.keptFile = try swap(temporary)
            try AcknowledgedMark(storeID: storeID, sequence: sequence).create(beside: path)
            return receipt
        }
    }

    /// Makes the new file, as far as the backups and the log have it; without them an empty one.
    ///
    /// - Returns: the backup it was made from.
    private func base(at temporary: String, storeID: UUID, old: OldFile) throws -> RestoredCollection? {
        if let base = try restoredBase(at: temporary, storeID: storeID) {
            // Rows that were laid out differently since the backup are all in the old file.
            let layout = try SnapshotFile.facts(temporary).schema
            guard old.facts.areSound, let schema = old.schema, !schema.hasLayout(of: layout) else { return base }
            unlink(temporary)
        }
        guard let schema = old.schema else {
            throw EngineError(
                .damaged,
                "\(path) has lost its description and there is no backup to take it from; the rows stay in it")
        }
        try CollectionFile.makeTables(
            at: temporary, CollectionDefinition(schema: schema, notes: old.notes), name: name)
        return nil
    }

    /// Copies the sound rows of the old file to the new one, and ends it.
    ///
    /// - Returns: the new file's last change.
    private func fill(
        _ temporary: String, from old: OldFile, base: RestoredCollection?, storeID: UUID, _ mark: AcknowledgedMark?,
        _ report: VerificationReport, _ receipt: inout RepairReceipt
    ) throws -> Int64 {
        let queue = try DatabaseQueue(path: temporary)
        try queue.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                var writer = try ReplayWriter(db, path: temporary)
                let reached = try old.takeOver(into: &writer)
                receipt.lostChanges = max(0, (mark?.sequence ?? 0) - max(reached, writer.sequence))
                for damaged in report.damagedRows {
                    if let id = damaged.id, try writer.sequence(of: id.key) ?? 0 >= damaged.sequence {
                        receipt.restored += 1
                    } else {
                        receipt.setAside.append(damaged.id)
                    }
                }
                // New changes get numbers beyond the mark: the log of another process would take lower ones for known.
                try writer.finish(
                    storeID: storeID, sequence: max(reached, mark?.sequence ?? 0),
                    dataKey: base == nil ? old.facts.bytes(CollectionFile.dataKeyFact) : nil,
                    besides: base == nil ? [:] : old.definingFacts)
                return .commit
            }
        }
        let sequence = try queue.read {
            try CollectionFile.header($0, path: temporary, decode: CollectionFile.decodedSchema).sequence
        }
        try queue.close()
        return sequence
    }

    /// The newest state of backups and log, at `temporary`; nil if they have nothing of this store.
    private func restoredBase(at temporary: String, storeID: UUID) throws -> RestoredCollection? {
        guard let location else { return nil }
        let archive = BackupArchive(location: location)
        guard try !archive.copies(of: storeID).isEmpty else { return nil }
        do {
            return try Restoration(archive: archive, target: .latest, mayEndEarly: true)
                .restore(storeID: storeID, name: name, to: temporary, newStoreID: storeID)
        } catch let error as EngineError where error.code == .damaged {
            // The backups are damaged too: only the rows of the old file are left.
            unlink(temporary)
            return nil
        }
    }

    /// Puts the new file in the place of the old one, which keeps a name of its own beside it.
    ///
    /// - Returns: where the old file is.
    private func swap(_ temporary: String) throws -> String? {
        try DirectorySync.sync(temporary)
        // Nobody opens the collection meanwhile: SQLite would lay another log beside the old file.
        let lock = try DirectoryLock(.deleting, directoryOf: path)
        defer { withExtendedLifetime(lock) {} }
        let aside = path + ".damaged-\(now)"
        let parts = ["", "-wal"].filter { FileManager.default.fileExists(atPath: path + $0) }
        do {
            for part in parts { try Self.require(link(path + part, aside + part)) }
            try DirectorySync.syncParent(of: path)
            // A log that stays would be read into the new file.
            for suffix in ["-wal", "-shm"] where unlink(path + suffix) != 0 && errno != ENOENT {
                try Self.require(-1)
            }
            try Self.require(rename(temporary, path))
        } catch {
            // The old file keeps its name, and its log.
            if parts.contains("-wal") { _ = link(aside + "-wal", path + "-wal") }
            for part in parts { unlink(aside + part) }
            throw error
        }
        try DirectorySync.syncParent(of: path)
        return parts.contains("") ? aside : nil
    }

    private static func require(_ code: Int32) throws {
        guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }
}

/// The readable parts of a damaged file.
private struct OldFile {
    /// Nil if there is no file, or SQLite cannot open it.
    private let db: Database?
    let facts: SalvagedFacts
    let schema: CollectionSchema?
    let notes: [String: String]
    let storeID: UUID?

    init(_ db: Database?, path: String) {
        self.db = db
        facts = db.map { SalvagedFacts($0, path: path) } ?? SalvagedFacts()
        // A schema that cannot be decoded counts as missing.
        schema = facts.text("schema").flatMap { try? CollectionFile.decodedSchema($0, path: path) }
        storeID = facts.text("store_id").flatMap(UUID.init(uuidString:))
        var notes: [String: String] = [:]
        for (key, value) in facts.values where key.hasPrefix(CollectionFile.notePrefix) {
            if case .text(let text) = value { notes[String(key.dropFirst(CollectionFile.notePrefix.count))] = text }
        }
        self.notes = notes
    }

    /// The schema and the notes, if they are sound: those of a backup may be older.
    var definingFacts: [String: MetaValue] {
        guard facts.areSound else { return [:] }
        return facts.values.filter { $0.key == "schema" || $0.key.hasPrefix(CollectionFile.notePrefix) }
    }

    /// What the new file lacks of the description, and what of it could not be checked.
    func doubts(base: RestoredCollection?) -> [String] {
        if facts.areSound { return [] }
        if let base {
            return ["the description could not be checked; schema and notes are those of the backup \(base.base)"]
        }
        var lost = facts.unreadable
        for (key, value) in facts.values where key.hasPrefix(CollectionFile.notePrefix) {
            if case .text = value { continue }
            lost.append(key)
        }
        return ["the description did not match its checksum; schema and notes were taken over as they were read"]
            + lost.sorted().map { "`\($0)` could not be read and is missing from the new file" }
    }

    /// Copies every sound row and every delete after the writer's last change into the new file.
    ///
    /// - Returns: the last change of the old file.
    func takeOver(into writer: inout ReplayWriter) throws -> Int64 {
        let start = writer.sequence
        guard let db else { return start }
        var reached = facts.number("sequence") ?? 0
        var rows = writer
        let isEncrypted = facts.bytes(CollectionFile.dataKeyFact) != nil
        do {
            _ = try RowSalvage(db: db).forEach { row in
                guard row.sequence > start, row.isWhole, PointID(keyBytes: row.key) != nil,
                    isEncrypted || Payload(validated: row.payload).isReadable
                else { return }
                if let there = try rows.sequence(of: row.key), there >= row.sequence { return }
                try rows.upsert(row)
                reached = max(reached, row.sequence)
            }
            try db.scan("SELECT sequence, id, checksum FROM deletions WHERE sequence > ?", [start]) { row in
                let (sequence, key) = (row.integer(0), Array(row.blob(1)))
                guard row.isNull(2) || row.integer(2) == StoredRow.deletionChecksum(key, sequence: sequence),
                    try rows.sequence(of: key) ?? 0 < sequence
                else { return }
                try rows.delete(key, sequence: sequence)
                reached = max(reached, sequence)
            }
        } catch let error as DatabaseError where HeldFile.isDamage(error) {
            // The readable rows have been copied; the report lists the rest.
        }
        writer = rows
        return reached
    }
}
