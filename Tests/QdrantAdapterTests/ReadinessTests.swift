import Foundation
import QdrantAdapter
import Serving
import Testing
import VectorEngine

@Suite("Whether the server is ready, and whether it is alive")
struct ReadinessTests {
    private func text(_ answer: HTTPAnswer) -> String {
        "\(answer.status) " + String(decoding: answer.body, as: UTF8.self)
    }

    @Test("/readyz is 503 until every collection is open, one that is damaged included")
    func readiness() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await ServedAPI.run(in: directory) { served in
            for name in ["a", "b", "memories"] { try await served.fill(name) }
        }
        try Data("no database".utf8).write(to: URL(fileURLWithPath: directory + "/b.collection.sqlite"))
        try await ServedAPI.run(in: directory, withheld: ["memories"]) { served in
            let closed = await served.answer("GET", "readyz")
            #expect(closed.status == 503)
            var seen: [String] = []
            try await served.api.openCollections { name, error in
                seen.append("\(name) \(error == nil) \(text(await served.answer("GET", "readyz")))")
            }
            #expect(
                seen == [
                    "a true 503 some shards are not ready: 0 of 2 collections are open",
                    "b false 503 some shards are not ready: 1 of 2 collections are open",
                ])
            let ready = await served.answer("GET", "readyz")
            #expect(text(ready) == "200 all shards are ready" && text(served.api.readinessAnswer) == text(ready))
        }
    }

    @Test("A server over an empty directory is ready once it has looked; one that is stopped meanwhile is not")
    func emptyAndStopped() async throws {
        try await ServedAPI.run { served in
            try await served.api.openCollections { _, _ in }
            #expect(await served.answer("GET", "readyz").status == 200)
        }
        try await ServedAPI.run { served in
            try await served.fill("a")
            let opening = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await served.api.openCollections { _, _ in }
            }
            await #expect(throws: CancellationError.self) { try await opening.value }
            #expect(await served.answer("GET", "readyz").status == 503)
        }
    }

    @Test("/healthz and /livez need no key and no collection")
    func liveness() async throws {
        for key in [nil, "a-key"] {
            try await ServedAPI.run(key: key) { served in
                for path in ["healthz", "livez"] {
                    #expect(text(await served.answer("GET", path)) == "200 healthz check passed")
                }
            }
        }
    }
}
