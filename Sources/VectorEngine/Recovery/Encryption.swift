import Files
import Foundation
import GRDB

// Encrypting a collection that is stored plainly. What must hold: a process that is killed leaves the plain collection
// or the encrypted one; no write that any process acknowledges is lost; no plain byte stays in the file.
//
// The file stays, and its contents change in one immediate transaction, as in Adoption: every row is encrypted under
// its own change, and stored segments, `history`, `commits` and `set_aside`, which hold plain bytes too, are emptied.
// The facts get the data key and name another store. So a process that has the file open plainly finds, inside the
// transaction of its next write, that the collection was replaced; it opens the file again and is refused without the
// key. Backups and the shipped log of the plain store stay those of the store before.
//
// After the commit, free pages and the write-ahead log still hold plain bytes. The fact `plain_bytes` says so until
// VACUUM has written the file again and the log is empty. A process that is killed before that leaves the fact, and the
// next encryption goes on from there.
//
// Cost: every byte is written twice by the transaction and twice by VACUUM, and writers wait for the transaction.

/// The encryption of one collection.
struct Encryption {
    let path: String
    let key: EncryptionKey

    /// 1 while the file or its log may hold plain bytes of a collection that is encrypted.
    static let plainBytesFact = "plain_bytes"
    /// Rows that are held in memory at once.
    private static let rowsPerStep = 64
    /// The file's size, so many times: the transaction in the log, and what VACUUM writes.
    private static let neededCopies = 3

    /// - Returns: false when it is encrypted already.
    func run() throws -> Bool {
        let file = try CollectionFile(path: path)
        let isChanged = try encrypt(file)
        try file.close()
        return isChanged
    }

    private func encrypt(_ file: CollectionFile) throws -> Bool {
        guard let lease = try Lease(path: path + ".lease") else {
            throw EngineError(.notWritable, "another process is at work on \(path); end it and repeat")
        }
        defer { lease.release() }
        let facts = try file.pool.read { try MetaFacts($0, path: path) }
        let isEncrypted = facts.bytes(CollectionFile.dataKeyFact) != nil
        if isEncrypted, facts.number(Self.plainBytesFact) != 1 { return false }
        if !isEncrypted {
            try file.requireSpace(Self.neededCopies * file.sizeBytes)
            try replaceRows(of: file)
        }
        try removePlainBytes(of: file)
        return true
    }

    private func replaceRows(of file: CollectionFile) throws {
        let dataKey = try RowCipher.newDataKey(under: key)
        let cipher = try RowCipher(unwrapping: dataKey, with: key)
        let storeID = UUID()
        var sequence: Int64 = 0
        try file.pool.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                var header = try file.header(db)
                guard header.tally != nil else {
                    throw EngineError(.unsupportedFormat, "\(path) is of an older format and cannot be written")
                }
                sequence = header.sequence
                try CollectionFile.makeGraphTable(db)
                try db.execute(
                    sql: """
                        DELETE FROM segments; DELETE FROM graph_parts;
                        DELETE FROM vectors WHERE sequence NOT IN (SELECT sequence FROM points);
                        DELETE FROM history; DELETE FROM commits; DELETE FROM set_aside
                        """)
                var written = try sealRows(db, cipher).facts
                written[CollectionFile.dataKeyFact] = .bytes(dataKey)
                written["store_id"] = .text(storeID.uuidString)
                written[CollectionFile.replacedFact] = .text(header.storeID.uuidString)
                written["generation"] = .number(header.generation + 1)
                written["sealed"] = .number(0)
                written["shipped"] = .number(-1)
                written[Self.plainBytesFact] = .number(1)
                try header.facts.write(written, to: db)
                return .commit
            }
        }
        try AcknowledgedMark(storeID: storeID, sequence: sequence).create(beside: path)
    }

    /// - Returns: the tally of the encrypted rows.
    private func sealRows(_ db: Database, _ cipher: RowCipher) throws -> PointTally {
        var tally = PointTally()
        var last = Int64.min
        while true {
            var rows: [LoggedRow] = []
            try db.scan(
                "SELECT \(RowSalvage.columns) \(RowSalvage.from) WHERE p.sequence > ? ORDER BY p.sequence LIMIT ?",
                [last, Self.rowsPerStep]
            ) { rows.append(RowSalvage.logged($0)) }
            guard let end = rows.last?.sequence else { return tally }
            for row in rows {
                guard row.isWhole, let sealed = try row.resealed(sequence: row.sequence, from: nil, to: cipher) else {
                    throw StoredRow.damaged(row.sequence)
                }
                try db.cachedStatement(
                    sql: "UPDATE points SET payload = ?, sparse = ?, checksum = ? WHERE sequence = ?"
                ).execute(arguments: [Data(sealed.payload), Data(sealed.sparse), sealed.checksum, sealed.sequence])
                try db.cachedStatement(sql: "UPDATE vectors SET dense = ?, checksum = ? WHERE sequence = ?")
                    .execute(arguments: [Data(sealed.dense), sealed.denseChecksum, sealed.sequence])
                tally.add(sequence: sealed.sequence, key: sealed.key, checksum: sealed.checksum)
            }
            last = end
        }
    }

    /// Writes the file again without its free pages, and empties the log.
    private func removePlainBytes(of file: CollectionFile) throws {
        try file.pool.writeWithoutTransaction { try $0.execute(sql: "VACUUM") }
        guard file.truncateLog() else {
            throw EngineError(
                .notWritable,
                "\(path) is encrypted, but another process still reads plain pages of it, which stay on disk; end it "
                    + "and repeat: cortex key encrypt")
        }
        try file.pool.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                var facts = try MetaFacts(db, path: path)
                try facts.write([Self.plainBytesFact: .number(0)], to: db)
                return .commit
            }
        }
    }
}
