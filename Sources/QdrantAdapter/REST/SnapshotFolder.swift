import Files
import Foundation
import JSON
import VectorEngine

/// The snapshot files of a directory: `COLLECTION/NAME` for one collection's, `NAME` for those of everything. All of it
/// blocks; ``SnapshotShelf`` is for callers that may not.
///
/// A file gets its name when it is whole, and its checksum is kept beside it before that. So whatever has the name of a
/// snapshot is a finished one. Other processes may remove any of them at any moment.
struct SnapshotFolder: Sendable {
    let directory: String

    private static let ending = ".snapshot"
    private static let checksumEnding = ".checksum"
    private static let checksumDigits = 64

    private var collectionsFolder: String { directory + "/collections" }

    private func folder(_ collection: String?) throws -> String {
        guard let collection else { return directory }
        guard let name = FileName(collection) else {
            throw QdrantFailure.wrongInput("The collection can have no snapshots: its name is no name of a folder")
        }
        return name.path(in: collectionsFolder)
    }

    // MARK: Temporary files

    private var temporaryFolder: String { directory + "/tmp" }

    func temporaryFile() throws -> TemporaryFile { try TemporaryFile.make(in: temporaryFolder) }

    /// Removes the temporary files of processes that were killed.
    ///
    /// - Returns: how many there were.
    func removeLeftovers() throws -> Int { try TemporaryFile.removeLeftovers(in: temporaryFolder) }

    // MARK: Making

    /// Makes a snapshot of that collection out of a temporary file that is whole.
    ///
    /// - Returns: its description.
    func take(_ whole: String, for collection: String?) throws -> JSONValue {
        let folder = try folder(collection)
        guard let facts = RegularFile(at: whole), let name = FileName(newName(for: collection), ending: Self.ending)
        else { throw QdrantFailure.internalError("the snapshot was not written") }
        let sum = try Self.sha256(whole)
        let path = name.path(in: folder)
        do {
            try DirectorySync.sync(whole)
            try PrivateFile.makeFolder(folder)
            try DurableFile.write(Array(sum.utf8), to: path + Self.checksumEnding)
            try DurableFile.move(whole, to: path)
            try DirectorySync.sync(folder)
        } catch {
            PrivateFile.discard(path + Self.checksumEnding)
            // The folder goes with its collection.
            if let collection, (error as? FileError)?.systemCode == .ENOENT {
                throw QdrantFailure.noCollection(collection)
            }
            throw EngineError(wrapping: error, path: path)
        }
        return Self.description(name, facts, sum)
    }

    private func newName(for collection: String?) -> String {
        let now = QdrantAPI.timestamp().prefix(19).replacingOccurrences(of: "T", with: "-")
            .replacingOccurrences(of: ":", with: "-")
        // The time and the number make it the only one; a long name may be cut for the file system's sake.
        let begin = (collection ?? "full").unicodeScalars.prefix(Self.nameCharacters)
        return "\(String(String.UnicodeScalarView(begin)))-\(UInt32.random(in: .min ... .max))-\(now)\(Self.ending)"
    }

    /// Characters of a collection's name that its snapshots' names begin with, of up to four bytes each.
    private static let nameCharacters = 48

    // MARK: Finding

    /// - Throws: 404 for a name that no snapshot has.
    func path(_ name: String, of collection: String?) throws -> String {
        guard let file = FileName(name, ending: Self.ending) else { throw Self.notFound(name) }
        let path = file.path(in: try folder(collection))
        guard RegularFile(at: path) != nil else { throw Self.notFound(name) }
        return path
    }

    static func notFound(_ name: String) -> QdrantFailure { .notFound("Snapshot \(name) not found") }

    /// What a path that a caller gives leads to.
    enum Place: Sendable {
        case outside
        case absent
        /// The path of a regular file below the directory, without links.
        case file(String)
    }

    /// - Parameter withheld: collections whose files are not there for callers.
    func place(of path: String, without withheld: Set<String>) throws -> Place {
        guard !path.utf8.contains(0) else { return .absent }
        let real = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let base = URL(fileURLWithPath: directory).resolvingSymlinksInPath().path + "/"
        guard real.utf8.starts(with: base.utf8) else { return .outside }
        let parts = real.utf8.dropFirst(base.utf8.count).split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false
        ).map { FileName(String(decoding: $0, as: UTF8.self)) }
        let names = parts.compactMap { $0 }
        guard names.count == parts.count, RegularFile(at: real) != nil, try !holdsAny(of: withheld, names) else {
            return .absent
        }
        return .file(real)
    }

    /// Whether the snapshot of everything called `name` holds one of these collections.
    func holdsAny(of collections: Set<String>, _ name: String) throws -> Bool {
        guard let file = FileName(name, ending: Self.ending) else { return false }
        return try holdsAny(of: collections, [file])
    }

    /// Whether a file, whose path below the directory has these parts, holds one of these collections.
    private func holdsAny(of collections: Set<String>, _ parts: [FileName]) throws -> Bool {
        guard !collections.isEmpty else { return false }
        if parts.count > 2, parts[0].text == "collections" { return collections.contains(parts[1].text) }
        // A snapshot of everything begins with a line that lists its collections.
        let path = parts.reduce(directory) { $1.path(in: $0) }
        let text: Data
        do {
            guard RegularFile(at: path) != nil else { return false }
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? file.close() }  // it was only read
            text = try file.read(upToCount: Self.headBytes) ?? Data()
        } catch {
            // Removed meanwhile.
            guard RegularFile(at: path) != nil else { return false }
            throw EngineError(wrapping: error, path: path)
        }
        // What does not begin with such a line holds no collection under its name.
        let entries = (try? JSONParser.parse(Array(text.prefix { $0 != 0x0A })))?["collections"]?.arrayValue ?? []
        return entries.contains { $0["name"]?.stringValue.map(collections.contains) ?? false }
    }

    private static let headBytes = 4 << 20

    // MARK: Listing

    /// - Parameter withheld: files that hold one of these collections are left out.
    func list(_ collection: String?, without withheld: Set<String> = []) throws -> [JSONValue] {
        let folder = try folder(collection)
        return try names(in: folder).sorted().compactMap { FileName($0, ending: Self.ending) }
            .filter { try collection != nil || !holdsAny(of: withheld, [$0]) }
            .compactMap { try description($0, in: folder) }
    }

    /// The names in a folder; none where there is no such folder.
    private func names(in folder: String) throws -> [String] {
        do {
            guard PathKind(of: folder) != nil else { return [] }
            return try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            guard PathKind(of: folder) != nil else { return [] }
            throw EngineError(wrapping: error, path: folder)
        }
    }

    /// Name, time, size and SHA-256; nil for a file that is not regular or has been removed.
    private func description(_ name: FileName, in folder: String) throws -> JSONValue? {
        let path = name.path(in: folder)
        guard let facts = RegularFile(at: path) else { return nil }
        do {
            return Self.description(name, facts, try checksum(path, facts))
        } catch {
            // Removed meanwhile.
            guard RegularFile(at: path) != nil else { return nil }
            throw EngineError(wrapping: error, path: path)
        }
    }

    private static func description(_ name: FileName, _ facts: RegularFile, _ sum: String) -> JSONValue {
        [
            "name": .string(name.text),
            "creation_time": .string(String(QdrantAPI.timestamp(facts.modified).prefix(19))),
            "size": .integer(Int64(facts.sizeBytes)), "checksum": .string(sum),
        ]
    }

    /// The SHA-256 of a file that has these facts; it is kept beside it.
    private func checksum(_ path: String, _ facts: RegularFile) throws -> String {
        let kept = path + Self.checksumEnding
        // A sum that is older than the file is that of other bytes: earlier versions wrote files under their own names,
        // and kept the sum of the part that was there when somebody asked.
        if let known = RegularFile(at: kept), known.modifiedNanoseconds >= facts.modifiedNanoseconds,
            let text = FileManager.default.contents(atPath: kept), text.count == Self.checksumDigits
        {
            return String(decoding: text, as: UTF8.self)
        }
        let sum = try Self.sha256(path)
        // What changes while it is read has no sum yet.
        guard RegularFile(at: path) == facts else { return sum }
        try DurableFile.write(Array(sum.utf8), to: kept)
        if RegularFile(at: path) == nil { PrivateFile.discard(kept) }
        return sum
    }

    static func sha256(_ path: String) throws -> String { try BackupArchive.sha256(path) }

    // MARK: Removing

    /// - Throws: 404 for a name that no snapshot has.
    func remove(_ name: String, of collection: String?) throws {
        let path = try path(name, of: collection)
        guard try EngineError.wrapping(path, { try RegularFile.remove(path) }) else { throw Self.notFound(name) }
        PrivateFile.discard(path + Self.checksumEnding)
    }

    /// Removes a collection's snapshots, and its folder if nothing else is in it.
    func removeAll(of collection: String) throws {
        guard let name = FileName(collection) else { return }
        let folder = name.path(in: collectionsFolder)
        for name in try names(in: folder) where name.contains(Self.ending) {
            let path = folder + "/" + name
            _ = try EngineError.wrapping(path) { try RegularFile.remove(path) }
        }
        PrivateFile.removeEmptyFolder(folder)
    }
}
