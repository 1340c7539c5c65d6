import JSON
import Memory
import Testing

/// Export and import: whole, twice, and of two stores into one.
@Suite struct ExchangeTests {
    private func exported(_ memory: MemoryStore) async throws -> [JSONObject] {
        var items: [JSONObject] = []
        var cursor: JSONValue?
        repeat {
            var arguments: JSONObject = ["limit": 3]
            arguments["cursor"] = cursor
            let page = try await memory.runStatus("export", arguments)
            items += (page["items"]?.arrayValue ?? []).compactMap(\.objectValue)
            cursor = page["next_cursor"]
        } while cursor != nil
        return items
    }

    private func filled(_ world: TestWorld, _ prefix: String) async throws -> MemoryStore {
        let memory = world.memory()
        let newer: JSONObject = ["deduplication": ["merge_strategy": "prefer_newer", "similarity_threshold": 0.6]]
        for i in 0..<7 {
            _ = try await memory.storeItems(
                [
                    [
                        "kind": "todo", "content": .string("\(prefix) number \(i)"), "tags": ["t"],
                        "data": ["title": .string("\(prefix) \(i)")],
                    ]
                ], newer)
            world.advance(seconds: 1)
        }
        _ = try await memory.storeItems(
            [
                [
                    "kind": "todo", "content": .string("\(prefix) number 0"), "metadata": ["changed": true],
                    "data": ["title": .string("\(prefix) 0")],
                ]
            ], newer)
        return memory
    }

    @Test func anImportedStoreExportsTheSameAndASecondImportChangesNothing() async throws {
        let source = try await filled(TestWorld(), "zebra")
        let items = try await exported(source)
        #expect(items.count == 7 && items[0]["versions"]?.arrayValue?.count == 1)
        let target = TestWorld().memory()
        let first = try await target.importItems(items)
        #expect(first.added == 7 && first.versions == 1 && first.updated == 0)
        #expect(try await exported(target) == items)
        let second = try await target.importItems(items)
        #expect(second.unchanged == 7 && second.added == 0 && second.updated == 0 && second.versions == 0)
        #expect(try await exported(target) == items)
        #expect(
            try await target.findItems("zebra number 3", ["limit": 1])["items"]?.strings("content") == [
                "zebra number 3"
            ])
    }

    @Test func twoStoresMergeIntoOneWhicheverComesFirst() async throws {
        let world = TestWorld()
        let a = try await filled(world, "zebra")
        let other = TestWorld()
        other.advance(seconds: 1_000)
        let b = try await filled(other, "okapi")
        let (fromA, fromB) = (try await exported(a), try await exported(b))
        let left = TestWorld().memory(), right = TestWorld().memory()
        _ = try await left.importItems(fromA)
        _ = try await left.importItems(fromB)
        _ = try await right.importItems(fromB)
        _ = try await right.importItems(fromA)
        let merged = try await exported(left)
        #expect(merged.count == 14)
        #expect(try await exported(right) == merged)
    }

    @Test func theNewerFormOfAMemoryHoldsAndTheOlderBecomesAVersion() async throws {
        let world = TestWorld()
        let source = try await filled(world, "zebra")
        let old = try await exported(source)
        let id = old[3]["id"] ?? .null
        world.advance(seconds: 10)
        _ = try await source.runStatus(
            "upsert_merge", ["document_id": id, "merge": ["content": "zebra number 3 changed"]])
        let new = try await exported(source)
        let target = TestWorld().memory()
        _ = try await target.importItems(old)
        #expect(try await target.importItems(new).updated == 1)
        #expect(try await target.importItems(old).updated == 0)
        let document = try await target.runStatus(
            "get_document", ["document_id": id, "response_formatting": ["verbose": true]])
        #expect(document["document"]?["content"] == "zebra number 3 changed")
        #expect(document["versions"]?.strings("content") == ["zebra number 3"])
    }

    @Test(
        arguments: [
            (["id": "x", "kind": "todo", "content": "a", "created_at": "2026-01-01"], "items[0].id"),
            (["id": "01900000-0000-7000-8000-000000000000", "kind": "todo", "content": "a"], "items[0].created_at"),
            (
                [
                    "id": "01900000-0000-7000-8000-000000000000", "kind": 3, "content": "a",
                    "created_at": "2026-01-01",
                ],
                "items[0].kind"
            ),
            (
                [
                    "id": "01900000-0000-7000-8000-000000000000", "kind": "todo", "text": "a",
                    "created_at": "2026-01-01",
                ],
                "items[0].text"
            ),
        ] as [(JSONObject, String)])
    func aLineThatIsNoExportIsRefusedByItsPlaceAndNothingIsWritten(line: JSONObject, field: String) async throws {
        let world = TestWorld()
        let memory = world.memory()
        await #expect { try await memory.importItems([line]) } throws: { ($0 as? MemoryError)?.field == field }
        #expect(world.points.points().isEmpty)
    }
}
