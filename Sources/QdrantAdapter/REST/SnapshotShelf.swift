import Crypto
import Foundation
import JSON

/// The snapshot files of a directory: `COLLECTION/NAME` for one collection's, `NAME` for those of everything.
struct SnapshotShelf: Sendable {
    let directory: String

    private func folder(_ collection: String?) -> String {
        guard let collection else { return directory }
        // A collection's name holds no slash; dots alone are refused when it is made.
        return directory + "/collections/" + collection
    }

    private func makeFolder(_ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// Where a new file of that collection goes.
    func newPath(for collection: String?) throws -> String {
        try makeFolder(folder(collection))
        let now = QdrantAPI.timestamp().prefix(19).replacingOccurrences(of: "T", with: "-")
            .replacingOccurrences(of: ":", with: "-")
        let name = "\(collection ?? "full")-\(UInt32.random(in: .min ... .max))-\(now).snapshot"
        return folder(collection) + "/" + name
    }

    func temporaryPath() throws -> String {
        try makeFolder(directory + "/tmp")
        return directory + "/tmp/" + UUID().uuidString
    }

    /// Removes a temporary file; one that stays behind only takes room.
    func discard(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

    /// The file of that name; a name that would leave the folder is not found.
    func path(_ name: String, of collection: String?) throws -> String {
        let path = folder(collection) + "/" + name
        guard !name.isEmpty, !name.contains("/"), name != "..", name != ".", name.hasSuffix(".snapshot"),
            FileManager.default.fileExists(atPath: path)
        else { throw QdrantFailure.notFound("Snapshot \(name) not found") }
        return path
    }

    func list(_ collection: String?) throws -> [JSONValue] {
        let folder = folder(collection)
        guard FileManager.default.fileExists(atPath: folder) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".snapshot") }
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
        try Data(sum.utf8).write(to: URL(fileURLWithPath: kept), options: .atomic)
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
