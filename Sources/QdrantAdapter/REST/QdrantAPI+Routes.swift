import JSON
import Serving
import VectorEngine

// Which path is answered by what.

extension QdrantAPI {
    func perform(_ request: Request) async throws -> CallResult {
        let (method, parts) = (request.call.method, request.route.parts)
        if method == "OPTIONS" { return .plain(Self.options) }
        _ = try request.timeout()
        try request.checkClusterParameters()
        switch (method, parts.first) {
        case ("GET", nil): return .plain(greeting)
        case (_, "collections"?): return try await performCollections(request, Array(parts.dropFirst()))
        case ("GET", "aliases"?) where parts.count == 1: return try await listAliases(request, of: nil)
        case (_, "snapshots"?): return try await performFullSnapshots(request, Array(parts.dropFirst()))
        case (_, "cluster"?): return try performCluster(request, Array(parts.dropFirst()))
        default:
            if parts.count == 1, let answer = try await performService(request, parts[0]) { return answer }
            return .plain(Self.notThere)
        }
    }

    /// A path nobody answers: no body, as on Qdrant.
    static let notThere = HTTPAnswer(status: 404, contentType: "text/plain", body: [])

    /// What may be sent. No header says that other origins may: a browser keeps their pages out.
    private static let options = HTTPAnswer(
        status: 204, contentType: "text/plain", headers: [("allow", "GET, POST, PUT, PATCH, DELETE")], body: [])

    // MARK: Collections

    private func performCollections(_ request: Request, _ parts: [String]) async throws -> CallResult {
        let method = request.call.method
        guard let name = parts.first else {
            guard method == "GET" else { return .plain(Self.notThere) }
            return try await listCollections(request)
        }
        if parts.count == 1, name == "aliases", method == "POST" { return try await changeAliases(request) }
        if parts.count == 1 { return try await performCollection(request, name) }
        switch (method, parts[1], parts.count) {
        case ("GET", "exists", 2): return try await exists(request, name)
        case ("GET", "aliases", 2): return try await listAliases(request, of: name)
        case ("PUT", "index", 2): return try await createIndex(request, name)
        case ("DELETE", "index", 3): return try await dropIndex(request, name, parts[2])
        case ("PUT", "vectors", 3): return try await setVectorName(request, name, parts[2], removes: false)
        case ("DELETE", "vectors", 3): return try await setVectorName(request, name, parts[2], removes: true)
        case (_, "snapshots", _): return try await performSnapshots(request, name, Array(parts.dropFirst(2)))
        case (_, "shards", _): return try await performShards(request, name, Array(parts.dropFirst(2)))
        case ("GET", "cluster", 2): return try await clusterInfo(request, name)
        case ("POST", "cluster", 2): throw QdrantFailure.badRequest("Distributed mode disabled")
        case ("GET", "optimizations", 2): return try await optimizations(request, name)
        case ("POST", "facet", 2): return try await reading(request, name) { try await facet(request, name) }
        case (_, "points", _): return try await performPoints(request, name, Array(parts.dropFirst(2)))
        default: return .plain(Self.notThere)
        }
    }

    private func performCollection(_ request: Request, _ name: String) async throws -> CallResult {
        switch request.call.method {
        case "GET": return try await describe(request, name)
        case "PUT": return try await createCollection(request, name)
        case "PATCH": return try await updateCollection(request, name)
        case "DELETE": return try await deleteCollection(request, name)
        default: return .plain(HTTPAnswer(status: 405, contentType: "text/plain", body: []))
        }
    }

    // MARK: Points

    private func performPoints(_ request: Request, _ name: String, _ parts: [String]) async throws -> CallResult {
        let method = request.call.method
        if let result = try await performWrite(request, name, parts) { return result }
        switch (method, parts.count, parts.first ?? "") {
        case ("POST", 0, _): return try await reading(request, name, .ids) { try await retrieve(request, name) }
        case ("GET", 1, let id): return try await reading(request, name, .ids) { try await point(request, name, id) }
        case ("POST", 1, "scroll"):
            return try await reading(request, name, .scroll) { try await scroll(request, name) }
        case ("POST", 1, "count"): return try await reading(request, name, .count) { try await count(request, name) }
        default: return try await reading(request, name) { try await performSearch(request, name, parts) }
        }
    }

    private func performSearch(_ request: Request, _ name: String, _ parts: [String]) async throws -> CallResult {
        switch (request.call.method, parts.count, parts.first ?? "", parts.count > 1 ? parts[1] : "") {
        case ("POST", 1, "query", _): return try await query(request, name)
        case ("POST", 2, "query", "batch"): return try await queryBatch(request, name)
        case ("POST", 2, "query", "groups"): return try await queryGroups(request, name)
        case ("POST", _, "search", _), ("POST", _, "recommend", _), ("POST", _, "discover", _):
            return try await performOlder(request, name, parts)
        default: return .plain(Self.notThere)
        }
    }

    private func performOlder(_ request: Request, _ name: String, _ parts: [String]) async throws -> CallResult {
        let style = parts[0]
        if parts.count == 3, style == "search", parts[1] == "matrix", parts[2] == "pairs" || parts[2] == "offsets" {
            return try await matrix(request, name, asPairs: parts[2] == "pairs")
        }
        switch (parts.count, parts.count > 1 ? parts[1] : "") {
        case (1, _): return try await older(request, name, style)
        case (2, "batch"): return try await olderBatch(request, name, style)
        case (2, "groups") where style != "discover": return try await olderGroups(request, name, style)
        default: return .plain(Self.notThere)
        }
    }

    /// nil when the path is no write.
    private func performWrite(_ request: Request, _ name: String, _ parts: [String]) async throws -> CallResult? {
        let path = ([request.call.method] + parts).joined(separator: " ")
        let read: (JSONValue, CollectionConfig) throws(QdrantFailure) -> PointUpdate
        switch path {
        case "PUT": return try await upsert(request, name)
        case "POST delete": read = UpdateReading.delete
        case "PUT vectors": read = UpdateReading.updateVectors
        case "POST vectors delete": read = UpdateReading.deleteVectors
        case "POST payload": read = UpdateReading.setPayload
        case "PUT payload": read = UpdateReading.overwritePayload
        case "POST payload delete": read = UpdateReading.deletePayload
        case "POST payload clear": read = UpdateReading.clearPayload
        case "POST batch":
            let (writing, body) = try await prepared(request, name)
            return .value(.array(try await batch(writing, body).map(\.json)))
        default: return nil
        }
        let (writing, body) = try await prepared(request, name)
        return .value(try await writing.perform(try read(body, writing.collection.config)).json)
    }

    private func batch(_ writing: PointWriting, _ body: JSONValue) async throws -> [UpdateAnswer] {
        guard let operations = try body.array("operations") else {
            throw QdrantFailure.format("missing field `operations`")
        }
        var answers: [UpdateAnswer] = []
        for operation in operations {
            answers.append(
                try await writing.perform(try UpdateReading.operation(operation, writing.collection.config)))
        }
        return answers
    }

    /// Points with dense vectors alone are read without a value for each number.
    private func upsert(_ request: Request, _ name: String) async throws -> CallResult {
        if let config = try await catalog.known(name)?.config,
            let points = QuickPoints.read(request.call.body, config)
        {
            return .value(try await writing(request, name).upsert(points).json)
        }
        let (writing, body) = try await prepared(request, name)
        let update = try UpdateReading.upsert(body, writing.collection.config)
        return .value(try await writing.perform(update).json)
    }

    private func prepared(_ request: Request, _ name: String) async throws -> (PointWriting, JSONValue) {
        try request.needs(.writePoints, of: name)
        let body = try request.body()
        return (try await writing(request, name), body)
    }

    private func writing(_ request: Request, _ name: String) async throws -> PointWriting {
        try request.needs(.writePoints, of: name)
        let collection = try await catalog.collection(name)
        try collection.writes.take(collection.strictMode.writesPerMinute, "Write")
        try collection.strictMode.checkTimeout(try request.timeout())
        return PointWriting(collection: collection, wait: try request.wait())
    }
}
