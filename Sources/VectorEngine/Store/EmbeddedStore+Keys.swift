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

    /// Encrypts every plain collection under `key`, in its file, while other processes may have it open: a write that
    /// was acknowledged before is encrypted with the rest, and processes without the key are refused from then on.
    ///
    /// What the disk still holds of blocks that the file has given back is the disk's.
    ///
    /// - Returns: names of the collections that were encrypted.
    /// - Throws: `damaged` for a damaged row, after which that collection is as it was; `notWritable` if another
    /// process
    ///   is building its index, or still reads the plain file (then the collection is encrypted, and the next
    ///   call removes the rest).
    package func encrypt(with key: EncryptionKey) async throws -> [String] {
        try await Self.offPool { [self] in
            var sealed: [String] = []
            for name in try CollectionFileName.names(in: directory) {
                try closeCollection(name)
                let path = path(of: name)
                do {
                    if try Encryption(path: path, key: key).run() { sealed.append(name) }
                } catch {
                    throw EngineError(wrapping: error, path: path)
                }
            }
            return sealed
        }
    }
}
