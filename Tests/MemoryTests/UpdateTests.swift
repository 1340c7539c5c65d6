import JSON
import Memory
import Testing
import VectorEngine

@Suite struct UpdateTests {
    let world = TestWorld()

    private func stored(_ memory: MemoryStore, _ item: JSONValue) async throws -> UUIDBytes {
        try #require(try await memory.storeItems([item])[0]["id"]?.stringValue.flatMap { UUIDBytes($0) })
    }

    private func versions(_ memory: MemoryStore, _ id: UUIDBytes) async throws -> [JSONValue] {
        let arguments: JSONObject = [
            "document_id": .string(id.description), "response_formatting": ["verbose": true],
        ]
        return try await memory.runStatus("get_document", arguments)["versions"]?.arrayValue ?? []
    }

    @Test("an update changes what it names, null removes a field, and the former version is kept")
    func anUpdateMergesAndKeeps() async throws {
        let memory = world.memory()
        let id = try await stored(
            memory,
            [
                "kind": "todo", "content": "paint the fence", "tags": ["a"], "metadata": ["m": 1, "n": 2],
                "data": ["status": "pending", "owner": "Ana", "deep": ["x": 1, "y": 2]],
            ])
        world.advance(seconds: 60)
        var update = MemoryUpdate(id)
        update.content = "paint the gate"
        update.data = ["status": "done", "owner": .null, "deep": ["x": .null]]
        update.metadata = ["n": .null]
        update.tags = ["b"]
        let done = try await memory.update(update)
        #expect(done.isChanged && done.version == 2)
        let now = try #require(try await memory.get([id]).first)
        #expect(now["content"] == "paint the gate" && now["data"] == ["status": "done", "deep": ["y": 2]])
        #expect(now["metadata"] == ["m": 1] && now["tags"] == ["b"])
        let kept = try await versions(memory, id)
        #expect(kept.count == 1 && kept[0]["content"] == "paint the fence" && kept[0]["version"] == 1)
        #expect(kept[0]["data"]?["owner"] == "Ana")
        #expect(try await memory.findItems("gate", ["mode": "fast"])["items"]?.strings("id") == [id.description])
        #expect(try await memory.findItems("fence", ["mode": "fast"])["total"] == 0)
    }

    @Test("a version is restored by its number, as a new version")
    func aVersionIsRestored() async throws {
        let memory = world.memory()
        let id = try await stored(memory, ["kind": "todo", "content": "first"])
        for text in ["second", "third"] {
            world.advance(seconds: 1)
            var update = MemoryUpdate(id)
            update.content = text
            _ = try await memory.update(update)
        }
        var update = MemoryUpdate(id)
        update.restore = 1
        #expect(try await memory.update(update).version == 4)
        #expect(try await memory.get([id]).first?["content"] == "first")
        #expect(try await versions(memory, id).map { $0["content"] } == ["first", "second", "third"])
        update.restore = 9
        await #expect { try await memory.update(update) } throws: {
            ($0 as? MemoryError)?.field == "restore" && "\($0)".contains("1, 2, 3")
        }
    }

    @Test("a restored version has the end that it had, unless that has passed")
    func aVersionIsRestoredWithItsEnd() async throws {
        let memory = world.memory()
        let id = try await stored(memory, ["kind": "todo", "content": "first"])
        func change(_ members: JSONObject) async throws -> JSONValue? {
            world.advance(seconds: 1)
            let arguments = members.merging(["id": .string(id.description)]) { $1 }
            _ = try await memory.callUpdate(arguments: arguments, context: CallContext())
            return try await memory.get([id]).first?["expires_at"]
        }
        #expect(try await change(["content": "second", "ttl_config": ["policy": "short"]]) != nil)
        #expect(try await change(["restore": 1]) == nil)
        // The end of the second version has passed: what is restored keeps the present one.
        world.advance(seconds: 2 * 24 * 3600)
        #expect(try await change(["restore": 2]) == nil)
        #expect(try await memory.get([id]).first?["content"] == "second")
    }

    @Test("an update that expects another version is refused, and one that changes nothing keeps no version")
    func theExpectedVersionIsChecked() async throws {
        let memory = world.memory()
        let id = try await stored(memory, ["kind": "todo", "content": "first"])
        var update = MemoryUpdate(id)
        update.content = "second"
        update.expectedVersion = 1
        #expect(try await memory.update(update).version == 2)
        update.content = "third"
        await #expect { try await memory.update(update) } throws: { ($0 as? MemoryError)?.field == "expected_version" }
        update.expectedVersion = 2
        update.content = "second"
        let same = try await memory.update(update)
        #expect(!same.isChanged && same.version == 2)
        #expect(try await versions(memory, id).count == 1)
    }

    @Test("approved sections and accepted decisions are not changed, and rules count for updates too")
    func rulesHold() async throws {
        let memory = world.memory()
        let section = try await stored(
            memory, ["kind": "section", "data": ["title": "a", "heading": "b", "body_md": "c"], "tags": ["approved"]])
        let decision = try await stored(
            memory, ["kind": "decision", "data": ["component": "db", "title": "x", "status": "accepted"]])
        let incident = try await stored(memory, ["kind": "incident", "content": "fire"])
        let changes: [(UUIDBytes, String, JSONValue)] = [
            (section, "body_md", "d"), (decision, "title", "y"), (incident, "severity", "critical"),
        ]
        for (id, name, value) in changes {
            let data: JSONObject = [name: value]
            var update = MemoryUpdate(id)
            update.data = data
            await #expect { try await memory.update(update) } throws: { ($0 as? MemoryError)?.code == .denied }
        }
    }

    @Test("an expiry that an update asks for is set, and permanent takes it away")
    func anExpiryIsChanged() async throws {
        let memory = world.memory()
        let id = try await stored(memory, ["kind": "todo", "content": "first"])
        var update = MemoryUpdate(id)
        update.expiry = .policy("short")
        #expect(try await memory.update(update).json()["expires_at"] != nil)
        update.expiry = .policy("permanent")
        #expect(try await memory.update(update).json()["expires_at"] == nil)
    }

    @Test("texts that an earlier version replaced are listed and come back beside what took their place")
    func lostTextsComeBack() async throws {
        let memory = world.memory()
        let newer: JSONObject = ["deduplication": ["merge_strategy": "prefer_newer", "similarity_threshold": 0.5]]
        for text in ["the importer reads the feed at dawn", "the exporter reads the feed at dawn"] {
            _ = try await memory.storeItems([["kind": "todo", "content": .string(text)]], newer)
            world.advance(seconds: 1)
        }
        #expect(try await memory.lostTexts().isEmpty, "this version says why it replaced")
        for version in world.points.points(in: "memories.history") {
            try await world.points.mergePayload(
                Payload(["replaced_by": .null]), of: .ids([version.id]), in: "memories.history")
        }
        let lost = try await memory.lostTexts()
        #expect(lost.map(\.text) == ["the importer reads the feed at dawn"])
        #expect(lost.map(\.current) == ["the exporter reads the feed at dawn"] && lost.map(\.version) == [1])
        #expect(try await memory.bringBack(lost).map(\.status) == [.stored])
        #expect(try await memory.lostTexts().isEmpty)
        #expect(try await memory.findItems("feed")["total"] == 2)
    }
}
