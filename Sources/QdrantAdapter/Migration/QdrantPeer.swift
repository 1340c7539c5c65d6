import JSON
import Outbound
import Serving

/// One end of a migration: whatever answers Qdrant's REST calls.
package protocol QdrantPeer: Sendable {
    /// How reports name it.
    var name: String { get }
    /// Answers one call; the body is JSON.
    func answer(_ method: String, _ path: [String], query: [String: String], body: [UInt8]) async throws -> (
        status: Int, body: [UInt8]
    )
}

extension QdrantPeer {
    /// The `result` of a call.
    ///
    /// - Throws: `QdrantFailure` with the peer's status and text when it refuses.
    func result(
        _ method: String, _ path: [String], query: [String: String] = [:], _ body: JSONValue? = nil
    ) async throws -> JSONValue {
        let (status, bytes) = try await answer(
            method, path, query: query, body: body.map { JSONWriter.bytes($0) } ?? [])
        guard (200..<300).contains(status) else {
            let told = String(decoding: bytes.prefix(Self.shownBytes), as: UTF8.self)
            throw QdrantFailure(status, "\(name) refused \(method) /\(path.joined(separator: "/")): \(told)")
        }
        return try JSONParser.parseEnvelope(bytes)["result"] ?? .null
    }

    /// `names`, or every collection where none is named.
    func collectionNames(_ names: [String]) async throws -> [String] {
        guard names.isEmpty else { return names }
        let all = try await result("GET", ["collections"])
        return (all["collections"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
    }

    /// Whole points in the order of their ids, from `offset` (nil or null: the first) on.
    func page(_ name: String, from offset: JSONValue?, limit: Int) async throws -> JSONValue {
        var body: JSONObject = ["limit": .integer(Int64(limit)), "with_payload": true, "with_vector": true]
        if let offset, !offset.isNull { body["offset"] = offset }
        return try await result("POST", ["collections", name, "points", "scroll"], .object(body))
    }

    /// How much of a refusal is shown.
    private static var shownBytes: Int { 500 }
}

/// The store in this process.
extension QdrantAPI: QdrantPeer {
    package var name: String { catalog.store.directory }

    package func answer(
        _ method: String, _ path: [String], query: [String: String], body: [UInt8]
    ) async throws -> (status: Int, body: [UInt8]) {
        let answer = await respond(HTTPCall(method: method, path: path, query: query, body: body))
        return (answer.status, answer.body)
    }
}

/// A Qdrant (or a served Cortex) at a URL.
extension RemoteQdrant: QdrantPeer {
    package func answer(
        _ method: String, _ path: [String], query: [String: String], body: [UInt8]
    ) async throws -> (status: Int, body: [UInt8]) {
        do throws(OutboundError) {
            let answer = try await send(method, path, query: query, body: body)
            return (answer.status, answer.body)
        } catch {
            if error.code == .cancelled { throw CancellationError() }
            throw QdrantFailure(503, error.message)
        }
    }
}
