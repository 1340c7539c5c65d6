import Files
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
            return .value(.array(try await snapshots.list(collection.name)))
        case ("POST", nil, 0):
            try request.needs(.write, of: name)
            let collection = try await catalog.collection(name)
            let made = try await makeSnapshot(collection)
            return waits ? .value(made) : .accepted
        case ("POST", "upload"?, 1):
            try request.needsGlobal(.manage)
            try await checkTarget(name)
            try await recover(name, checksum: request.call.query["checksum"]) { try await receive(request.call, $0) }
            return waits ? .value(true) : .accepted
        case ("PUT", "recover"?, 1):
            try request.needsGlobal(.manage)
            try await recover(request, name)
            return waits ? .value(true) : .accepted
        case ("GET", let file?, 1):
            try request.needs(.read, of: name)
            let collection = try await catalog.collection(name)
            return .plain(try await download(file, of: collection.name))
        case ("DELETE", let file?, 1):
            try request.needs(.write, of: name)
            let collection = try await catalog.collection(name)
            try await snapshots.remove(file, of: collection.name)
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
        let made = try await snapshots.withTemporaryFile { copy in
            try await collection.store.copy(collection.name, to: copy)
            return try await snapshots.take(copy, for: collection.name)
        }
        guard try await catalog.exists(collection.name) else {
            // Deleted meanwhile, perhaps after its snapshots: the next collection of the name shall not have this one.
            try await snapshots.removeAll(of: collection.name)
            throw QdrantFailure.noCollection(collection.name)
        }
        return made
    }

    /// A snapshot made for this answer alone.
    private func stream(_ collection: QdrantCollection) async throws -> HTTPAnswer {
        // The answer holds the file open: it is sent though it has no name any more.
        try await snapshots.withTemporaryFile { copy in
            try await collection.store.copy(collection.name, to: copy)
            return try await Self.file(copy, named: "\(collection.name).snapshot")
        }
    }

    private func download(_ name: String, of collection: String?) async throws -> HTTPAnswer {
        let path = try await snapshots.path(name, of: collection)
        do {
            return try await Self.file(path, named: name)
        } catch {
            // Removed meanwhile.
            _ = try await snapshots.path(name, of: collection)
            throw error
        }
    }

    /// The file's bytes, read while they are sent.
    private static func file(_ path: String, named name: String) async throws -> HTTPAnswer {
        let file = try await EmbeddedStore.blocking { try HTTPFile(path: path) }
        return HTTPAnswer(
            contentType: "application/octet-stream",
            headers: [("content-disposition", "attachment; filename=\"\(name)\"")], file: file)
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
        try await checkTarget(name)
        let apiKey = try body.string("api_key")
        try await recover(name, checksum: try body.string("checksum")) { path in
            if scheme == "file" {
                try await copy(url.path, to: path)
            } else {
                try await fetch(location, apiKey: apiKey, to: path)
            }
        }
    }

    /// Whether a collection of that name may be made or replaced.
    private func checkTarget(_ name: String) async throws {
        try CollectionCatalog.checkName(name)
        try catalog.checkServed(name)
        // Asked again when the collection is made; but a file that is sent here may take an hour.
        try await catalog.checkNoAlias(name)
    }

    /// Copies a file below the snapshot directory; other files are none of a caller's business.
    private func copy(_ source: String, to path: String) async throws {
        let folder = snapshots.directory
        let real: String
        switch try await snapshots.place(of: source, without: catalog.withheld) {
        case .outside:
            throw QdrantFailure.forbidden("Snapshot file must lie inside the snapshots directory \(folder)")
        case .absent: throw QdrantFailure.badRequest("Snapshot file \"\(source)\" does not exist")
        case .file(let path): real = path
        }
        try await EmbeddedStore.blocking {
            let size = try BackupArchive.size(real)
            try EngineError.wrapping(path) {
                try FreeSpace.require(size, at: folder)
                try PrivateFile.copy(real, to: path)
            }
        }
    }

    private static let fetchTimeout: Duration = .seconds(300)

    private func fetch(_ location: String, apiKey: String?, to path: String) async throws {
        var call = OutboundCall(url: location)
        if let apiKey { call.headers = [("api-key", apiKey)] }
        call.timeout = Self.fetchTimeout
        try await IncomingFile.write(path) { file in
            let status: Int
            do {
                // A client of its own: the servers that callers name have nothing to do with each other.
                status = try await OutboundClient().download(call) { try await file.append(Data($0)) }
            } catch let error as OutboundError {
                throw QdrantFailure.badRequest("Failed to download snapshot from \(location): \(error.message)")
            }
            guard status == 200 else {
                throw QdrantFailure.badRequest("Failed to download snapshot from \(location): status - \(status)")
            }
        }
    }

    /// Puts the copy that `obtain` brings to a path in the place of the collection. Whatever happens, nothing stays at
    /// that path.
    private func recover(
        _ name: String, checksum: String?, obtain: (_ path: String) async throws -> Void
    ) async throws {
        try await snapshots.withTemporaryFile { path in
            try await obtain(path)
            if let checksum {
                let found = try await SnapshotShelf.sha256(path)
                guard found == checksum.lowercased() else {
                    throw QdrantFailure(400, "Checksum mismatch: expected \(checksum), actual \(found)")
                }
            }
            do {
                try await catalog.adopt(path, as: name)
            } catch let error as EngineError where error.code == .damaged || error.code == .unsupportedFormat {
                throw QdrantFailure.badRequest("Failed to read the snapshot: it is no snapshot of this store")
            }
        }
    }

    // MARK: Uploads

    /// Whether a call brings a file, so that its body is to be handed on while it arrives.
    package static func isUpload(_ call: HTTPCall) -> Bool {
        let path = call.path
        guard call.method == "POST", path.first == "collections", path.suffix(2) == ["snapshots", "upload"] else {
            return false
        }
        return path.count == 4 || (path.count == 6 && path[2] == "shards")
    }

    /// Writes the part called `snapshot` of a form to `path`, as it arrives.
    private func receive(_ call: HTTPCall, _ path: String) async throws {
        var form: MultipartReader
        do {
            form = try MultipartReader(contentType: call.headers["content-type"] ?? "")
        } catch {
            throw QdrantFailure.badRequest("Expected a multipart form with the file in `snapshot`: \(error.reason)")
        }
        try await IncomingFile.write(path) { try await Self.receive(&form, of: call, into: $0) }
    }

    private static func receive(
        _ form: inout MultipartReader, of call: HTTPCall, into file: IncomingFile
    ) async throws {
        var (isWanted, isComplete) = (false, false)
        func take(_ bytes: [UInt8]) async throws {
            var wanted = Data()
            try form.take(bytes) { event in
                switch event {
                case .begin(let name):
                    isWanted = name == "snapshot"
                    if isWanted, isComplete { throw MultipartReader.Malformed(reason: "two parts are `snapshot`") }
                case .bytes(let bytes): if isWanted { wanted.append(bytes) }
                case .end: if isWanted { isComplete = true }
                }
            }
            try await file.append(wanted)
        }
        do {
            if let stream = call.stream {
                while let bytes = try await stream.next() { try await take(bytes) }
            } else {
                try await take(call.body)
            }
            try form.finish()
        } catch let error as MultipartReader.Malformed {
            throw QdrantFailure.badRequest("The form cannot be read: \(error.reason)")
        } catch is HTTPBodyStream.CutOff {
            throw QdrantFailure.badRequest("The form has not come whole")
        }
        guard isComplete else { throw QdrantFailure.badRequest("The form has no part `snapshot`") }
    }

    // MARK: Everything

    /// `parts` is what follows `/snapshots`: copies of every collection in one file.
    func performFullSnapshots(_ request: Request, _ parts: [String]) async throws -> CallResult {
        let waits = try request.wait(default: true)
        try request.needsGlobal(request.call.method == "GET" ? .read : .manage)
        switch (request.call.method, parts.first, parts.count) {
        case ("GET", nil, 0): return .value(.array(try await snapshots.list(nil, without: catalog.withheld)))
        case ("POST", nil, 0):
            let made = try await makeFullSnapshot()
            return waits ? .value(made) : .accepted
        case ("GET", let file?, 1):
            try await checkFullSnapshot(file)
            return .plain(try await download(file, of: nil))
        case ("DELETE", let file?, 1):
            try await checkFullSnapshot(file)
            try await snapshots.remove(file, of: nil)
            return waits ? .value(true) : .accepted
        default: return .plain(Self.notThere)
        }
    }

    /// A snapshot that holds collections which are not served is not there for callers.
    private func checkFullSnapshot(_ name: String) async throws {
        if try await snapshots.holdsAny(of: catalog.withheld, name) {
            throw QdrantFailure.notFound("Snapshot \(name) not found")
        }
    }

    /// One line of JSON (names and sizes of the collections in order, aliases), then the files one after another.
    private func makeFullSnapshot() async throws -> JSONValue {
        try await snapshots.withTemporaryFiles { next in
            var entries: [JSONValue] = []
            var copies: [String] = []
            for name in try await catalog.names() {
                let copy = try await next()
                copies.append(copy)
                try await catalog.store.copy(name, to: copy)
                let size = try await EmbeddedStore.blocking { try BackupArchive.size(copy) }
                entries.append(["name": .string(name), "size": .integer(Int64(size))])
            }
            var aliases: JSONObject = [:]
            for (alias, name) in try await catalog.aliases where !catalog.withheld.contains(name) {
                aliases[alias.text] = .string(name)
            }
            let head = JSONWriter.bytes(["collections": .array(entries), "aliases": .object(aliases)])
            let whole = try await next()
            try await IncomingFile.write(whole) { file in
                try await file.append(Data(head + [0x0A]))
                for copy in copies { try await file.append(contentsOf: copy) }
            }
            return try await snapshots.take(whole, for: nil)
        }
    }
}
