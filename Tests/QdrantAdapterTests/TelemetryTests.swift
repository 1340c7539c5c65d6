import Foundation
import JSON
import QdrantAdapter
import Serving
import Testing

@Suite("Telemetry and metrics")
struct TelemetryTests {
    @Test("A collection that does not open is named, and the others are told of all the same")
    func damagedCollection() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: directory) }  // it may not be there
        try await ServedAPI.run(in: directory) { try await $0.fill("a") }
        try Data("no database".utf8).write(to: URL(fileURLWithPath: directory + "/b.collection.sqlite"))
        try await ServedAPI.run(in: directory) { served in
            let metrics = await served.answer("GET", "metrics")
            let text = String(decoding: metrics.body, as: UTF8.self)
            #expect(metrics.status == 200)
            #expect(text.contains("collections_total 2\n"))
            #expect(text.contains(#"collection_points{id="a"} 2"#))
            #expect(text.contains(#"collection_unopened{id="b"} 1"#))
            for level in 1...3 {
                let answer = await served.api.respond(
                    HTTPCall(
                        method: "GET", path: ["telemetry"], query: ["details_level": String(level)], headers: [:],
                        body: []))
                #expect(answer.status == 200)
                let value = try JSONParser.parse(answer.body)
                let collections = value["result"]?["collections"]?["collections"]?.arrayValue ?? []
                #expect(collections.count == 2)
                let reason = collections.last?["optimizers_status"]?["error"]?.stringValue
                #expect(reason?.contains("damaged") == true)
            }
        }
    }
}
