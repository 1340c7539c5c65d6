import JSON
import Memory
import TestSupport
import Testing
import VectorEngine

/// A fact is stored once, also by two processes at one moment: two engines on one directory stand for them.
@Suite struct UniquenessTests {
    private func withTwoStores(_ body: (EmbeddedStore, EmbeddedStore) async throws -> Void) async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let (one, other) = (
            try EmbeddedStore(directory: scratch.path), try EmbeddedStore(directory: scratch.path)
        )
        try await body(one, other)
        try await one.close()
        try await other.close()
    }

    @Test("an upsert that must be unique is refused inside its transaction when another store has written the keyword")
    func theStoreRefusesASecondKeyword() async throws {
        try await withTwoStores { one, other in
            try await one.createCollection("c", schema: CollectionSchema(payloadIndexes: ["key": .keyword]))
            let key = try PayloadPath("key")
            func point(_ number: UInt64, _ key: String) -> Point {
                Point(id: .number(number), payload: Payload(["key": .string(key)]))
            }
            try await one.apply([.upsert([point(1, "a")], if: .unique([key]))], in: "c")
            await #expect { try await other.apply([.upsert([point(2, "a")], if: .unique([key]))], in: "c") } throws: {
                ($0 as? EngineError)?.code == .preconditionFailed
            }
            // The point itself is no rival, and a keyword that was given up is free.
            try await other.apply([.upsert([point(1, "a")], if: .unique([key]))], in: "c")
            try await one.apply(
                [
                    .mergePayload(Payload(["key": .null]), of: .ids([.number(1)])),
                    .upsert([point(3, "a")], if: .unique([key])),
                ], in: "c")
            #expect(try await other.count(nil, in: "c") == 2)
        }
    }

    @Test("a write that expects a point to pass a filter is refused when it does not")
    func theStoreChecksAFilter() async throws {
        try await withTwoStores { one, _ in
            try await one.createCollection("c", schema: CollectionSchema(payloadIndexes: ["n": .integer]))
            try await one.upsert([Point(id: .number(1), payload: Payload(["n": 1]))], in: "c")
            func write(_ n: Int64, over id: UInt64) async throws {
                let is1 = Filter(must: [.field(try PayloadPath("n"), .anyOf([.integer(1)]))])
                try await one.apply(
                    [.upsert([Point(id: .number(id), payload: Payload(["n": .integer(n)]))], if: .matches(is1))],
                    in: "c")
            }
            try await write(2, over: 1)
            for id in [1, 2] as [UInt64] {
                await #expect { try await write(3, over: id) } throws: {
                    ($0 as? EngineError)?.code == .preconditionFailed
                }
            }
        }
    }

    private func guide(_ round: Int) -> OwnedDocument {
        let sections = (0..<6).map { "# Section \($0)\ntext \($0) of round \(round) about quokka \($0)\n" }
        return OwnedDocument(
            id: "/r/guide\(round).md", name: "guide.md", text: sections.joined(), isMarkdown: true)
    }

    @Test("two processes that take the same document at one moment store each of its sections once")
    func twoProcessesTakeADocumentOnce() async throws {
        try await withTwoStores { one, other in
            let (world, second) = (TestWorld(), TestWorld())
            _ = (0..<5).map { _ in second.draw() }
            let memories = [world.memory(over: one), second.memory(over: other)]
            _ = try await memories[0].storeItems([["kind": "todo", "content": "warm up"]])
            for round in 0..<12 {
                // From two worktrees of one repository, whose branches differ.
                let results = try await withThrowingTaskGroup(of: DocumentsResult.self) { group in
                    for (memory, branch) in zip(memories, ["main", "topic"]) {
                        group.addTask {
                            try await memory.take(
                                [guide(round)], scope: MemoryScope(["project": "p", "branch": branch]))
                        }
                    }
                    return try await group.reduce(into: [DocumentsResult]()) { $0.append($1) }
                }
                #expect(results[0].ids == results[1].ids && results[0].ids.count == 6)
                #expect(results.map { $0.stored }.reduce(0, +) == 6 && results.map { $0.unchanged }.reduce(0, +) == 6)
                #expect(results.allSatisfy { $0.refusals.isEmpty && $0.updated == 0 && $0.retired == 0 })
            }
            #expect(try await one.count(nil, in: "memories") == 73)
            #expect(try await other.count(nil, in: "memories") == 73)
        }
    }

    @Test("an item that a client sends as the part of a document is stored once, also where copies are asked for")
    func partsAreUniqueForEverybody() async throws {
        let world = TestWorld()
        let memory = world.memory()
        func part(_ text: String) -> JSONValue {
            [
                "kind": "section", "source": ["tool": "cortex sync"],
                "data": ["title": "T", "heading": "H", "body_md": .string(text), "document_id": "/r/a.md", "part": 1],
            ]
        }
        let off: JSONObject = ["deduplication": ["enabled": false]]
        let first = try await memory.storeItems([part("one"), part("two")], off)
        #expect(first.map { $0["status"] } == ["stored", "skipped_dedupe"] && first[0]["id"] == first[1]["id"])
        let again = try await memory.storeItems([part("three")])
        #expect(again[0]["status"] == "skipped_dedupe" && again[0]["id"] == first[0]["id"])
    }

    @Test("two processes that store the same items at one moment store them once", arguments: [false, true])
    func twoProcessesStoreOnce(byKey: Bool) async throws {
        try await withTwoStores { one, other in
            let (world, second) = (TestWorld(), TestWorld())
            // Their ids differ as those of two processes do.
            _ = (0..<5).map { _ in second.draw() }
            let memories = [world.memory(over: one), second.memory(over: other)]
            _ = try await memories[0].storeItems([["kind": "todo", "content": "warm up"]])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (writer, memory) in memories.enumerated() {
                    for round in 0..<20 {
                        group.addTask {
                            var item: JSONObject = ["kind": "todo", "content": .string("fact \(round)")]
                            if byKey {
                                item["idempotency_key"] = .string("key \(round)")
                                item["content"] = .string("fact \(round) of writer \(writer)")
                            }
                            let result = try await memory.storeItems([.object(item)])[0]
                            #expect(["stored", "skipped_dedupe"].contains(result["status"]?.stringValue ?? ""))
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await one.count(nil, in: "memories") == 21)
            #expect(try await other.count(nil, in: "memories") == 21)
        }
    }

    @Test("two processes that store schema changes with one migration_id at one moment store one of them")
    func twoProcessesStoreOneMigration() async throws {
        try await withTwoStores { one, other in
            let (world, second) = (TestWorld(), TestWorld())
            _ = (0..<1_000).map { _ in second.draw() }
            let memories = [world.memory(over: one), second.memory(over: other)]
            for round in 0..<20 {
                func item(_ writer: Int, scope: String) -> JSONValue {
                    [
                        "kind": "ddl", "content": .string("change \(round) of writer \(writer)"),
                        "scope": .string(scope),
                        "data": ["migration_id": .integer(Int64(round)), "sql": "ALTER TABLE a ADD b int"],
                    ]
                }
                let statuses = try await withThrowingTaskGroup(of: String?.self) { group in
                    for (writer, memory) in memories.enumerated() {
                        group.addTask {
                            try await memory.storeItems([item(writer, scope: "p")])[0]["status"]?.stringValue
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1 ?? "") }
                }
                #expect(statuses.sorted() == ["business_rule_blocked", "stored"], "round \(round)")
                // Another project has its own numbers.
                #expect(try await memories[0].storeItems([item(0, scope: "q")])[0]["status"] == "stored")
            }
        }
    }
}
