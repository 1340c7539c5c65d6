import JSON
import Memory
import Testing
import VectorEngine

/// Two processes write one memory: the second has read it before the first wrote.
@Suite struct LostUpdateTests {
    let world = TestWorld()

    private func stored(_ memory: MemoryStore, _ item: JSONValue) async throws -> UUIDBytes {
        try #require(try await memory.storeItems([item])[0]["id"]?.stringValue.flatMap { UUIDBytes($0) })
    }

    private func payload(_ id: UUIDBytes) throws -> JSONObject {
        try #require(world.points.points().first { $0.id == .uuid(id) }?.payload.object)
    }

    private func change(_ memory: MemoryStore, _ id: UUIDBytes, _ members: JSONObject) async throws {
        let arguments = members.merging(["id": .string(id.description)]) { $1 }
        _ = try await memory.callUpdate(arguments: arguments, context: CallContext())
    }

    private func read(_ memory: MemoryStore, _ id: UUIDBytes) async throws {
        _ = try await memory.callGet(arguments: ["ids": [.string(id.description)]], context: CallContext())
    }

    @Test("two processes that store one copy at one moment are both counted, and both keys are kept")
    func copiesAreCounted() async throws {
        let (one, other) = (world.memory(), world.memory())
        let id = try await stored(one, ["kind": "todo", "content": "warm up"])
        world.points.beforeNextWrite {
            _ = try await one.storeItems([["kind": "todo", "content": "warm up", "idempotency_key": "A"]])
        }
        _ = try await other.storeItems([["kind": "todo", "content": "warm up", "idempotency_key": "B"]])
        #expect(try payload(id)["seen"] == 3)
        #expect(try payload(id)["idempotency_keys"]?.arrayValue?.count == 2)
    }

    @Test("an update keeps the count of a copy that was stored while it was made")
    func anUpdateKeepsTheCount() async throws {
        let (one, other) = (world.memory(), world.memory())
        let id = try await stored(one, ["kind": "todo", "content": "warm up"])
        world.points.beforeNextWrite { _ = try await one.storeItems([["kind": "todo", "content": "warm up"]]) }
        try await change(other, id, ["tags": ["b"]])
        #expect(try payload(id)["seen"] == 2 && payload(id)["tags"] == ["b"])
    }

    @Test("a read does not give an end to a memory that was made permanent while it was read")
    func permanentStays() async throws {
        let (one, other) = (world.memory(), world.memory())
        let id = try await stored(
            one, ["kind": "todo", "content": "x", "ttl_config": ["policy": "short", "auto_extend": true]])
        let arguments: JSONObject = ["id": .string(id.description), "ttl_config": ["policy": "permanent"]]
        world.points.beforeNextWrite { _ = try await one.callUpdate(arguments: arguments, context: CallContext()) }
        try await read(other, id)
        #expect(try payload(id)["expires_at"] == nil && payload(id)["renewal"] == nil)
    }

    @Test("an update keeps the end that a read moved while it was made")
    func anUpdateKeepsTheLaterEnd() async throws {
        let (one, other) = (world.memory(), world.memory())
        let id = try await stored(
            one, ["kind": "todo", "content": "x", "ttl_config": ["policy": "short", "auto_extend": true]])
        let before = try #require(try payload(id)["expires_at"]?.integerValue)
        world.points.beforeNextWrite {
            _ = try await one.callGet(arguments: ["ids": [.string(id.description)]], context: CallContext())
        }
        try await change(other, id, ["content": "y"])
        #expect(try payload(id)["content"] == "y")
        #expect(try #require(try payload(id)["expires_at"]?.integerValue) > before)
    }

    @Test("a memory that is deleted while it is changed leaves no version")
    func deletedTextLeavesNoVersion() async throws {
        let (one, other) = (world.memory(), world.memory())
        let id = try await stored(one, ["kind": "todo", "content": "secret"])
        world.points.beforeNextWrite { try await one.delete([id]) }
        await #expect { try await change(other, id, ["content": "public"]) } throws: {
            ($0 as? MemoryError)?.code == .notFound
        }
        #expect(world.points.points().isEmpty && world.points.points(in: "memories.history").isEmpty)
    }

    @Test("an import goes on when another process has changed one of its memories")
    func anImportTriesAgain() async throws {
        let (one, other) = (world.memory(), world.memory())
        let id = try await stored(one, ["kind": "todo", "content": "first"])
        var item = try #require(try await one.get([id]).first)
        item["content"] = "edited"
        world.points.beforeNextWrite { _ = try await one.storeItems([["kind": "todo", "content": "first"]]) }
        #expect(try await other.importItems([item]).updated == 1)
        #expect(try payload(id)["content"] == "edited")
    }

    @Test("an import leaves accepted decisions as they are, and of two lines of one memory the newer holds")
    func anImportAsksTheRules() async throws {
        let memory = world.memory()
        let id = try await stored(
            memory, ["kind": "decision", "data": ["component": "db", "title": "x", "status": "accepted"]])
        var item = try #require(try await memory.get([id]).first)
        item["data"] = ["component": "db", "title": "x", "status": "rejected"]
        #expect(try await memory.importItems([item]).refusals.map(\.index) == [0])
        #expect(try await memory.get([id]).first?["data"]?["status"] == "accepted")

        let other = try await stored(memory, ["kind": "todo", "content": "first"])
        var newer = try #require(try await memory.get([other]).first)
        newer["content"] = "newer"
        newer["updated_at"] = "2027-01-02T00:00:00Z"
        var older = newer
        older["content"] = "older"
        older["updated_at"] = "2027-01-01T00:00:00Z"
        _ = try await memory.importItems([newer, older])
        #expect(try await memory.get([other]).first?["content"] == "newer")
    }

    @Test("a batch keeps what an earlier item of it has joined to the memory that a later one changes")
    func aBatchKeepsWhatItJoined() async throws {
        let memory = world.memory()
        let id = try await stored(memory, ["kind": "todo", "content": "the importer reads the feed", "tags": ["z"]])
        _ = try await memory.storeItems(
            [
                ["kind": "todo", "content": "the importer reads the feed", "tags": ["a"], "idempotency_key": "K"],
                ["kind": "todo", "content": "the importer reads the long feed", "tags": ["b"]],
            ], ["deduplication": ["merge_strategy": "combine", "similarity_threshold": 0.5]])
        #expect(try payload(id)["tags"] == ["z", "a", "b"])
        #expect(try payload(id)["seen"] == 2 && payload(id)["idempotency_keys"]?.arrayValue?.count == 1)
    }

    @Test("an expired memory does not answer for its idempotency key")
    func anExpiredKeyIsFree() async throws {
        let memory = world.memory()
        let item: JSONValue = [
            "kind": "todo", "content": "x", "idempotency_key": "K", "ttl_config": ["policy": "short"],
        ]
        let first = try await stored(memory, item)
        world.advance(seconds: 2 * 86_400)
        let second = try await stored(memory, item)
        #expect(first != second)
        #expect(try await stored(memory, item) == second)
    }

    @Test("an update that passes the limits of content or data is refused")
    func limitsHoldForUpdates() async throws {
        let memory = world.memory()
        let id = try await stored(memory, ["kind": "todo", "content": "x"])
        var update = MemoryUpdate(id)
        update.content = String(repeating: "a", count: 200_001)
        let long = update
        await #expect { try await memory.update(long) } throws: { ($0 as? MemoryError)?.field == "content" }
        update = MemoryUpdate(id)
        update.data = ["one": .string(String(repeating: "a", count: 200_000))]
        _ = try await memory.update(update)
        update.data = ["two": .string(String(repeating: "a", count: 200_000))]
        let large = update
        await #expect { try await memory.update(large) } throws: { ($0 as? MemoryError)?.field == "data" }
    }

    @Test("a todo that depends on itself by way of ids is refused, whatever the ids' spelling")
    func circlesByIdAreSeen() async throws {
        let memory = world.memory()
        let a = try await stored(memory, ["kind": "todo", "data": ["title": "a"]])
        let b = try await stored(
            memory, ["kind": "todo", "data": ["title": "b", "dependencies": [.string(a.description)]]])
        for id in [b.description, "memory://\(b)", a.description.uppercased()] {
            await #expect { try await change(memory, a, ["data": ["dependencies": [.string(id)]]]) } throws: {
                ($0 as? MemoryError)?.code == .denied
            }
        }
    }

    @Test("texts with the same words are two memories when only one has data")
    func dataOnOneSideCounts() async throws {
        let memory = world.memory()
        let near: JSONObject = ["deduplication": ["similarity_threshold": 0.3]]
        _ = try await memory.storeItems([["content": "The service isn't encrypted"]], near)
        let results = try await memory.storeItems(
            [["content": "The service is not encrypted", "data": ["environment": "staging"]]], near)
        #expect(results[0]["status"] == "stored")
    }

    @Test("no hit is shown below min_relevance, and a cursor that is none of the list's is refused")
    func shownScoresAndCursors() async throws {
        let memory = world.memory()
        for text in ["green tea in the morning", "black coffee", "tea"] {
            _ = try await memory.storeItems([["kind": "todo", "content": .string(text)]])
        }
        let scores = try await memory.findItems("tea", ["min_relevance": 0.8])["items"]?.arrayValue ?? []
        #expect(scores.allSatisfy { ($0["score"]?.doubleValue ?? 0) >= 0.8 })
        await #expect {
            try await memory.callList(arguments: ["what": "projects", "cursor": "garbage"], context: CallContext())
        } throws: { ($0 as? MemoryError)?.field == "cursor" }
    }

    @Test("auto_extend alone is taken where there is an end, and refused where there is none")
    func autoExtendAlone() async throws {
        let memory = world.memory()
        let id = try await stored(memory, ["kind": "todo", "content": "x", "ttl_config": ["policy": "short"]])
        try await change(memory, id, ["ttl_config": ["auto_extend": true]])
        #expect(try payload(id)["renewal"] != nil)
        let other = try await stored(memory, ["kind": "todo", "content": "y"])
        await #expect { try await change(memory, other, ["ttl_config": ["auto_extend": true]]) } throws: {
            ($0 as? MemoryError)?.field == "ttl_config.auto_extend"
        }
    }
}
