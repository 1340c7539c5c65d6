import Foundation
import JSON
import QdrantAdapter
import Serving
import VectorEngine

/// The API over a store of its own, without a listener.
struct ServedAPI {
    let api: QdrantAPI
    let store: EmbeddedStore

    var directory: String { store.directory }

    /// Runs `body` with the API over a store in `directory`, or over a new one that is removed afterwards.
    static func run(
        in directory: String? = nil, withheld: Set<String> = [], key: String? = nil,
        _ body: (ServedAPI) async throws -> Void
    ) async throws {
        let place = directory ?? FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        let store = try EmbeddedStore(directory: place)
        let api = QdrantAPI(
            store: store, access: AccessControl(apiKeys: key.map { [$0] } ?? [], readOnlyKey: nil, acceptsTokens: true),
            stemmers: [:], withheld: withheld)
        try await body(ServedAPI(api: api, store: store))
        try await store.close()
        if directory == nil, FileManager.default.fileExists(atPath: place) {
            try FileManager.default.removeItem(atPath: place)
        }
    }

    func answer(
        _ method: String, _ path: String, _ body: String = "", headers: [String: String] = [:]
    ) async -> HTTPAnswer {
        let parts = path.split(separator: "?")
        var query: [String: String] = [:]
        for pair in parts.dropFirst().joined().split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1)
            query[String(halves[0])] = halves.count > 1 ? String(halves[1]) : ""
        }
        return await api.respond(
            HTTPCall(
                method: method, path: parts.first?.split(separator: "/").map(String.init) ?? [], query: query,
                headers: headers, body: Array(body.utf8)))
    }

    func call(
        _ method: String, _ path: String, _ body: String = "", headers: [String: String] = [:]
    ) async throws -> (status: Int, value: JSONValue) {
        let answer = await answer(method, path, body, headers: headers)
        return (answer.status, try JSONParser.parse(answer.body))
    }

    /// A collection of two points.
    func fill(_ name: String) async throws {
        _ = try await call("PUT", "collections/\(name)", #"{"vectors":{"size":2,"distance":"Dot"}}"#)
        _ = try await call(
            "PUT", "collections/\(name)/points",
            #"{"points":[{"id":1,"vector":[1,2],"payload":{"k":"secret"}},{"id":2,"vector":[3,4]}]}"#)
    }

    /// Every file below the directory of snapshots.
    func snapshotFiles() -> [String] {
        FileManager.default.enumerator(atPath: directory + "/snapshots")?.compactMap { $0 as? String }
            .filter { $0.hasPrefix("tmp/") || $0.hasSuffix(".snapshot") } ?? []
    }
}
