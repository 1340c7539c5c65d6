import Files
import Foundation
import GRDB

/// Keys of a store: sealing what was written plainly, and changing the key that seals the data keys.
extension EmbeddedStore {
    /// Seals every collection's data key under another key; one row a collection is written. Backups made before keep
    /// the old key.
    ///
    /// - Returns: names of the collections whose key was changed.
    /// - Throws: `keyRefused` when `old` is not their key; then nothing of that collection has changed.
    package func rotateKey(from old: EncryptionKey, to new: EncryptionKey) async throws -> [String] {
        try await Self.offPool { [self] in
            var rotated: [String] = []
            for name in try CollectionFileName.names(in: directory) {
                let path = path(of: name)
                do {
                    let file = try CollectionFile(path: path)
                    try file.pool.writeWithoutTransaction { db in
                        try db.inTransaction(.immediate) {
                            var facts = try MetaFacts(db, path: path)
                            guard let sealed = facts.bytes(CollectionFile.dataKeyFact) else { return .commit }
                            let changed = try RowCipher.rewrap(sealed, from: old, to: new)
                            try facts.write([CollectionFile.dataKeyFact: .bytes(changed)], to: db)
                            rotated.append(name)
                            return .commit
                        }
                    }
                    try file.close()
                } catch {
                    throw EngineError(wrapping: error, path: path)
                }
            }
            return rotated
        }
    }

    /// Writes every plain collection anew, sealed under `key`; no other process may have the store open.
    ///
    /// The plain file is removed when the sealed one stands in its place; what the disk still holds of it is the
    /// disk's.
    ///
    /// - Returns: names of the collections that were sealed.
    package func encrypt(with key: EncryptionKey) async throws -> [String] {
        try await Self.offPool { [self] in
            var sealed: [String] = []
            for name in try CollectionFileName.names(in: directory) {
                try closeCollection(name)
                let path = path(of: name)
                do {
                    if try PlainFile(path: path).seal(with: key) { sealed.append(name) }
                } catch {
                    throw EngineError(wrapping: error, path: path)
                }
            }
            return sealed
        }
    }
}

/// A collection that is written anew under a key.
private struct PlainFile {
    let path: String

    /// - Returns: false when it is sealed already.
    func seal(with key: EncryptionKey) throws -> Bool {
        let file = try CollectionFile(path: path)
        guard let lease = try Lease(path: path + ".lease") else {
            throw EngineError(.notWritable, "another process is at work on \(path); end it and repeat")
        }
        defer { lease.release() }
        let header = try file.pool.read { try file.header($0) }
        guard header.facts.bytes(CollectionFile.dataKeyFact) == nil else { return false }
        try FreeSpace.require(file.sizeBytes, at: path)
        let temporary = path + ".new-" + UUID().uuidString
        defer { for suffix in ["", "-wal", "-shm", "-journal"] { unlink(temporary + suffix) } }
        let dataKey = try RowCipher.newDataKey(under: key)
        let cipher = try RowCipher(unwrapping: dataKey, with: key)
        try CollectionFile.makeTables(
            at: temporary, CollectionDefinition(schema: header.schema, notes: header.facts.notes),
            name: header.facts.text(CollectionFile.nameFact))
        let queue = try DatabaseQueue(path: temporary)
        try queue.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                var writer = try ReplayWriter(db, path: temporary)
                try file.pool.read { old in
                    _ = try RowSalvage(db: old).forEach { row in
                        guard row.isWhole, let sealed = try row.resealed(sequence: row.sequence, from: nil, to: cipher)
                        else { throw StoredRow.damaged(row.sequence) }
                        try writer.upsert(sealed)
                    }
                }
                try writer.finish(storeID: header.storeID, sequence: header.sequence, dataKey: dataKey)
                return .commit
            }
        }
        try queue.close()
        try DirectorySync.sync(temporary)
        // Whoever has the plain file open is told to open the collection again.
        try file.pool.write { try file.setMeta($0, "dropped", 1) }
        try file.close()
        for suffix in ["-wal", "-shm"] where unlink(path + suffix) != 0 && errno != ENOENT {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
        guard rename(temporary, path) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        try DirectorySync.syncParent(of: path)
        return true
    }
}
