import Foundation
import JSON
import QdrantAdapter
import Serving
import Testing
import VectorEngine

/// The API without a listener: calls in, answers out.
@Suite("Qdrant's API over the engine")
struct APITests {
    private func withAPI(_ body: (QdrantAPI) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        let store = try EmbeddedStore(directory: directory)
        let api = QdrantAPI(
            store: store, access: AccessControl(apiKeys: [], readOnlyKey: nil, acceptsTokens: false), stemmers: [:])
        try await body(api)
        try await store.close()
        try FileManager.default.removeItem(atPath: directory)
    }

    private func call(
        _ api: QdrantAPI, _ method: String, _ path: String, _ body: String = ""
    ) async throws -> (status: Int, value: JSONValue) {
        let parts = path.split(separator: "?")
        var query: [String: String] = [:]
        for pair in parts.dropFirst().joined().split(separator: "&") {
            let halves = pair.split(separator: "=")
            query[String(halves[0])] = String(halves[1])
        }
        let answer = await api.respond(
            HTTPCall(
                method: method, path: parts[0].split(separator: "/").map(String.init), query: query,
                body: Array(body.utf8)))
        return (answer.status, try JSONParser.parse(answer.body))
    }

    @Test("A point comes back as it was sent, cosine vectors normalised")
    func roundTrip() async throws {
        try await withAPI { api in
            let vectors =
                #"""
                {"vectors":{"a":{"size":2,"distance":"Cosine"},
                "m":{"size":2,"distance":"Dot","multivector_config":{"comparator":"max_sim"}}},
                "sparse_vectors":{"s":{}}}
                """#
            #expect(try await call(api, "PUT", "collections/c", vectors).status == 200)
            let point =
                #"""
                {"points":[{"id":7,"payload":{"k":1.0},
                "vector":{"a":[3,4],"m":[[1,2],[3,4]],"s":{"indices":[9,2],"values":[1,0.5]}}}]}
                """#
            #expect(try await call(api, "PUT", "collections/c/points?wait=true", point).status == 200)
            let stored = try await call(api, "GET", "collections/c/points/7").value["result"]
            let expected: JSONValue = [
                "a": [0.6, 0.8], "m": [[1.0, 2.0], [3.0, 4.0]], "s": ["indices": [2, 9], "values": [0.5, 1.0]],
            ]
            #expect(stored?["vector"] == expected)
            #expect(stored?["payload"] == ["k": 1.0])
        }
    }

    @Test("A vector's name is added and removed without a loss")
    func vectorNames() async throws {
        try await withAPI { api in
            let body = #"{"vectors":{"a":{"size":1,"distance":"Dot"}}}"#
            _ = try await call(api, "PUT", "collections/c", body)
            _ = try await call(
                api, "PUT", "collections/c/points?wait=true",
                #"{"points":[{"id":1,"vector":{"a":[5]},"payload":{"x":1}}]}"#)
            #expect(
                try await call(api, "PUT", "collections/c/vectors/b", #"{"size":2,"distance":"Dot"}"#).status == 200)
            let update = #"{"points":[{"id":1,"vector":{"b":[1,2]}}]}"#
            #expect(try await call(api, "PUT", "collections/c/points/vectors?wait=true", update).status == 200)
            let both = try await call(api, "GET", "collections/c/points/1").value["result"]?["vector"]
            #expect(both == ["a": [5.0], "b": [1.0, 2.0]])
            #expect(try await call(api, "DELETE", "collections/c/vectors/a").status == 200)
            let left = try await call(api, "GET", "collections/c/points/1").value["result"]
            #expect(left?["vector"] == ["b": [1.0, 2.0]])
            #expect(left?["payload"] == ["x": 1])
        }
    }

    @Test(
        "Points read the quick way are those read the general way",
        arguments: [
            #"[{"id":1,"vector":{"a":[1,2.5],"b":[0.1,1e-3,-0]},"payload":{"k":[1,1.0,"é"],"n":null}}]"#,
            #"[{"payload":{},"vector":{"a":[3,4]},"id":"6f1e0a52-0000-4000-8000-00000000000a"}]"#,
            #"[ { "id" : 18446744073709551615 , "vector" : { "a" : [ 1 , 2 ] } } , {"id":2,"vector":{"b":[1,2,3]}} ]"#,
            #"[{"id":1,"vector":{"a":[1,2]}},{"id":1,"vector":{"a":[2,1]},"payload":null}]"#,
            #"[{"id":1,"vector":{},"payload":{"only":true}}]"#, "[]",
            #"[{"id":1,"vector":{"a":[1,2,3]}}]"#, #"[{"id":1,"vector":{"a":[1,1e60]}}]"#,
            #"[{"id":-1,"vector":{"a":[1,2]}}]"#,
            #"[{"id":1,"vector":{"c":[1,2]}}]"#, #"[{"id":1,"vector":{"a":[1,2]},"payload":3}]"#,
            #"[{"vector":{"a":[1,2]}}]"#,
            #"[7]"#, #"{"id":1}"#,
        ])
    func quickPoints(points: String) async throws {
        try await withAPI { api in
            let vectors =
                #"{"vectors":{"a":{"size":2,"distance":"Cosine"},"b":{"size":3,"distance":"Dot","datatype":"uint8"}}}"#
            var seen: [JSONValue] = []
            // A member more makes the body be read the general way.
            for (name, more) in [("quick", ""), ("general", #","update_mode":"upsert""#)] {
                _ = try await call(api, "PUT", "collections/\(name)", vectors)
                let answer = try await call(
                    api, "PUT", "collections/\(name)/points?wait=true", #"{"points":\#(points)\#(more)}"#)
                let page = try await call(
                    api, "POST", "collections/\(name)/points/scroll", #"{"with_vector":true}"#)
                seen += [
                    .integer(Int64(answer.status)), answer.value["status"] ?? .null, page.value["result"] ?? .null,
                ]
            }
            #expect(Array(seen.prefix(3)) == Array(seen.suffix(3)))
        }
    }

    @Test("A search read the quick way finds and refuses what one read the general way does")
    func quickQueries() async throws {
        try await withAPI { api in
            _ = try await call(api, "PUT", "collections/c", #"{"vectors":{"size":2,"distance":"Euclid"}}"#)
            let points = (1...9).map { #"{"id":\#($0),"vector":[\#($0),\#(9 - $0)],"payload":{"n":\#($0)}}"# }
            _ = try await call(
                api, "PUT", "collections/c/points?wait=true", #"{"points":[\#(points.joined(separator: ","))]}"#)
            for rest in [
                "", #","limit":3,"offset":1,"with_payload":true"#, #","score_threshold":2.5,"with_vector":true"#,
                #","filter":{"must":{"key":"n","range":{"gt":4}}}"#, #","using":"none""#, #","limit":0"#,
                #","limit":"x""#,
            ] {
                let path = "collections/c/points/query"
                let quick = try await call(api, "POST", path, #"{"query":[1,2]\#(rest)}"#)
                let general = try await call(api, "POST", path, #"{"query":{"nearest":[1,2]}\#(rest)}"#)
                #expect(quick.status == general.status)
                #expect(quick.value["result"] == general.value["result"])
                #expect(quick.value["status"] == general.value["status"])
            }
        }
    }

    @Test("Bodies cut and changed at random are refused or answered, and never end the process")
    func randomBodies() async throws {
        try await withAPI { api in
            _ = try await call(api, "PUT", "collections/c", #"{"vectors":{"size":2,"distance":"Dot"}}"#)
            let seeds = [
                #"{"query":{"recommend":{"positive":[1],"strategy":"sum_scores"}},"limit":2}"#,
                #"{"query":1,"filter":{"must":[{"key":"a[0].b","range":{"gte":1}}]}}"#,
                #"{"prefetch":[{"query":[1,2],"limit":3}],"query":{"formula":{"sum":["$score",{"mult":[2,"x"]}]}}}"#,
                #"{"query":[0.5,-1e3],"params":{"hnsw_ef":12},"score_threshold":0.1,"with_payload":{"include":["a"]}}"#,
                #"{"query":{"nearest":[1,2],"mmr":{"diversity":0.5}},"filter":{"should":{"has_id":[1,"x"]}}}"#,
            ]
            var random = SystemRandomNumberGenerator()
            for _ in 0..<3000 {
                var bytes = Array((seeds.randomElement(using: &random) ?? "").utf8)
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let at = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: bytes[at] = UInt8.random(in: 0x20...0x7E, using: &random)
                    case 1: bytes.remove(at: at)
                    default: bytes.insert(contentsOf: [UInt8]("9e9,[{\"-".utf8).shuffled().prefix(2), at: at)
                    }
                }
                let answer = await api.respond(
                    HTTPCall(method: "POST", path: ["collections", "c", "points", "query"], body: bytes))
                #expect(answer.status < 500, "\(String(decoding: bytes, as: UTF8.self))")
            }
        }
    }
}
