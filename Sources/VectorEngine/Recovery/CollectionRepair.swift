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
                    let good = recovered[damaged.sequence]
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
        var receipt = RepairReceipt(path: path)
        let temporary = path + ".new-" + UUID().uuidString
        defer { for suffix in ["", "-wal", "-shm", "-journal"] { unlink(temporary + suffix) } }
        let mark: AcknowledgedMark? =
            if case .mark(let mark) = AcknowledgedMark.read(beside: path) { mark } else { nil }
        // Closed (its owner ends) before the file is moved away.
        var old: OldFile? = OldFile(path: path)
        guard let storeID = old?.storeID ?? mark?.storeID else {
            throw EngineError(
                .damaged, "nothing of \(path) can be read, not even the id of its store; restore a backup")
        }
        let base = try restoredBase(at: temporary, storeID: storeID)
        if base == nil {
            guard let schema = old?.schema else {
                throw EngineError(
                    .damaged,
                    "\(path) has lost its description and there is no backup to take it from; the rows stay in it"
                )
            }
            try CollectionFile.makeTables(at: temporary, CollectionDefinition(schema: schema), name: name)
        }
        let queue = try DatabaseQueue(path: temporary)
        try queue.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                var writer = try ReplayWriter(db, path: temporary)
                let reached = try old?.takeOver(into: &writer) ?? writer.sequence
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
                    dataKey: base == nil ? old?.dataKey : nil)
                return .commit
            }
        }
        let sequence = try queue.read {
            try CollectionFile.header($0, path: temporary, decode: CollectionFile.decodedSchema).sequence
        }
        try queue.close()
        old = nil
        receipt.keptFile = try swap(temporary)
        try AcknowledgedMark(storeID: storeID, sequence: sequence).create(beside: path)
        return receipt
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

    /// Puts the new file in the place of the old one; other readers of the old file are told to open the collection
    /// again.
    private func swap(_ temporary: String) throws -> String? {
        try DirectorySync.sync(temporary)
        var kept: String?
        if FileManager.default.fileExists(atPath: path) {
            let aside = path + ".damaged-\(now)"
            do {
                let queue = try DatabaseQueue(path: path)
                try queue.write { try $0.execute(sql: "UPDATE meta SET value = 1 WHERE key = 'dropped'") }
                try queue.close()
            } catch is DatabaseError {
                // A file this damaged may refuse the write; its readers then learn it from their own errors.
            }
            for suffix in ["-wal", "-shm"] where FileManager.default.fileExists(atPath: path + suffix) {
                guard rename(path + suffix, aside + suffix) == 0 else {
                    throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
                }
            }
            guard rename(path, aside) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
            kept = aside
        }
        guard rename(temporary, path) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        try DirectorySync.syncParent(of: path)
        return kept
    }
}

/// The readable parts of a damaged file.
private final class OldFile {
    private let queue: DatabaseQueue?
    let schema: CollectionSchema?
    let storeID: UUID?
    let dataKey: [UInt8]?
    private let sequence: Int64
    private let path: String

    init(path: String) {
        self.path = path
        // Each of these may fail, and each failure leaves less to copy; the report has already listed the damage.
        let queue = FileManager.default.fileExists(atPath: path) ? try? DatabaseQueue(path: path) : nil
        self.queue = queue
        func fact<Value>(_ key: String, _: Value.Type) -> Value? where Value: DatabaseValueConvertible {
            // A fact that cannot be read counts as missing.
            try? queue?.read { try Value.fetchOne($0, sql: "SELECT value FROM meta WHERE key = ?", arguments: [key]) }
        }
        let text = fact("schema", String.self)
        // A schema that cannot be decoded counts as missing.
        schema = text.flatMap { try? CollectionFile.decodedSchema($0, path: path) }
        storeID = fact("store_id", String.self).flatMap(UUID.init(uuidString:))
        dataKey = fact("data_key", Data.self).map(Array.init)
        sequence = fact("sequence", Int64.self) ?? 0
    }

    deinit { try? queue?.close() }  // it was only read

    /// Copies every sound row and every delete after the writer's last change into the new file.
    ///
    /// - Returns: the last change of the old file.
    func takeOver(into writer: inout ReplayWriter) throws -> Int64 {
        let start = writer.sequence
        var reached = sequence
        var rows = writer
        do {
            try queue?.read { db in
                _ = try RowSalvage(db: db).forEach { row in
                    guard row.sequence > start, row.isWhole, PointID(keyBytes: row.key) != nil else { return }
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
            }
        } catch let error as DatabaseError
            where [.SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR].contains(
                error.resultCode.primaryResultCode)
        {
            // The readable rows have been copied; the report lists the rest.
        }
        writer = rows
        return reached
    }
}
