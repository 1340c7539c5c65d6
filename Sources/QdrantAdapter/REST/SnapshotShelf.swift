import Crypto
import Files
import Foundation
import JSON
import VectorEngine

/// The snapshot files of a directory: `COLLECTION/NAME` for one collection's, `NAME` for those of everything.
struct SnapshotShelf: Sendable {
    let directory: String

    private func folder(_ collection: String?) -> String {
        guard let collection else { return directory }
        // A collection's name holds no slash; dots alone are refused when it is made.
        return directory + "/collections/" + collection
    }

    /// Where a new file of that collection goes.
    func newPath(for collection: String?) throws -> String {
        try PrivateFile.makeFolder(folder(collection))
        let now = QdrantAPI.timestamp().prefix(19).replacingOccurrences(of: "T", with: "-")
            .replacingOccurrences(of: ":", with: "-")
        // The time and the number make it the only one; a long name may be cut for the file system's sake.
        let begin = (collection ?? "full").unicodeScalars.prefix(Self.nameCharacters)
        let name = "\(String(String.UnicodeScalarView(begin)))-\(UInt32.random(in: .min ... .max))-\(now).snapshot"
        return folder(collection) + "/" + name
    }

    /// Characters of a collection's name that its snapshots' names begin with, of up to four bytes each.
    private static let nameCharacters = 48

    private var temporaryFolder: String { directory + "/tmp" }

    func temporaryFile() throws -> TemporaryFile { try TemporaryFile.make(in: temporaryFolder) }

    /// Removes the temporary files of processes that were killed.
    ///
    /// - Returns: how many there were.
    func removeLeftovers() throws -> Int { try TemporaryFile.removeLeftovers(in: temporaryFolder) }

    /// The file of that name; a name that would leave the folder is not found.
    func path(_ name: String, of collection: String?) throws -> String {
        let path = folder(collection) + "/" + name
        guard !name.isEmpty, !name.contains("/"), name != "..", name != ".", name.hasSuffix(".snapshot"),
            FileManager.default.fileExists(atPath: path)
        else { throw QdrantFailure.notFound("Snapshot \(name) not found") }
        return path
    }

    /// Whether the file `name`, a path below the directory, holds one of these collections.
    func holdsAny(of collections: Set<String>, _ name: String) throws -> Bool {
        let parts = name.split(separator: "/").map(String.init)
        guard !collections.isEmpty, let last = parts.last else { return false }
        if parts.count > 2, parts[0] == "collections" { return collections.contains(parts[1]) }
        // A snapshot of everything begins with a line that tells what is in it.
        guard last.hasSuffix(".snapshot"), FileManager.default.fileExists(atPath: directory + "/" + name) else {
            return false
        }
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: directory + "/" + name))
        defer { try? file.close() }  // it was only read
        let head = Array(try file.read(upToCount: Self.headBytes) ?? Data()).prefix { $0 != 0x0A }
        // What does not begin with such a line holds no collection under its name.
        let entries = (try? JSONParser.parse(Array(head)))?["collections"]?.arrayValue ?? []
        return entries.contains { $0["name"]?.stringValue.map(collections.contains) ?? false }
    }

    private static let headBytes = 4 << 20

    /// - Parameter withheld: files that hold one of these collections are left out.
    func list(_ collection: String?, without withheld: Set<String> = []) throws -> [JSONValue] {
        let folder = folder(collection)
        guard FileManager.default.fileExists(atPath: folder) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".snapshot") }
            .filter { try collection != nil || !holdsAny(of: withheld, $0) }
            .sorted().map { try description(folder + "/" + $0) }
    }

    /// Name, time, size and SHA-256; the sum is kept beside the file.
    func description(_ path: String) throws -> JSONValue {
        let facts = try FileManager.default.attributesOfItem(atPath: path)
        let size = (facts[.size] as? NSNumber)?.int64Value ?? 0
        let made = (facts[.modificationDate] as? Date) ?? Date(timeIntervalSince1970: 0)
        return [
            "name": .string((path as NSString).lastPathComponent),
            "creation_time": .string(String(QdrantAPI.timestamp(made).prefix(19))), "size": .integer(size),
            "checksum": .string(try checksum(path)),
        ]
    }

    func checksum(_ path: String) throws -> String {
        let kept = path + ".checksum"
        if let text = FileManager.default.contents(atPath: kept) { return String(decoding: text, as: UTF8.self) }
        let sum = try Self.sha256(path)
        try EngineError.wrapping(kept) { try DurableFile.write(Array(sum.utf8), to: kept) }
        return sum
    }

    static func sha256(_ path: String) throws -> String {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }  // it was only read
        var hash = SHA256()
        while let part = try file.read(upToCount: 1 << 20), !part.isEmpty { hash.update(data: part) }
        return hash.finalize().map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }

    func remove(_ name: String, of collection: String?) throws {
        let path = try path(name, of: collection)
        try FileManager.default.removeItem(atPath: path)
        if FileManager.default.fileExists(atPath: path + ".checksum") {
            try FileManager.default.removeItem(atPath: path + ".checksum")
        }
    }

    func removeAll(of collection: String) throws {
        let folder = folder(collection)
        if FileManager.default.fileExists(atPath: folder) { try FileManager.default.removeItem(atPath: folder) }
    }
}
