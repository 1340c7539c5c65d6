import Foundation
import JSON
import QdrantAdapter
import Serving
import Testing
import VectorEngine

@Suite("Collections that are not served")
struct WithheldCollectionTests {
    /// Runs `body` over a store that holds `memories` and `c`, first served both, then without the first.
    private func withMemories(
        before: (ServedAPI) async throws -> Void = { _ in }, _ body: (ServedAPI) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await ServedAPI.run(in: directory) { served in
            for name in ["memories", "c"] { try await served.fill(name) }
            try await before(served)
        }
        try await ServedAPI.run(in: directory, withheld: ["memories"], body)
        // Whatever was tried, the memories are as they were.
        try await ServedAPI.run(in: directory) { served in
            let count = try await served.call("POST", "collections/memories/points/count", "{}").value["result"]
            #expect(count?["count"] == 2)
            #expect(try await served.call("GET", "collections/memories/points/1").value["result"]?["payload"] != [:])
        }
    }

    @Test("They are neither listed nor counted, and there is no such collection for any route")
    func absent() async throws {
        try await withMemories { served in
            let listed = try await served.call("GET", "collections").value["result"]?["collections"]
            #expect(listed == [["name": "c"]])
            #expect(try await served.call("GET", "collections/memories/exists").value["result"]?["exists"] == false)
            let telemetry = try await served.call("GET", "telemetry").value["result"]?["collections"]
            #expect(telemetry?["number_of_collections"] == 1)
            let metrics = await served.answer("GET", "metrics")
            #expect(!String(decoding: metrics.body, as: UTF8.self).contains("memories"))
            let vector = #""vector":[1,2],"limit":1"#
            for (method, path, body) in [
                ("GET", "", ""), ("PATCH", "", "{}"), ("GET", "/aliases", ""), ("GET", "/points/1", ""),
                ("GET", "/cluster", ""), ("GET", "/optimizations", ""), ("GET", "/snapshots", ""),
                ("POST", "/snapshots", ""), ("GET", "/snapshots/x.snapshot", ""), ("DELETE", "/snapshots/x", ""),
                ("GET", "/shards", ""), ("GET", "/shards/0/snapshot", ""),
                ("PUT", "/index", #"{"field_name":"k","field_schema":"keyword"}"#), ("DELETE", "/index/k", ""),
                ("PUT", "/vectors/b", #"{"size":2,"distance":"Dot"}"#), ("DELETE", "/vectors/b", ""),
                ("POST", "/points", #"{"ids":[1]}"#), ("POST", "/points/scroll", "{}"), ("POST", "/points/count", "{}"),
                ("PUT", "/points", #"{"points":[{"id":3,"vector":[1,2]}]}"#),
                ("POST", "/points/delete", #"{"filter":{}}"#),
                ("POST", "/points/payload", #"{"payload":{},"points":[1]}"#),
                ("POST", "/points/payload/clear", #"{"points":[1]}"#), ("POST", "/points/query", #"{"query":[1,2]}"#),
                ("POST", "/points/query/batch", #"{"searches":[{"query":[1,2]}]}"#),
                ("POST", "/points/query/groups", #"{"query":[1,2],"group_by":"k"}"#),
                ("POST", "/points/search", "{\(vector)}"), ("POST", "/facet", #"{"key":"k"}"#),
                ("POST", "/points/search/matrix/pairs", "{}"), ("POST", "/points/batch", #"{"operations":[]}"#),
            ] {
                let answer = try await served.call(method, "collections/memories" + path, body)
                #expect(answer.status == 404, "\(method) \(path): \(answer)")
                #expect(answer.value["status"]?["error"] == "Not found: Collection `memories` doesn't exist!")
            }
            let deleted = try await served.call("DELETE", "collections/memories")
            #expect(deleted.status == 200 && deleted.value["result"] == false)
        }
    }

    @Test("Nothing can be made of their name, and the refusal says why")
    func names() async throws {
        try await withMemories { served in
            let settings = #"{"vectors":{"size":2,"distance":"Dot"}}"#
            let create = #"{"actions":[{"create_alias":{"collection_name":"c","alias_name":"memories"}}]}"#
            let rename =
                #"{"actions":[{"create_alias":{"collection_name":"c","alias_name":"a"}},"#
                + #"{"rename_alias":{"old_alias_name":"a","new_alias_name":"memories"}}]}"#
            for (method, path, body) in [
                ("PUT", "collections/memories", settings), ("POST", "collections/aliases", create),
                ("POST", "collections/aliases", rename),
                ("PUT", "collections/memories/snapshots/recover", #"{"location":"file:///tmp/x.snapshot"}"#),
                ("POST", "collections/memories/snapshots/upload", "x"),
            ] {
                let answer = try await served.call(method, path, body)
                #expect(answer.status == 403, "\(method) \(path): \(answer)")
                #expect(answer.value["status"]?["error"]?.stringValue?.contains("--serve-memories") == true)
            }
            #expect(try await served.call("GET", "aliases").value["result"]?["aliases"] == [])
        }
    }

    @Test("No alias, lookup or snapshot made while they were served leads to them")
    func detours() async throws {
        var file = ""
        let alias = #"{"actions":[{"create_alias":{"collection_name":"memories","alias_name":"m"}}]}"#
        try await withMemories { served in
            #expect(try await served.call("POST", "collections/aliases", alias).status == 200)
            let made = try await served.call("POST", "collections/memories/snapshots").value["result"]?["name"]
            file = served.directory + "/snapshots/collections/memories/" + (made?.stringValue ?? "")
            #expect(try await served.call("POST", "snapshots").status == 200)
        } _: { served in
            #expect(try await served.call("GET", "aliases").value["result"]?["aliases"] == [])
            #expect(try await served.call("POST", "collections/m/points/scroll", "{}").status == 404)
            let deleted = try await served.call("DELETE", "collections/m")
            #expect(deleted.value["result"] == false)
            #expect(try await served.call("POST", "collections/aliases", alias).status == 404)
            let lookup = #"{"query":1,"lookup_from":{"collection":"memories"}}"#
            #expect(try await served.call("POST", "collections/c/points/query", lookup).status == 404)
            let groups = #"{"query":[1,2],"group_by":"k","with_lookup":"memories"}"#
            #expect(try await served.call("POST", "collections/c/points/query/groups", groups).status == 404)
            let whole = try FileManager.default.contentsOfDirectory(atPath: served.directory + "/snapshots")
                .filter { $0.hasSuffix(".snapshot") }
            #expect(whole.count == 1)
            #expect(try await served.call("GET", "snapshots").value["result"] == [])
            for method in ["GET", "DELETE"] {
                #expect(try await served.call(method, "snapshots/\(whole[0])").status == 404)
            }
            for path in [file, served.directory + "/snapshots/" + whole[0]] {
                let recover = #"{"location":"file://\#(path)"}"#
                let answer = try await served.call("PUT", "collections/d/snapshots/recover", recover)
                #expect(answer.status == 400, "\(answer)")
            }
            // Without them, everything is as it was; a snapshot of everything made now is whole for callers.
            #expect(try await served.call("POST", "snapshots").status == 200)
            #expect(try await served.call("GET", "snapshots").value["result"]?.arrayValue?.count == 1)
            #expect(try await served.call("GET", "collections").value["result"]?["collections"] == [["name": "c"]])
        }
    }
}
