import Files
import Foundation
import JSON
import VectorEngine

// Collections as files, a second road out and in: NAME.jsonl holds a point a line as the wire writes it (id, vector,
// payload), NAME.json beside it the configuration, the payload indexes and the aliases. Plain text, to be read by any
// program; nothing of it is ours alone.

/// Collections written to a directory, and read from it.
package struct JSONLinesRoad: Sendable {
    private let directory: String
    private let pageSize: Int
    private let renewal: VectorRenewal?
    /// The store behind the peer that is not the directory: what it knows of a collection beyond Qdrant's words, such
    /// as which model embedded it, goes along. nil leaves it behind.
    private let store: EmbeddedStore?

    /// Longest line that is read, in bytes: a point's vectors and payload as JSON.
    private static let lineBytes = 64 << 20
    private static let partBytes = 1 << 20

    /// - Parameter renewal: what becomes of vectors that say nothing when they are read; nil leaves them.
    package init(
        directory: String, pageSize: Int = 256, renewal: VectorRenewal? = nil, store: EmbeddedStore? = nil
    ) {
        self.store = store
        self.directory = directory
        self.pageSize = pageSize
        self.renewal = renewal
    }

    /// A collection that went by: its name, and its points.
    package struct Moved: Sendable {
        package let name: String
        package let points: Int
        /// Points that got a new vector.
        package var renewed = 0

        package var json: JSONValue {
            var members: JSONObject = ["collection": .string(name), "points": .integer(Int64(points))]
            if renewed > 0 { members["renewed"] = .integer(Int64(renewed)) }
            return .object(members)
        }
    }

    // MARK: Out

    /// Writes the collections (all where none is named) of `source`; files of the same name are replaced.
    package func write(from source: any QdrantPeer, _ names: [String]) async throws -> [Moved] {
        try PrivateFile.makeFolder(directory)
        var moved: [Moved] = []
        for name in try await source.collectionNames(names) { moved.append(try await write(name, from: source)) }
        return moved
    }

    private func write(_ name: String, from source: any QdrantPeer) async throws -> Moved {
        let info = try await source.result("GET", ["collections", name])
        let aliases = try await source.result("GET", ["collections", name, "aliases"])
        var head: JSONObject = [
            "name": .string(name), "config": info["config"] ?? [:], "payload_schema": info["payload_schema"] ?? [:],
            "aliases": aliases["aliases"] ?? [],
        ]
        if let metadata = try await store?.describe(name)?.schema.metadata, !metadata.isEmpty {
            head["cortex"] = [
                "metadata": .object(
                    metadata.sorted { $0.key < $1.key }.reduce(into: [:]) { $0[$1.key] = .string($1.value) })
            ]
        }
        // The points first: where the description stands, the points are whole.
        let path = file(name, ".jsonl")
        let handle: FileHandle
        do {
            handle = try PrivateFile.handle(path)
        } catch {
            throw QdrantFailure.badRequest(error.message)
        }
        var count = 0
        var next: JSONValue? = .null
        while let offset = next {
            let page = try await source.page(name, from: offset, limit: pageSize)
            let points = page["points"]?.arrayValue ?? []
            try handle.write(contentsOf: Data(points.flatMap { JSONWriter.bytes(Migration.written($0)) + [0x0A] }))
            count += points.count
            next = page.optional("next_page_offset")
        }
        try handle.synchronize()
        try handle.close()
        let description = file(name, ".json")
        try EngineError.wrapping(description) {
            try DurableFile.write(JSONWriter.bytes(.object(head)), to: description)
        }
        return Moved(name: name, points: count)
    }

    private func file(_ name: String, _ ending: String) -> String { directory + "/" + name + ending }

    // MARK: In

    /// Makes the collections that lie in the directory (or those of them that are named) in `target`.
    ///
    /// - Throws: where one is there already, or a line is no point; the line's number is told.
    package func read(into target: any QdrantPeer, _ names: [String]) async throws -> [Moved] {
        var found = names
        if found.isEmpty {
            guard let files = FileManager.default.enumerator(atPath: directory)?.compactMap({ $0 as? String }) else {
                throw QdrantFailure.badRequest("\(directory) cannot be read")
            }
            found = files.filter { $0.hasSuffix(".jsonl") && !$0.contains("/") }.map { String($0.dropLast(6)) }.sorted()
        }
        guard !found.isEmpty else { throw QdrantFailure.badRequest("no collection (NAME.jsonl) lies in \(directory)") }
        var moved: [Moved] = []
        for name in found { moved.append(try await read(name, into: target)) }
        return moved
    }

    private func read(_ name: String, into target: any QdrantPeer) async throws -> Moved {
        guard let text = FileManager.default.contents(atPath: file(name, ".json")) else {
            throw QdrantFailure.badRequest("\(file(name, ".json")) is missing; it holds the configuration")
        }
        let head = try JSONParser.parse(Array(text))
        _ = try await target.result("PUT", ["collections", name], Migration.creation(head["config"] ?? [:]))
        let (count, renewed) = try await points(of: name, into: target)
        var aliases: [JSONValue] = []
        for alias in head["aliases"]?.arrayValue ?? [] { aliases.append(["create_alias": alias]) }
        let notes = try await Migration.makeSettings(name, head, aliases, in: target)
        guard notes.isEmpty else { throw QdrantFailure.badRequest(notes.joined(separator: "; ")) }
        if let store, let metadata = head["cortex"]?["metadata"]?.objectValue, !metadata.isEmpty {
            try await store.redefine(name) { definition in
                for (key, value) in metadata { definition.schema.metadata[key] = value.stringValue }
            }
        }
        return Moved(name: name, points: count, renewed: renewed)
    }

    private func points(
        of name: String, into target: any QdrantPeer
    ) async throws -> (count: Int, renewed: Int) {
        guard let handle = FileHandle(forReadingAtPath: file(name, ".jsonl")) else {
            throw QdrantFailure.badRequest("\(file(name, ".jsonl")) cannot be read")
        }
        var lines = PointLines(path: file(name, ".jsonl"))
        var page: [JSONValue] = []
        var count = 0, renewed = 0
        func send() async throws {
            guard !page.isEmpty else { return }
            if let renewal { renewed += try await renewal.renew(&page) }
            _ = try await target.result(
                "PUT", ["collections", name, "points"], query: ["wait": "true"], ["points": .array(page)])
            count += page.count
            page = []
        }
        while let part = try handle.read(upToCount: Self.partBytes), !part.isEmpty {
            try lines.append(part, limit: Self.lineBytes)
            while let point = try lines.next(isLast: false) {
                page.append(point)
                if page.count == pageSize { try await send() }
            }
        }
        while let point = try lines.next(isLast: true) { page.append(point) }
        try await send()
        try handle.close()
        return (count, renewed)
    }
}

/// Bytes of a file cut into lines, each a point.
private struct PointLines {
    let path: String
    private var waiting: [UInt8] = []
    private var at = 0
    private var number = 0

    init(path: String) { self.path = path }

    mutating func append(_ part: Data, limit: Int) throws(QdrantFailure) {
        waiting.removeFirst(at)
        at = 0
        waiting.append(contentsOf: part)
        guard waiting.count <= limit else { throw .badRequest("\(path):\(number + 1) is longer than \(limit) bytes") }
    }

    /// The next point; nil when the rest is no whole line. The last line needs no end.
    mutating func next(isLast: Bool) throws(QdrantFailure) -> JSONValue? {
        while at < waiting.count {
            let end = waiting[at...].firstIndex(of: 0x0A) ?? (isLast ? waiting.endIndex : nil)
            guard let end else { return nil }
            let line = waiting[at..<end]
            at = min(end + 1, waiting.count)
            number += 1
            guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x0D }) else { continue }
            do {
                return try JSONParser.parseEnvelope(line)
            } catch {
                throw .badRequest("\(path):\(number): \(error)")
            }
        }
        return nil
    }
}
