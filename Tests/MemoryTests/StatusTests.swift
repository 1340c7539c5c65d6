import JSON
import Memory
import Testing
import VectorEngine

@Suite struct StatusTests {
    let world = TestWorld()

    private func stored(_ memory: MemoryStore, _ items: JSONValue...) async throws -> [String] {
        JSONValue.array(try await memory.storeItems(items)).strings("id")
    }

    @Test("Health is degraded while nothing can be written, and says why")
    func healthKnowsWhatIsInTheWayOfWrites() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([["content": "a"]])
        world.points.state.withLock { $0.writeObstacle = "the volume is read-only" }
        let health = try await memory.runStatus("health")["health"]
        #expect(health?["status"] == "degraded" && health?["degraded_reason"] == "the volume is read-only")
    }

    @Test func healthNamesTheModelAndThePlace() async throws {
        let health = try await world.memory().runStatus("health")["health"]
        #expect(health?["status"] == "ok" && health?["embedder"]?["name"] == "word-hash")
        #expect(health?["location"] == "memory" && health?["points"] == 0)
        let degraded = try await TestWorld().memory(embedder: nil).runStatus("health")["health"]
        #expect(degraded?["status"] == "degraded" && degraded?["degraded_reason"] != nil)
    }

    @Test func statisticsCountTheLivingByKindAndTheExpired() async throws {
        let memory = world.memory()
        _ = try await stored(
            memory, ["kind": "todo", "content": "a", "ttl_config": ["policy": "default"]],
            ["kind": "todo", "content": "b", "scope": ["project": "p"], "ttl_config": ["policy": "default"]],
            ["kind": "incident", "content": "c"])
        world.advance(seconds: 31 * 86_400)
        _ = try await stored(memory, ["kind": "risk", "content": "d"])
        let stats = try await memory.runStatus("stats")["stats"]
        #expect(stats?["items"] == 2 && stats?["expired"] == 2 && stats?["by_kind"] == ["incident": 1, "risk": 1])
        #expect(try await memory.runStatus("stats", ["scope": ["project": "p"]])["stats"]?["expired"] == 1)
    }

    @Test func aMemoryThatIsNotThereIsNotFound() async throws {
        let memory = world.memory()
        for operation in ["get_document", "delete"] {
            await #expect {
                try await memory.runStatus(operation, ["document_id": "01900000-0000-7000-8000-000000000000"])
            } throws: { ($0 as? MemoryError)?.code == .notFound && ($0 as? MemoryError)?.field == "document_id" }
            await #expect { try await memory.runStatus(operation) } throws: { ($0 as? MemoryError)?.code == .missing }
        }
    }

    @Test func deletionByIDIsADryRunUnlessToldOtherwise() async throws {
        let memory = world.memory()
        let ids = try await stored(memory, ["kind": "todo", "content": "zebra"], ["kind": "todo", "content": "horse"])
        let dry = try await memory.runStatus("delete", ["document_id": .string(ids[0])])["deletion"]
        #expect(dry == ["dry_run": true, "count": 1, "ids": [.string(ids[0])]])
        #expect(world.points.points().count == 2)
        let done = try await memory.runStatus("delete", ["document_id": .string(ids[0]), "dry_run": false])["deletion"]
        #expect(done?["dry_run"] == false && done?["count"] == 1)
        #expect(try await memory.findItems("zebra", ["mode": "fast"])["items"]?.strings("id").contains(ids[0]) == false)
        #expect(world.points.points().map(\.id.description) == [ids[1]])
    }

    @Test func deletionByFilterNeedsTheTokenOfExactlyThatWork() async throws {
        let memory = world.memory()
        _ = try await stored(
            memory, ["kind": "todo", "content": "a"], ["kind": "todo", "content": "b"],
            ["kind": "risk", "content": "c"])
        let filter: JSONObject = ["types": ["todo"]]
        let dry = try await memory.runStatus("delete", filter)["deletion"]
        #expect(dry?["count"] == 2 && dry?["ids"]?.arrayValue?.count == 2)
        var run = filter
        run["dry_run"] = false
        func refused(_ arguments: JSONObject, _ code: MemoryError.Code) async {
            await #expect { try await memory.runStatus("delete", arguments) } throws: {
                ($0 as? MemoryError)?.code == code
            }
        }
        await refused(run, .missing)
        run["confirmation_token"] = dry?["confirmation_token"]
        await refused(run.merging(["types": ["todo", "risk"]]) { $1 }, .denied)
        await refused(run.merging(["confirmation_token": "9999999999999999.x"]) { $1 }, .denied)
        _ = try await stored(memory, ["kind": "todo", "content": "new"])
        await refused(run, .denied)
        run["confirmation_token"] = try await memory.runStatus("delete", filter)["deletion"]?["confirmation_token"]
        world.advance(seconds: 600)
        await refused(run, .denied)
        #expect(world.points.points().count == 4)
        run["confirmation_token"] = try await memory.runStatus("delete", filter)["deletion"]?["confirmation_token"]
        #expect(try await memory.runStatus("delete", run)["deletion"]?["count"] == 3)
        #expect(world.points.points().count == 1)
        await refused([:], .missing)
    }

    @Test func resourcesListAndReadLivingMemories() async throws {
        let memory = world.memory()
        var ids: [String] = []
        for batch in 0..<3 {
            ids += JSONValue.array(
                try await memory.storeItems(
                    (0..<70).map { ["kind": "todo", "content": .string("n\(batch) \($0)")] },
                    ["global_ttl": ["policy": "default"]])
            ).strings("id")
        }
        let resources = MemoryResources(memory)
        var entries: [MemoryResources.Entry] = []
        var cursor: String?
        repeat {
            let page = try await resources.list(cursor: cursor)
            entries += page.entries
            cursor = page.next
        } while cursor != nil
        #expect(entries.map(\.uri) == ids.map { "memory://" + $0 })
        #expect(entries.first?.title == "n0 0")
        let contents = try await resources.read("memory://" + ids[5])
        #expect(try JSONParser.parse(contents.text)["content"] == "n0 5" && contents.entry == entries[5])
        for uri in ["memory://x", "http://x", "memory://01900000-0000-7000-8000-000000000000"] {
            await #expect { try await resources.read(uri) } throws: { ($0 as? MemoryError)?.code == .notFound }
        }
        await #expect(throws: MemoryError.self) { try await resources.list(cursor: "x") }
        world.advance(seconds: 31 * 86_400)
        #expect(try await resources.list().entries.isEmpty)
        await #expect(throws: MemoryError.self) { try await resources.read("memory://" + ids[5]) }
    }
}
