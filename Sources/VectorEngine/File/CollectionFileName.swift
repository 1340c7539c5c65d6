import Crypto
import Files
import Foundation
import GRDB
import Synchronization

// The file of a collection is named after it: all but letters, digits, `-` and `_` is percent-encoded. File systems
// take 255 bytes, and encoding may triple a name: a name of more than 67 bytes, or of more than 188 when it is encoded,
// has the file
//
//     +<SHA-256 of the name, 64 hexadecimal digits>.collection.sqlite
//
// and keeps its name in the file's facts (`name`). `+` is encoded in every other name, so that no two collections meet.

/// Which file a collection has, and which collection a file.
enum CollectionFileName {
    static let suffix = ".collection.sqlite"
    /// Bytes of the longest name that its file spells out, as it is and encoded: what is laid beside the file while it
    /// is made has a longer name (`.new-UUID-journal`).
    private static let spelledBytes = 67
    private static let encodedBytes = 188
    private static let hashedPrefix = "+"
    private static let hashDigits = 64
    /// The names of files that do not spell them out; a file's name says which collection it is, for good.
    private static let known: Mutex<[String: String]> = Mutex([:])

    static func isHashed(_ name: String) -> Bool {
        name.utf8.count > spelledBytes || encoded(name).utf8.count > encodedBytes
    }

    static func file(of name: String) -> String {
        (isHashed(name) ? hashedPrefix + hash(name) : encoded(name)) + suffix
    }

    /// Where the file of a collection is.
    static func path(of name: String, in directory: String) -> String { directory + "/" + file(of: name) }

    /// Every collection that has a file in `directory`, by name; none where there is no such directory.
    static func names(in directory: String) throws(EngineError) -> [String] {
        guard FileManager.default.fileExists(atPath: directory) else { return [] }
        let files: [String]
        do {
            files = try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            if OpenFileLimit.isReached { throw EngineError(openFiles: directory, cause: error) }
            throw EngineError(.notWritable, "cannot read the data directory \(directory)", cause: error)
        }
        // A mark without its file is a collection too: one whose file is missing.
        let marks = files.filter { $0.hasSuffix(AcknowledgedMark.suffix) }
            .map { String($0.dropLast(AcknowledgedMark.suffix.count)) }
        return Set(files + marks).compactMap { name(of: $0, in: directory) }.sortedByBytes()
    }

    private static func encoded(_ name: String) -> String {
        let parts = name.utf8.map { byte -> String in
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            return isPlain ? String(UnicodeScalar(byte)) : "%" + hex(byte).uppercased()
        }
        return parts.joined()
    }

    /// The collection that `file` in `directory` is of; nil for other files. A file that cannot say its name is shown
    /// by that of the file.
    static func name(of file: String, in directory: String) -> String? {
        guard file.hasSuffix(suffix) else { return nil }
        let stem = String(file.dropLast(suffix.count))
        guard stem.hasPrefix(hashedPrefix), stem.utf8.count == hashDigits + 1 else {
            return stem.removingPercentEncoding
        }
        if let name = known.withLock({ $0[file] }) { return name }
        guard let name = storedName(directory + "/" + file), self.file(of: name) == file else { return stem }
        known.withLock { $0[file] = name }
        return name
    }

    private static func storedName(_ path: String) -> String? {
        guard CollectionFile.isThere(path) else { return nil }
        var configuration = CollectionFile.configuration(label: "name")
        configuration.readonly = true
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            let name = try queue.read { db in
                try String.fetchOne(
                    db, sql: "SELECT value FROM meta WHERE key = ?", arguments: [CollectionFile.nameFact])
            }
            try queue.close()
            return name
        } catch {
            // Opening the collection says what is wrong with the file.
            return nil
        }
    }

    private static func hash(_ name: String) -> String { SHA256.hash(data: Array(name.utf8)).map(hex).joined() }

    private static func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
}

extension CollectionFile {
    /// Writes the name of a collection into its facts where the file's name does not spell it out.
    static func setName(_ name: String, _ db: Database, path: String) throws {
        var facts = try MetaFacts(db, path: path)
        guard CollectionFileName.isHashed(name) || facts.text(nameFact) != nil else { return }
        try facts.write([nameFact: .text(name)], to: db)
    }
}
