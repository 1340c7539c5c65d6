import AsyncHTTPClient
import Foundation
import JSON
import NIOCore
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
        return try JSONParser.parse(bytes)["result"] ?? .null
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

/// What speaks to other servers: a connection that cannot be made is told at once, not tried until the time is over.
enum OutwardClient {
    private static let connectSeconds: Int64 = 10

    /// One for the whole process, never shut down.
    static let shared: HTTPClient = {
        var configuration = HTTPClient.Configuration.singletonConfiguration
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout.connect = .seconds(connectSeconds)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()
}

/// A Qdrant (or a served Cortex) at a URL.
package struct RemoteQdrant: QdrantPeer {
    package let name: String
    private let base: String
    private let apiKey: String?

    /// Largest answer that is read, in bytes.
    private static let answerBytes = 256 << 20
    private static let timeoutSeconds: Int64 = 120
    /// How often a call is tried when the connection fails or the peer is busy (429, 502, 503, 504).
    private static let attempts = 5

    package init(url: String, apiKey: String?) throws(QdrantFailure) {
        guard let parsed = URL(string: url), let scheme = parsed.scheme, ["http", "https"].contains(scheme),
            parsed.host != nil
        else { throw .badRequest("'\(url)' is no URL of a Qdrant; write http://host:6333") }
        base = url.hasSuffix("/") ? String(url.dropLast()) : url
        name = base
        self.apiKey = apiKey
    }

    package func answer(
        _ method: String, _ path: [String], query: [String: String], body: [UInt8]
    ) async throws -> (status: Int, body: [UInt8]) {
        let escaped = path.map { $0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? $0 }
        let parameters = query.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
        var request = HTTPClientRequest(
            url: base + "/" + escaped.joined(separator: "/") + (parameters.isEmpty ? "" : "?" + parameters))
        request.method = .init(rawValue: method)
        request.headers.add(name: "content-type", value: "application/json")
        if let apiKey { request.headers.add(name: "api-key", value: apiKey) }
        if !body.isEmpty { request.body = .bytes(ByteBuffer(bytes: body)) }
        var pause = Duration.milliseconds(100)
        for attempt in 1... {
            do {
                let response = try await OutwardClient.shared.execute(request, timeout: .seconds(Self.timeoutSeconds))
                let bytes = Array(try await response.body.collect(upTo: Self.answerBytes).readableBytesView)
                let status = Int(response.status.code)
                if ![429, 502, 503, 504].contains(status) || attempt == Self.attempts { return (status, bytes) }
            } catch {
                guard attempt < Self.attempts else {
                    throw QdrantFailure(503, "\(name) does not answer: \(error)")
                }
            }
            try await Task.sleep(for: pause)
            pause *= 2
        }
        preconditionFailure("the last attempt returns or throws")
    }
}
