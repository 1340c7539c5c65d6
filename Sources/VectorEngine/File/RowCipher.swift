import Crypto
import Foundation

// Encryption at rest. Every collection has a random data key; `meta.data_key` holds it encrypted under a key derived
// from the user's key (HKDF-SHA-256, RFC 5869). Encrypted bytes are AES-256-GCM (NIST SP 800-38D), stored as
//
//     nonce 12 bytes (random) | ciphertext | tag 16 bytes
//
// with a key for each purpose that is derived from the data key, and with additional data that tie the bytes to their
// place: the purpose, and for a row its sequence and its id. A rotation only encrypts the data key again, so it writes
// one row. Checksums are of the stored bytes, so that damage is found without the key.

/// The user's key: 32 bytes, given as 64 hexadecimal digits.
public struct EncryptionKey: Sendable {
    fileprivate let key: SymmetricKey

    /// - Throws: `invalidArgument` unless `hex` is 64 hexadecimal digits.
    public init(hex: String) throws(EngineError) {
        let digits = Array(hex.utf8)
        var bytes: [UInt8] = []
        for i in stride(from: 0, to: digits.count - digits.count % 2, by: 2) {
            guard let byte = UInt8(String(decoding: digits[i..<i + 2], as: UTF8.self), radix: 16),
                digits[i] != UInt8(ascii: "+")
            else { break }
            bytes.append(byte)
        }
        guard digits.count == 64, bytes.count == 32 else {
            throw EngineError(
                .invalidArgument, "an encryption key is 64 hexadecimal digits; make one with: openssl rand -hex 32")
        }
        key = SymmetricKey(data: bytes)
    }

    /// The key that encrypts data keys.
    fileprivate var wrapping: SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: key, info: Data("cortex data key wrapping 1".utf8), outputByteCount: 32)
    }
}

/// Encrypts and decrypts the stored bytes of one collection. `seal` and `open` are CryptoKit's words for this.
struct RowCipher: Sendable {
    /// What the bytes are, and to which row or part they belong.
    enum Place {
        case payload(sequence: Int64, key: [UInt8])
        case sparse(sequence: Int64, key: [UInt8])
        case dense(sequence: Int64)
        case indexes
        case graph(String, Int)
    }

    private let payloads: SymmetricKey
    private let vectors: SymmetricKey
    private let caches: SymmetricKey
    private static let wrapped = Data("cortex data key 1".utf8)
    /// Bytes of an encrypted data key: nonce, key, tag.
    private static let wrappedBytes = 12 + 32 + 16

    private init(dataKey: SymmetricKey) {
        func derived(_ purpose: String) -> SymmetricKey {
            HKDF<SHA256>.deriveKey(inputKeyMaterial: dataKey, info: Data(purpose.utf8), outputByteCount: 32)
        }
        payloads = derived("cortex payloads 1")
        vectors = derived("cortex vectors 1")
        caches = derived("cortex caches 1")
    }

    // MARK: Data keys

    /// A new data key, encrypted under `key`.
    static func newDataKey(under key: EncryptionKey) throws -> [UInt8] {
        try wrap(SymmetricKey(size: .bits256), under: key)
    }

    private static func wrap(_ dataKey: SymmetricKey, under key: EncryptionKey) throws -> [UInt8] {
        let bytes = dataKey.withUnsafeBytes { Data($0) }
        guard let box = try AES.GCM.seal(bytes, using: key.wrapping, authenticating: wrapped).combined else {
            throw EngineError(.invalidArgument, "the data key could not be encrypted")
        }
        return Array(box)
    }

    private static func unwrap(_ sealed: [UInt8], under key: EncryptionKey) throws(EngineError) -> SymmetricKey {
        do {
            guard sealed.count == wrappedBytes else { throw CryptoKitError.incorrectParameterSize }
            let box = try AES.GCM.SealedBox(combined: Data(sealed))
            return SymmetricKey(data: try AES.GCM.open(box, using: key.wrapping, authenticating: wrapped))
        } catch {
            throw EngineError(
                .keyRefused, "the collection was encrypted with another ENCRYPTION_KEY; give that one", cause: error)
        }
    }

    /// - Throws: `keyRefused` if `sealed` was encrypted under another key.
    init(unwrapping sealed: [UInt8], with key: EncryptionKey) throws(EngineError) {
        self.init(dataKey: try Self.unwrap(sealed, under: key))
    }

    /// The same data key, encrypted under another of the user's keys.
    static func rewrap(_ sealed: [UInt8], from old: EncryptionKey, to new: EncryptionKey) throws -> [UInt8] {
        try wrap(try unwrap(sealed, under: old), under: new)
    }

    // MARK: Bytes

    func seal(_ bytes: some Collection<UInt8>, _ place: Place) throws -> [UInt8] {
        let (key, context) = parameters(place)
        guard let box = try AES.GCM.seal(Data(bytes), using: key, authenticating: context).combined else {
            throw EngineError(.invalidArgument, "a row could not be encrypted")
        }
        return Array(box)
    }

    /// Nil if the bytes were not encrypted for this place.
    func open(_ bytes: some Collection<UInt8>, _ place: Place) -> [UInt8]? {
        let (key, context) = parameters(place)
        // The caller reports the damage: a row by its sequence, a cache by rebuilding it.
        guard let box = try? AES.GCM.SealedBox(combined: Data(bytes)) else { return nil }
        return (try? AES.GCM.open(box, using: key, authenticating: context)).map(Array.init)  // as above
    }

    private func parameters(_ place: Place) -> (SymmetricKey, Data) {
        switch place {
        case .payload(let sequence, let key): (payloads, Data([1] + sequence.littleEndianBytes + key))
        case .sparse(let sequence, let key): (vectors, Data([2] + sequence.littleEndianBytes + key))
        case .dense(let sequence): (vectors, Data([3] + sequence.littleEndianBytes))
        case .indexes: (caches, Data([4]))
        case .graph(let name, let part): (caches, Data([5] + part.littleEndianBytes + Array(name.utf8)))
        }
    }
}

extension RowCipher? {
    /// `bytes` as they are stored: encrypted if there is a cipher.
    func stored(_ bytes: [UInt8], _ place: @autoclosure () -> RowCipher.Place) throws -> [UInt8] {
        try self?.seal(bytes, place()) ?? bytes
    }

    /// The stored bytes without encryption; nil if they were not encrypted for this place.
    func plain(_ bytes: UnsafeRawBufferPointer, _ place: @autoclosure () -> RowCipher.Place) -> [UInt8]? {
        guard let cipher = self else { return Array(bytes) }
        return cipher.open(bytes, place())
    }

    /// Passes the stored bytes to `body`, without a copy if they are not encrypted; nil if they were not encrypted for
    /// this place.
    func withPlain<Result>(
        _ bytes: UnsafeRawBufferPointer, _ place: @autoclosure () -> RowCipher.Place,
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result? {
        guard let cipher = self else { return try body(bytes) }
        guard let opened = cipher.open(bytes, place()) else { return nil }
        return try opened.withUnsafeBytes(body)
    }
}

extension LoggedRow {
    /// A row as it is stored, encrypted if there is a cipher.
    init(
        sequence: Int64, key: [UInt8], payload: [UInt8], sparse: [UInt8], dense: [UInt8], cipher: RowCipher?
    ) throws {
        self.sequence = sequence
        self.key = key
        self.payload = try cipher.stored(payload, .payload(sequence: sequence, key: key))
        self.sparse = try cipher.stored(sparse, .sparse(sequence: sequence, key: key))
        self.dense = try cipher.stored(dense, .dense(sequence: sequence))
        checksum = Int64(crc32c(self.sparse, seed: crc32c(self.payload, seed: crc32c(key))))
        denseChecksum = Int64(StoredRow.denseChecksum(self.dense, sequence: sequence))
    }

    /// Whether the payload is one that can be read: an earlier version has stored some that cannot.
    func isReadable(_ cipher: RowCipher?) throws -> Bool {
        try resealed(sequence: sequence, from: cipher, to: nil).map { Payload(validated: $0.payload).isReadable }
            ?? false
    }

    /// The row with another sequence and cipher; nil if it cannot be decrypted.
    func resealed(sequence: Int64, from old: RowCipher?, to new: RowCipher?) throws -> LoggedRow? {
        func opened(_ bytes: [UInt8], _ place: RowCipher.Place) -> [UInt8]? {
            old.map { $0.open(bytes, place) } ?? bytes
        }
        guard let payload = opened(payload, .payload(sequence: self.sequence, key: key)),
            let sparse = opened(sparse, .sparse(sequence: self.sequence, key: key)),
            let dense = opened(dense, .dense(sequence: self.sequence))
        else { return nil }
        return try LoggedRow(
            sequence: sequence, key: key, payload: payload, sparse: sparse, dense: dense, cipher: new)
    }
}
