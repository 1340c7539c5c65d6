import Foundation
import JSON
import Outbound
import Serving
import VectorEngine

// Snapshots: consistent copies of a collection's file, behind Qdrant's routes. Their bytes are ours, not Qdrant's.

extension QdrantAPI {
    /// `parts` is what follows `/collections/{name}/snapshots`.
    func performSnapshots(_ request: Request, _ name: String, _ parts: [String]) async throws -> CallResult {
        let waits = try request.wait(default: true)
        switch (request.call.method, parts.first, parts.count) {
        case ("GET", nil, 0):
            try request.needs(.read, of: name)
            let collection = try await catalog.collection(name)
            return .value(.array(try snapshots.list(collection.name)))
        case ("POST", nil, 0):
            try request.needs(.write, of: name)
            let collection = try await catalog.collection(name)
            let made = try await makeSnapshot(collection)
            return waits ? .value(made) : .accepted
        case ("POST", "upload"?, 1):
            try request.needsGlobal(.manage)
            try await recover(name, file: try upload(request), checksum: request.call.query["checksum"])
            return waits ? .value(true) : .accepted
        case ("PUT", "recover"?, 1):
            try request.needsGlobal(.manage)
            try await recover(request, name)
            return waits ? .value(true) : .accepted
        case ("GET", let file?, 1):
            try request.needs(.read, of: name)
            let collection = try await catalog.collection(name)
            return .plain(try download(file, of: collection.name))
        case ("DELETE", let file?, 1):
            try request.needs(.write, of: name)
            let collection = try await catalog.collection(name)
            try snapshots.remove(file, of: collection.name)
            return waits ? .value(true) : .accepted
        default: return .plain(Self.notThere)
        }
    }

    /// `parts` is what follows `/collections/{name}/shards`; there is one shard, number 0.
    func performShards(_ request: Request, _ name: String, _ parts: [String]) async throws -> CallResult {
        let collection = try await catalog.collection(name)
        guard let shard = parts.first else {
            switch request.call.method {
            case "GET":
                try request.needs(.read, of: name)
                return .value(["shard_keys": []])
            case "PUT": throw QdrantFailure.badRequest("Distributed mode disabled")
            default: return .plain(Self.notThere)
            }
        }
        if shard == "delete" { throw QdrantFailure.badRequest("Distributed mode disabled") }
        guard parts.count > 1, parts[1] == "snapshots" || parts[1] == "snapshot" else { return .plain(Self.notThere) }
        guard let number = UInt32(shard) else {
            throw QdrantFailure(400, "Deserialize error in path parameters: can not parse \"\(shard)\" to a u32")
        }
        guard number == 0 else { throw QdrantFailure.notFound("Shard \(shard) is not found") }
        if parts[1] == "snapshot" {
            guard request.call.method == "GET", parts.count == 2 else { return .plain(Self.notThere) }
            try request.needs(.read, of: name)
            return .plain(try await stream(collection))
        }
        return try await performSnapshots(request, collection.name, Array(parts.dropFirst(2)))
    }

    private func makeSnapshot(_ collection: QdrantCollection) async throws -> JSONValue {
        let path = try snapshots.newPath(for: collection.name)
        try await collection.store.copy(collection.name, to: path)
        return try snapshots.description(path)
    }

    /// A snapshot made for this answer alone.
    private func stream(_ collection: QdrantCollection) async throws -> HTTPAnswer {
        let path = try snapshots.temporaryPath()
        try await collection.store.copy(collection.name, to: path)
        defer { snapshots.discard(path) }
        return Self.file(path, named: "\(collection.name).snapshot")
    }

    private func download(_ name: String, of collection: String?) throws -> HTTPAnswer {
        let path = try snapshots.path(name, of: collection)
        return Self.file(path, named: name)
    }

    private static func file(_ path: String, named name: String) -> HTTPAnswer {
        HTTPAnswer(
            contentType: "application/octet-stream",
            headers: [("content-disposition", "attachment; filename=\"\(name)\"")],
            body: Array(FileManager.default.contents(atPath: path) ?? Data()))
    }

    // MARK: Recovery

    private func recover(_ request: Request, _ name: String) async throws {
        let body = try request.body()
        guard let location = try body.string("location") else { throw QdrantFailure.format("missing field `location`") }
        guard let url = URL(string: location), let scheme = url.scheme, ["file", "http", "https"].contains(scheme)
        else {
            throw QdrantFailure.format("location: relative URL without a base")
        }
        if let priority = try body.string("priority"), !["no_sync", "snapshot", "replica"].contains(priority) {
            throw QdrantFailure.format(
                "unknown variant `\(priority)`, expected one of `no_sync`, `snapshot`, `replica`")
        }
        let file: String
        if scheme == "file" {
            file = try localCopy(url.path)
        } else {
            file = try await fetched(location, apiKey: try body.string("api_key"))
        }
        try await recover(name, file: file, checksum: try body.string("checksum"))
    }

    /// A copy of a file below the snapshot directory; other files are none of a caller's business.
    private func localCopy(_ path: String) throws -> String {
        let real = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let base = URL(fileURLWithPath: snapshots.directory).resolvingSymlinksInPath().path
        guard real.hasPrefix(base + "/") else {
            throw QdrantFailure.forbidden("Snapshot file must lie inside the snapshots directory \(base)")
        }
        guard FileManager.default.fileExists(atPath: real) else {
            throw QdrantFailure.badRequest("Snapshot file \"\(path)\" does not exist")
        }
        let copy = try snapshots.temporaryPath()
        try FileManager.default.copyItem(atPath: real, toPath: copy)
        return copy
    }

    private static let fetchTimeout: Duration = .seconds(300)

    private func fetched(_ location: String, apiKey: String?) async throws -> String {
        var call = OutboundCall(url: location)
        if let apiKey { call.headers = [("api-key", apiKey)] }
        call.timeout = Self.fetchTimeout
        call.mostAnswerBytes = ServingLimits.uploadBytes
        let answer: OutboundAnswer
        do throws(OutboundError) {
            // A client of its own: the servers that callers name have nothing to do with each other.
            answer = try await OutboundClient().send(call)
        } catch {
            throw QdrantFailure.badRequest("Failed to download snapshot from \(location): \(error.message)")
        }
        guard answer.status == 200 else {
            throw QdrantFailure.badRequest("Failed to download snapshot from \(location): status - \(answer.status)")
        }
        let path = try snapshots.temporaryPath()
        try Data(answer.body).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// Puts the copy at `file` in the place of the collection.
    private func recover(_ name: String, file: String, checksum: String?) async throws {
        if let checksum {
            let found = try SnapshotShelf.sha256(file)
            guard found == checksum.lowercased() else {
                throw QdrantFailure(400, "Checksum mismatch: expected \(checksum), actual \(found)")
            }
        }
        try CollectionCatalog.checkName(name)
        do {
            catalog.forget(name)
            try await catalog.store.adopt(file, as: name)
        } catch let error as EngineError where error.code == .damaged || error.code == .unsupportedFormat {
            throw QdrantFailure.badRequest("Failed to read the snapshot: it is no snapshot of this store")
        }
    }

    /// The part called `snapshot` of a form (RFC 7578), as a file.
    private func upload(_ request: Request) throws -> String {
        guard let type = request.call.headers["content-type"], type.hasPrefix("multipart/form-data"),
            let range = type.range(of: "boundary=")
        else { throw QdrantFailure.badRequest("Expected a multipart form with the file in `snapshot`") }
        let boundary = type[range.upperBound...].prefix { $0 != ";" }.trimmingCharacters(in: ["\"", " "])
        let body = Data(request.call.body)
        let mark = Data("--\(boundary)".utf8)
        guard let start = body.range(of: mark),
            let head = body.range(of: Data("\r\n\r\n".utf8), in: start.upperBound..<body.endIndex),
            let end = body.range(of: Data("\r\n".utf8) + mark, options: .backwards, in: head.upperBound..<body.endIndex)
        else { throw QdrantFailure.badRequest("The form has no part `snapshot`") }
        let path = try snapshots.temporaryPath()
        try body[head.upperBound..<end.lowerBound].write(to: URL(fileURLWithPath: path))
        return path
    }

    // MARK: Everything

    /// `parts` is what follows `/snapshots`: copies of every collection in one file.
    func performFullSnapshots(_ request: Request, _ parts: [String]) async throws -> CallResult {
        let waits = try request.wait(default: true)
        try request.needsGlobal(request.call.method == "GET" ? .read : .manage)
        switch (request.call.method, parts.first, parts.count) {
        case ("GET", nil, 0): return .value(.array(try snapshots.list(nil)))
        case ("POST", nil, 0):
            let made = try await makeFullSnapshot()
            return waits ? .value(made) : .accepted
        case ("GET", let file?, 1): return .plain(try download(file, of: nil))
        case ("DELETE", let file?, 1):
            try snapshots.remove(file, of: nil)
            return waits ? .value(true) : .accepted
        default: return .plain(Self.notThere)
        }
    }

    /// One line of JSON (names and sizes of the collections in order, aliases), then the files one after another.
    private func makeFullSnapshot() async throws -> JSONValue {
        var entries: [JSONValue] = []
        var files = Data()
        for name in try await catalog.names() {
            let copy = try snapshots.temporaryPath()
            try await catalog.store.copy(name, to: copy)
            let bytes = FileManager.default.contents(atPath: copy) ?? Data()
            try FileManager.default.removeItem(atPath: copy)
            entries.append(["name": .string(name), "size": .integer(Int64(bytes.count))])
            files.append(bytes)
        }
        var aliases: JSONObject = [:]
        for (alias, name) in try catalog.aliases { aliases[alias.text] = .string(name) }
        let head = JSONWriter.bytes(["collections": .array(entries), "aliases": .object(aliases)])
        let path = try snapshots.newPath(for: nil)
        try (Data(head) + Data([0x0A]) + files).write(to: URL(fileURLWithPath: path), options: .atomic)
        return try snapshots.description(path)
    }
}
