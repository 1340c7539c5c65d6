import Embedding
import Foundation
import JSON
import Memory
import TestSupport
import Testing
import VectorEngine

/// Moving to another embedder, and stores of earlier versions: the oracle is a store that was made so from the start.
@Suite struct ReembeddingTests {
    private static let other = WordHashEmbedder(
        identity: EmbedderIdentity(name: "other", revision: "7", dimension: 96))

    private func withStore(_ body: (EmbeddedStore) async throws -> Void) async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let engine = try EmbeddedStore(directory: scratch.path)
        try await body(engine)
        try await engine.close()
    }

    /// Sessions, a long text, a changed item with a former version.
    private func fill(_ memory: MemoryStore, _ world: TestWorld) async throws {
        let long = (0..<400).map { "the zebra of herd \($0) drinks." }.joined(separator: " ")
        let first: [JSONValue] = (0..<12).map { i in
            [
                "kind": "observation", "content": .string("okapi \(i) eats leaf \(i * 3)"),
                "source": ["session": .string("s\(i % 2)"), "actor": "Ana"],
            ]
        }
        _ = try await memory.storeItems(first + [["kind": "section", "content": .string(long)]])
        world.advance(seconds: 60)
        _ = try await memory.storeItems(
            [["kind": "observation", "content": "okapi 3 eats leaf 9 today", "source": ["actor": "Ana"]]],
            ["deduplication": ["merge_strategy": "prefer_newer"]])
    }

    private func vectors(_ engine: EmbeddedStore, _ name: String = "memories") async throws -> [PointID: [Float]] {
        let page = try await engine.scroll(ScrollRequest(limit: 1_000, parts: .all), in: name)
        return Dictionary(page.points.map { ($0.id, $0.vectors.dense["text"] ?? []) }) { first, _ in first }
    }

    @Test func everyVectorIsWhatTheOtherEmbedderWouldHaveStored() async throws {
        try await withStore { engine in
            try await withStore { fresh in
                let (world, freshWorld) = (TestWorld(), TestWorld())
                try await fill(world.memory(over: engine), world)
                try await fill(freshWorld.memory(over: fresh, embedder: Self.other), freshWorld)
                let memory = world.memory(over: engine, embedder: Self.other)
                await #expect { try await memory.findItems("okapi") } throws: {
                    ($0 as? MemoryError)?.message.contains("cortex reembed") == true
                }
                let report = try await memory.reembed(in: engine)
                #expect(report.former == "word-hash" && report.current == "other")
                #expect(report.points == report.embedded)
                let (moved, wanted) = (try await vectors(engine), try await vectors(fresh))
                #expect(moved.keys.sorted() == wanted.keys.sorted() && moved.count > 20)
                #expect(moved.values.allSatisfy { $0.count == 96 })
                let differing = moved.filter { id, vector in
                    zip(vector, wanted[id] ?? []).contains { abs($0 - $1) > 1e-5 }
                }
                // An item that was replaced was embedded without the one before it, and the item after it with its
                // former text; now they have their context as it is.
                #expect(differing.count == 2)
                #expect(try await vectors(engine, "memories.history").values.allSatisfy { $0.count == 96 })
                #expect(try await !engine.exists("memories.reembedding"))
                let then = try await memory.findItems(
                    "okapi leaf", ["as_of": .string(Timestamp.format(TestWorld.start + 30_000_000)), "limit": 30])
                #expect(then["items"]?.strings("content").contains("okapi 3 eats leaf 9") == true)
            }
        }
    }

    @Test func aStageOfAnotherEmbedderIsThrownAwayAndWhatChangedMeanwhileIsEmbedded() async throws {
        try await withStore { engine in
            let world = TestWorld()
            let old = world.memory(over: engine)
            try await fill(old, world)
            let failing = WordHashEmbedder(
                identity: EmbedderIdentity(name: "broken", revision: "1", dimension: 12),
                failure: EmbeddingError(.unavailable, "the service is down"))
            await #expect { try await world.memory(over: engine, embedder: failing).reembed(in: engine) } throws: {
                ($0 as? MemoryError)?.code == .dependency
            }
            #expect(try await engine.exists("memories.reembedding"))
            #expect(try await old.findItems("okapi")["meta"]?["degraded"] == false)
            // The writer stores while the other embeds, page after page.
            let memory = world.memory(over: engine, embedder: Self.other)
            async let report = memory.reembed(in: engine)
            var stored = 0
            for i in 0..<20 {
                do {
                    _ = try await old.storeItems([["kind": "todo", "content": .string("quagga number \(i * 7 + 100)")]])
                    stored += 1
                } catch let error as MemoryError {
                    #expect(error.code == .dependency, "\(error)")
                }
            }
            let moved = try await report
            #expect(moved.current == "other")
            let all = try await vectors(engine)
            #expect(all.values.allSatisfy { $0.count == 96 })
            let found = try await memory.findItems("quagga", ["mode": "fast", "limit": 100])
            #expect(found["items"]?.arrayValue?.count == stored, "an acknowledged item is lost")
            await #expect(throws: MemoryError.self) { try await old.findItems("okapi") }
            #expect(try await memory.reembed(in: engine).embedded == 0)
        }
    }

    @Test func nothingStoredAndAnotherAnalyserAreRefusedByName() async throws {
        try await withStore { engine in
            let world = TestWorld()
            await #expect { try await world.memory(over: engine).reembed(in: engine) } throws: {
                ($0 as? MemoryError)?.code == .notFound
            }
            try await engine.createCollection(
                "memories", schema: CollectionSchema(metadata: ["analyser": "of another time"]))
            await #expect { try await world.memory(over: engine).reembed(in: engine) } throws: {
                ($0 as? MemoryError)?.message.contains("analyser") == true
            }
        }
    }

    // MARK: Stores of earlier versions

    /// What a version without traits had stored: the same points without the members that came later.
    private func makeOld(_ engine: EmbeddedStore, from new: EmbeddedStore) async throws {
        let later: Set<String> = ["occurred_at", "traits", "names", "links", "identities"]
        var schema = try #require(try await new.describe("memories")).schema
        schema.payloadIndexes = schema.payloadIndexes.filter { !later.contains($0.key) }
        try await engine.createCollection("memories", schema: schema)
        let page = try await new.scroll(ScrollRequest(limit: 1_000, parts: .all), in: "memories")
        try await engine.upsert(
            page.points.map { point in
                var point = point
                point.payload = Payload(point.payload.object.filter { !later.contains($0.key) })
                return point
            }, in: "memories")
        try await engine.sealNow("memories")
    }

    @Test func aStoreOfAnEarlierVersionRanksLikeANewOneAfterItsUpgrade() async throws {
        try await withStore { new in
            try await withStore { engine in
                let world = TestWorld()
                let fresh = world.memory(over: new)
                try await fill(fresh, world)
                try await makeOld(engine, from: new)
                let memory = world.memory(over: engine)
                let arguments: JSONObject = ["formatting": ["include_similarity_explanation": true], "limit": 30]
                let query = "how many leaves did Ana's okapi eat on 31 January 2026"
                let wanted = try await fresh.findItems(query, arguments)["items"]
                #expect(try await memory.findItems(query, arguments)["items"] != wanted)
                let changed = try #require(try await memory.upgrade(engine)).changedPoints
                let count = try await engine.count(nil, in: "memories")
                #expect(changed == count)
                #expect(try await memory.findItems(query, arguments)["items"] == wanted)
                #expect(try await memory.upgrade(engine) == UpgradeReport(), "there is nothing left to do")
                #expect(try await engine.verify("memories").isSound)
                // And after the next opening, from the stored segment.
                try await engine.sealNow("memories")
                try await engine.close()
                #expect(try await memory.findItems(query, arguments)["items"] == wanted)
            }
        }
    }
}
