import JSON
import Memory
import TestSupport
import Testing
import VectorEngine

/// A memory lives until somebody deletes it or until an expiry that somebody set.
@Suite struct PermanenceTests {
    let world = TestWorld()

    @Test("a memory of any kind that nobody gave an expiry is found after ten years")
    func everyKindIsPermanent() async throws {
        let memory = world.memory()
        let kinds = MemoryKind.allCases.map(\.rawValue)
        let results = try await memory.storeItems(
            kinds.map { ["kind": .string($0), "content": .string("about \($0) zebra")] })
        #expect(results.allSatisfy { $0["expires_at"] == nil })
        world.advance(seconds: 10 * 366 * 86_400)
        #expect(try await memory.sweep() == 0)
        #expect(try await memory.findItems("zebra", ["limit": 50])["total"] == 16)
    }

    @Test("statistics count the memories that end within seven days")
    func statisticsCountWhatEndsThisWeek() async throws {
        let memory = world.memory()
        for (text, policy) in [("a", "short"), ("b", "default"), ("c", "permanent"), ("d", "short")] {
            _ = try await memory.storeItems([
                ["kind": "todo", "content": .string(text), "ttl_config": ["policy": .string(policy)]]
            ])
        }
        #expect(try await memory.runStatus("stats")["stats"]?["expiring_this_week"] == 2)
        world.advance(seconds: 25 * 86_400)
        #expect(try await memory.runStatus("stats")["stats"]?["expiring_this_week"] == 1)
    }

    /// Gives stored points members that an earlier version wrote.
    private func makeOld(_ engine: EmbeddedStore, _ id: String, policy: String, expiresAt: Int64) async throws {
        let members: JSONObject = ["ttl_policy": .string(policy), "expires_at": .integer(expiresAt)]
        try await engine.mergePayload(
            Payload(members), of: .ids([.uuid(try #require(UUIDBytes(id)))]), in: "memories")
    }

    @Test("an upgrade removes the expiries that nobody asked for, keeps the others, and says how many it removed")
    func anUpgradeRemovesUnaskedExpiries() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let engine = try EmbeddedStore(directory: scratch.path)
        let memory = world.memory(over: engine)
        let policies = ["default", "kind", "short", "long", "explicit"]
        let results = try await memory.storeItems(
            policies.map { ["kind": "todo", "content": .string("zebra \($0)")] })
        for (result, policy) in zip(results, policies) {
            let id = result["id"]?.stringValue ?? ""
            try await makeOld(engine, id, policy: policy, expiresAt: TestWorld.start + 1_000_000)
        }
        world.advance(seconds: 100)
        // What nobody asked for does not count even before the upgrade.
        func texts() async throws -> [String] {
            try await memory.findItems("zebra")["items"]?.strings("content").sorted() ?? []
        }
        let unasked = ["zebra default", "zebra kind"]
        #expect(try await texts() == unasked)
        #expect(try await memory.upgrade(engine)?.removedExpiries == 2)
        #expect(try await texts() == unasked)
        #expect(try await memory.sweep() == 3)
        #expect(try await engine.count(nil, in: "memories") == 2)
        #expect(try await memory.runStatus("stats")["stats"]?["expiries_removed"] == 2)
        #expect(try await memory.upgrade(engine) == UpgradeReport())
        // A 30-day expiry that is asked for now is kept.
        _ = try await memory.storeItems([
            ["kind": "todo", "content": "okapi", "ttl_config": ["policy": "default"]]
        ])
        #expect(try await memory.upgrade(engine) == UpgradeReport())
        world.advance(seconds: 31 * 86_400)
        #expect(try await memory.findItems("okapi", ["mode": "fast"])["total"] == 0)
        try await engine.close()
    }
}
