import JSON
import Memory
import Testing

@Suite struct GraphTests {
    let world = TestWorld()

    private func entity(_ name: String, _ scope: JSONObject = [:]) -> JSONValue {
        [
            "kind": "entity", "content": .string("entry on \(name)"), "scope": .object(scope),
            "data": ["entity_type": "service", "name": .string(name)],
        ]
    }

    private func relation(_ from: String, _ to: String, _ type: String) -> JSONValue {
        [
            "kind": "relation", "content": .string("edge \(from)\(to)"),
            "data": [
                "from_entity_type": "service", "from_entity_id": .string(from), "to_entity_type": "service",
                "to_entity_id": .string(to), "relation_type": .string(type),
            ],
        ]
    }

    /// alpha — beta — gamma — alpha: a circle, and delta beside it.
    private func circle() async throws -> (memory: MemoryStore, ids: [String]) {
        let memory = world.memory()
        let items =
            ["alpha", "beta", "gamma", "delta"].map { entity($0) } + [
                relation("alpha", "beta", "calls"), relation("beta", "gamma", "calls"),
                relation("gamma", "alpha", "owns"),
            ]
        let results = try await memory.storeItems(items, ["deduplication": ["enabled": false]])
        return (memory, JSONValue.array(results).strings("id"))
    }

    @Test func expansionReachesRelatedItemsWithDepthPathAndCycles() async throws {
        let (memory, ids) = try await circle()
        let found = try await memory.findItems(
            "alpha", ["mode": "fast", "limit": 10, "graph_expansion": ["expansion_type": "all", "max_depth": 5]])
        let nodes = found["graph"]?["nodes"]?.arrayValue ?? []
        let nodeIDs = found["graph"]?["nodes"]?.strings("id") ?? []
        #expect(!nodeIDs.contains(ids[3]))
        let cycles = found["graph"]?["cycles"]?.integerValue ?? 0
        #expect(cycles > 0)
        #expect(nodes.allSatisfy { ($0["path"]?.arrayValue?.count ?? 0) == Int($0["depth"]?.integerValue ?? 0) + 1 })
        let reached = (found["items"]?.arrayValue ?? []).filter { $0["match_type"] == "expanded" }
        let reachedIDs = JSONValue.array(reached).strings("id")
        #expect(reachedIDs.contains(ids[2]))
    }

    @Test func withoutExpansionThereIsNoGraph() async throws {
        let (memory, _) = try await circle()
        #expect(try await memory.findItems("alpha", ["mode": "fast"])["graph"] == nil)
        let limited = try await memory.findItems(
            "alpha", ["mode": "fast", "graph_expansion": ["expansion_type": "all", "max_nodes": 1]])
        #expect(limited["graph"]?["nodes"]?.arrayValue?.count == 1 && limited["graph"]?["truncated"] == true)
    }

    @Test func onlyRelationsOfTheTypesAskedForAreWalked() async throws {
        let (memory, ids) = try await circle()
        let found = try await memory.findItems(
            "entry delta", ["mode": "fast", "limit": 1, "expand": "all"])
        #expect(found["graph"]?["nodes"] == [] && found["items"]?.strings("id") == [ids[3]])
        let owned = try await memory.findItems(
            "entry gamma",
            ["mode": "fast", "limit": 1, "graph_expansion": ["expansion_type": "all", "relation_types": ["owns"]]])
        let types = Set((owned["graph"]?["edges"]?.strings("type") ?? []))
        #expect(types == ["owns"])
    }

    @Test func expansionStaysInTheScopeThatIsAskedFor() async throws {
        let memory = world.memory()
        let results = try await memory.storeItems(
            [entity("alpha", ["tenant": "a"]), entity("beta", ["tenant": "b"])]
                + [
                    [
                        "kind": "relation", "content": "edge", "scope": ["tenant": "a"],
                        "data": [
                            "from_entity_type": "s", "from_entity_id": "alpha", "to_entity_type": "s",
                            "to_entity_id": "beta", "relation_type": "calls",
                        ],
                    ]
                ])
        let ids = JSONValue.array(results).strings("id")
        let found = try await memory.findItems(
            "alpha", ["mode": "fast", "scope": ["tenant": "a"], "graph_expansion": ["enabled": true, "max_depth": 5]])
        let nodes = found["graph"]?["nodes"]?.strings("id") ?? []
        #expect(!nodes.contains(ids[1]))
        let foundIDs = found["items"]?.strings("id") ?? []
        #expect(!foundIDs.contains(ids[1]))
    }

    @Test func varietyBringsForwardWhatIsUnlikeTheFirst() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems(
            ["zebra herd river", "zebra herd river bank", "zebra museum"].map {
                ["kind": "observation", "content": .string($0)]
            }, ["deduplication": ["enabled": false]])
        let plain = try await memory.findItems("zebra herd river")["items"]?.strings("content")
        let varied = try await memory.findItems("zebra herd river", ["optimization": ["diversity": 1]])["items"]?
            .strings("content")
        #expect(plain?[1] == "zebra herd river bank" && varied?[1] == "zebra museum")
    }

    @Test func recencyBringsForwardTheNewerOfTwoAlike() async throws {
        let memory = world.memory()
        func note(_ day: String) -> JSONValue {
            [
                "kind": "observation", "content": "zebra seen", "source": ["timestamp": .string(day)],
                "metadata": ["d": .string(day)],
            ]
        }
        _ = try await memory.storeItems(
            [note("2025-01-01"), note("2026-01-30")], ["deduplication": ["enabled": false]])
        let found = try await memory.findItems("zebra", ["optimization": ["recency_weight": 0.5]])
        #expect(found["items"]?.arrayValue?[0]["metadata"]?["d"] == "2026-01-30")
    }
}
