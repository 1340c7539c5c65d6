import Foundation
import JSON
import Memory
import TestSupport
import Testing
import VectorEngine

/// `enable_caching`: a result is remembered for as long as nothing has changed.
@Suite struct FindCacheTests {
    private func withStore(_ body: (TestWorld, EmbeddedStore) async throws -> Void) async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let engine = try EmbeddedStore(directory: scratch.path)
        try await body(TestWorld(), engine)
        try await engine.close()
    }

    private static let caching: JSONObject = ["optimization": ["enable_caching": true]]

    private func isCached(_ answer: JSONValue) -> Bool { answer["meta"]?["cached"]?.boolValue ?? false }

    @Test func theSameSearchIsRememberedUntilAnythingChanges() async throws {
        try await withStore { world, engine in
            let memory = world.memory(over: engine)
            let stored = try await memory.storeItems([["kind": "todo", "content": "feed the zebra"]])
            let first = try await memory.findItems("zebra", Self.caching)
            let second = try await memory.findItems("zebra", Self.caching)
            #expect(!isCached(first) && isCached(second) && first["items"] == second["items"])
            #expect(first["meta"]?["search_id"] != second["meta"]?["search_id"])
            #expect(!isCached(try await memory.findItems("zebra")), "nobody asked for it")
            var narrower = Self.caching
            narrower["limit"] = 3
            #expect(!isCached(try await memory.findItems("zebra", narrower)))
            let cache = try await memory.runStatus("telemetry")["telemetry"]?["cache"]
            #expect(cache == ["hits": 1, "misses": 2])
            // Another process's change counts as one's own.
            let other = world.memory(over: engine)
            _ = try await other.storeItems([["kind": "todo", "content": "wash the zebra"]])
            let third = try await memory.findItems("zebra", Self.caching)
            #expect(!isCached(third) && third["items"]?.arrayValue?.count == 2)
            _ = try await memory.runStatus("delete", ["document_id": stored[0]["id"] ?? .null, "dry_run": false])
            let fourth = try await memory.findItems("zebra", Self.caching)
            #expect(!isCached(fourth) && fourth["items"]?.arrayValue?.count == 1)
        }
    }

    @Test("another collection that takes the place of the first, with as many changes, is searched")
    func anAdoptedCollectionIsSearched() async throws {
        try await withStore { world, engine in
            let memory = world.memory(over: engine)
            _ = try await memory.storeItems([["kind": "todo", "content": "feed the zebra"]])
            _ = try await memory.findItems("zebra", Self.caching)
            try await withStore { other, elsewhere in
                let second = other.memory(over: elsewhere)
                _ = try await second.storeItems([["kind": "todo", "content": "wash the zebra"]])
                for name in try await elsewhere.collectionNames() {
                    let (ours, theirs) = (try await engine.describe(name), try await elsewhere.describe(name))
                    #expect(ours?.sequence == theirs?.sequence)
                    let copy = elsewhere.directory + "/copy"
                    try await elsewhere.copy(name, to: copy)
                    try await engine.adopt(copy, as: name)
                }
            }
            let found = try await memory.findItems("zebra", Self.caching)
            #expect(!isCached(found) && found["items"]?.arrayValue?.first?["content"] == "wash the zebra")
        }
    }

    @Test func whatExpiresMeanwhileIsNotAnsweredFromMemory() async throws {
        try await withStore { world, engine in
            let memory = world.memory(over: engine)
            let end = Timestamp.format(world.now + 30_000_000)
            _ = try await memory.storeItems([
                ["kind": "todo", "content": "feed the zebra", "ttl_config": ["expires_at": .string(end)]]
            ])
            #expect(try await memory.findItems("zebra", Self.caching)["items"]?.arrayValue?.count == 1)
            world.advance(seconds: 31)
            let later = try await memory.findItems("zebra", Self.caching)
            #expect(!isCached(later) && later["items"] == [])
            world.advance(seconds: 59)
            #expect(isCached(try await memory.findItems("zebra", Self.caching)))
            world.advance(seconds: 2)
            #expect(!isCached(try await memory.findItems("zebra", Self.caching)), "a minute is over")
        }
    }

    @Test func aStoreThatDoesNotNumberItsChangesIsAlwaysAsked() async throws {
        let memory = TestWorld().memory()
        _ = try await memory.storeItems([["kind": "todo", "content": "feed the zebra"]])
        for _ in 0..<2 { #expect(!isCached(try await memory.findItems("zebra", Self.caching))) }
        // What reading prolongs has to be read.
        try await withStore { world, engine in
            let memory = world.memory(over: engine)
            _ = try await memory.storeItems([
                ["kind": "todo", "content": "okapi", "ttl_config": ["policy": "short", "auto_extend": true]]
            ])
            for _ in 0..<2 { #expect(!isCached(try await memory.findItems("okapi", Self.caching))) }
        }
    }
}
