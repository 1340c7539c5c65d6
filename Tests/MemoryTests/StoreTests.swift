import Embedding
import JSON
import Memory
import Synchronization
import Testing
import VectorEngine

@Suite struct StoreTests {
    let world = TestWorld()

    @Test func everyKindIsStoredFoundAndReadBack() async throws {
        let memory = world.memory()
        let kinds = MemoryKind.allCases.map(\.rawValue)
        let results = try await memory.storeItems(
            kinds.map { ["kind": .string($0), "content": .string("about \($0) zebra"), "metadata": ["n": 1]] })
        #expect(kinds.count == 16)
        #expect(results.allSatisfy { $0["status"] == "stored" })
        for (kind, result) in zip(kinds, results) {
            let document = try await memory.runStatus("get_document", ["document_id": result["id"] ?? .null])[
                "document"]
            #expect(document?["kind"] == .string(kind) && document?["content"] == .string("about \(kind) zebra"))
            #expect(document?["metadata"] == ["n": 1])
            let found = try await memory.findItems("zebra", ["types": [.string(kind)]])
            #expect(found["items"]?.strings("id") == [result["id"]?.stringValue ?? ""])
        }
    }

    @Test func idsAreInInsertionOrderEvenWhenTheClockStandsStill() async throws {
        let memory = world.memory()
        var ids: [String] = []
        for batch in 0..<5 {
            let results = try await memory.storeItems(
                (0..<20).map { ["kind": "todo", "content": .string("item \(batch) \($0)")] })
            ids += JSONValue.array(results).strings("id")
        }
        #expect(ids.count == 100 && ids == ids.sorted() && Set(ids).count == 100)
        #expect(ids.allSatisfy { Array($0)[14] == "7" && "89ab".contains(Array($0)[19]) })
    }

    @Test("an item that cannot be read is refused with its place, and the others of its call are stored")
    func oneBadItemLeavesTheOthers() async throws {
        let results = try await world.memory().storeItems([
            ["kind": "todo", "content": "good"], ["kind": 3, "content": "bad"], "a text",
            ["contnet": "x", "colour": 1],
        ])
        #expect(
            JSONValue.array(results).strings("status") == ["stored", "validation_error", "stored", "validation_error"])
        #expect(results[1]["error"]?["field"] == "items[1].kind")
        #expect(results[3]["error"]?["field"] == "items[3].contnet")
        let message = results[3]["error"]?["message"]?.stringValue ?? ""
        #expect(message.contains("did you mean content?") && message.contains("items[3].colour"))
        #expect(world.points.points().count == 2)
    }

    @Test("a call whose items all cannot be read is refused with the faults of each")
    func allBadItemsRefuseTheCall() async throws {
        let memory = world.memory()
        await #expect {
            try await memory.storeItems([["kind": 3, "content": "bad"], ["colour": 1]])
        } throws: { error in
            let message = "\(error)"
            return message.contains("items[0].kind") && message.contains("items[1].colour")
        }
        #expect(world.points.points().isEmpty)
    }

    @Test func anItemsFaultLeavesTheRestGoingOn() async throws {
        let results = try await world.memory().storeItems([
            ["kind": "todo", "content": "a"],
            ["kind": "todo", "content": "b", "ttl_config": ["expires_at": "2026-01-31T12:00:00Z"]],
            ["kind": "incident", "content": "c", "data": ["severity": "critical"]], ["kind": "todo", "content": "d"],
        ])
        #expect(
            JSONValue.array(results).strings("status")
                == ["stored", "validation_error", "business_rule_blocked", "stored"])
        #expect(results[1]["error"]?["code"] == "E2203")
        #expect(results[1]["error"]?["field"] == "items[1].ttl_config.expires_at")
        #expect(results[2]["error"]?["field"] == "items[2].data.incident_commander")
        #expect(world.points.points().count == 2)
    }

    @Test(arguments: [
        ("decision", ["component", "status", "title", "rationale"]), ("section", ["title", "heading", "body_md"]),
        ("pr_context", ["pr_number", "title", "author", "status", "base_branch", "head_branch"]),
        ("relation", ["from_entity_type", "from_entity_id", "to_entity_type", "to_entity_id", "relation_type"]),
        ("incident", ["resolution_status"]), ("todo", []),
    ])
    func missingKindFieldsWarnOrInStrictModeFail(kind: String, fields: [String]) async throws {
        let memory = world.memory()
        let item: JSONValue = ["kind": .string(kind), "data": ["note": "something"]]
        let lenient = try await memory.storeItems([item])
        #expect(lenient[0]["status"] == "stored")
        #expect((lenient[0]["warnings"]?.arrayValue ?? []).count == fields.count)
        for (warning, field) in zip(lenient[0]["warnings"]?.arrayValue ?? [], fields) {
            #expect(warning.stringValue?.hasPrefix("items[0].data.\(field):") == true)
        }
        let strict = try await world.memory().storeItems(
            [["kind": .string(kind), "data": ["note": "else"]]], ["processing": ["strict": true]])
        #expect(strict[0]["status"] == (fields.isEmpty ? "stored" : "validation_error"))
        #expect(strict[0]["error"]?["field"]?.stringValue == fields.first.map { "items[0].data.\($0)" })
    }

    @Test func aKindsWordsAndListsAreChecked() {
        for kind in MemoryKind.allCases {
            for (name, words) in kind.choices {
                #expect(kind.faults(in: [name: "no such word"], at: "d").contains { $0.field == "d.\(name)" })
                for word in words {
                    #expect(!kind.faults(in: [name: .string(word)], at: "d").contains { $0.field == "d.\(name)" })
                }
            }
            for name in kind.lists {
                #expect(kind.faults(in: [name: "x"], at: "d").contains { $0.code == .wrongType })
            }
        }
    }

    // MARK: Copies

    @Test(
        "an exact copy is skipped and counted, and its tags and metadata are joined",
        arguments: [
            ("skip", false), ("prefer_existing", false), ("prefer_newer", true), ("combine", true),
            ("intelligent", true),
        ])
    func anExactCopyIsKeptOnce(strategy: String, renews: Bool) async throws {
        let memory = world.memory()
        let short: JSONValue = ["policy": "short"]
        let first = try await memory.storeItems([
            [
                "kind": "todo", "data": ["a": 1, "b": [1]], "metadata": ["v": 1, "w": 1], "tags": ["x"],
                "ttl_config": short,
            ]
        ])[0]
        world.advance(seconds: 60)
        let second = try await memory.storeItems(
            [
                [
                    "kind": "todo", "data": ["b": [1], "a": 1], "metadata": ["v": 2, "u": 3], "tags": ["y"],
                    "ttl_config": short,
                ]
            ],
            ["deduplication": ["merge_strategy": .string(strategy)]])[0]
        #expect(second["status"] == "skipped_dedupe" && second["similarity"] == 1 && second["seen"] == 2)
        #expect(second["existing_id"] == first["id"] && second["id"] == first["id"])
        #expect((second["expires_at"] != first["expires_at"]) == renews)
        let answer = try await memory.runStatus(
            "get_document", ["document_id": first["id"] ?? .null, "response_formatting": ["verbose": true]])
        let document = answer["document"]
        #expect(document?["metadata"] == ["v": 2, "w": 1, "u": 3] && document?["tags"] == ["x", "y"])
        #expect(document?["expires_at"] == second["expires_at"])
        #expect(answer["versions"]?.arrayValue?.first?["metadata"] == ["v": 1, "w": 1])
        #expect(world.points.points().count == 1)
    }

    @Test(
        "texts that differ only in case, white space and final punctuation are exact copies",
        arguments: [
            ("The deploy runs nightly.", "the  deploy runs\nnightly", true), ("会議は月曜日です", "会議は月曜日です。", true),
            ("It works", "It works!", true), ("It works", "It works?", false), ("cd ..", "cd .", false),
            ("re sign", "resign", false), ("C", "C#", false), ("caf\u{E9}", "cafe\u{301}", false),
        ])
    func whatAnExactCopyIs(first: String, second: String, isCopy: Bool) async throws {
        let memory = world.memory(embedder: nil)
        _ = try await memory.storeItems([["kind": "todo", "content": .string(first)]])
        let result = try await memory.storeItems([["kind": "todo", "content": .string(second)]])[0]
        #expect(result["status"] == (isCopy ? "skipped_dedupe" : "stored"))
    }

    @Test("a copy without an expiry makes a memory permanent, and one with an earlier end does not shorten its life")
    func aCopyNeverShortensALife() async throws {
        let memory = world.memory()
        func stored(_ policy: String?) async throws -> JSONValue? {
            var item: JSONObject = ["kind": "todo", "content": "x"]
            if let policy { item["ttl_config"] = ["policy": .string(policy)] }
            return try await memory.storeItems([.object(item)])[0]["expires_at"]
        }
        let long = try await stored("long")
        #expect(try await stored("short") == long)
        #expect(try await stored(nil) == nil)
        #expect(try await stored("short") == nil)
    }

    @Test("a memory that was edited or deleted since does not swallow a new store of its old text")
    func anEditedMemoryLeavesItsOldTextFree() async throws {
        let memory = world.memory()
        let item: JSONValue = ["kind": "todo", "content": "the old text"]
        let id = try await memory.storeItems([item])[0]["id"]?.stringValue ?? ""
        var update = MemoryUpdate(try #require(UUIDBytes(id)))
        update.content = "another text altogether"
        _ = try await memory.update(update)
        let second = try await memory.storeItems([item])[0]
        #expect(second["status"] == "stored" && second["id"] != .string(id))
        _ = try await memory.delete([try #require(second["id"]?.stringValue.flatMap { UUIDBytes($0) })])
        #expect(try await memory.storeItems([item])[0]["status"] == "stored")
    }

    @Test func copiesInsideOneBatchAreKeptOnce() async throws {
        let item: JSONValue = ["kind": "todo", "content": "same"]
        let results = try await world.memory().storeItems([item, item, ["kind": "risk", "content": "same"]])
        #expect(JSONValue.array(results).strings("status") == ["stored", "skipped_dedupe", "stored"])
        #expect(results[1]["existing_id"] == results[0]["id"] && world.points.points().count == 2)
    }

    @Test func aCopyInAnotherScopeIsItsOwnUnlessScopesAreCrossed() async throws {
        let memory = world.memory()
        func item(_ project: String) -> JSONValue {
            ["kind": "todo", "content": "same", "scope": ["project": .string(project)]]
        }
        let results = try await memory.storeItems([item("a"), item("b")])
        #expect(JSONValue.array(results).strings("status") == ["stored", "stored"])
        for option in ["check_within_scope_only", "cross_scope_deduplication"] {
            let crossed = try await memory.storeItems(
                [item("c")], ["deduplication": [option: .bool(option == "cross_scope_deduplication")]])
            #expect(crossed[0]["status"] == "skipped_dedupe" && crossed[0]["existing_id"] == results[0]["id"])
        }
        let off = try await memory.storeItems([item("a")], ["deduplication": ["enabled": false]])
        #expect(off[0]["status"] == "stored")
    }

    @Test func theCallsScopeIsTakenOnlyByItemsWithoutOne() async throws {
        let context = CallContext(clientName: "editor", defaultScope: MemoryScope(["project": "p", "branch": "b"]))
        let memory = world.memory()
        let results = try await memory.storeItems(
            [["kind": "todo", "content": "x"], ["kind": "todo", "content": "y", "scope": ["org": "o"]]],
            context: context)
        let found = try await memory.get(JSONValue.array(results).strings("id").compactMap { UUIDBytes($0) })
        #expect(found.map { $0["scope"] } == [["project": "p", "branch": "b"], ["org": "o"]])
        #expect(found[0]["source"] == ["actor": "editor"])
    }

    // MARK: Idempotency

    @Test func anIdempotencyKeyAnswersWithTheFirstResultAcrossRestarts() async throws {
        func item(_ text: String, _ project: String = "p") -> JSONValue {
            [
                "kind": "section", "content": .string(text), "idempotency_key": "k",
                "scope": ["project": .string(project)],
            ]
        }
        let first = try await world.memory().storeItems([item("one")])[0]
        world.advance(seconds: 5)
        let again = try await world.memory().storeItems([
            ["kind": "todo", "content": "zero"], item("two"), item("three"),
        ])
        for (i, replayed) in again.enumerated().dropFirst() {
            var expected = first.objectValue ?? [:]
            expected["input_index"] = .integer(Int64(i))
            #expect(replayed == .object(expected))
        }
        #expect(first["warnings"] != nil)
        let elsewhere = try await world.memory().storeItems([item("four", "q")])
        #expect(elsewhere[0]["status"] == "stored" && world.points.points().count == 3)
    }

    @Test func aSkippedCopysKeyAnswersTheSameLater() async throws {
        _ = try await world.memory().storeItems([["kind": "todo", "content": "x"]])
        let copy: JSONValue = ["kind": "todo", "content": "x", "idempotency_key": "k"]
        let first = try await world.memory().storeItems([copy])
        world.advance(seconds: 100)
        #expect(first[0]["status"] == "skipped_dedupe")
        #expect(try await world.memory().storeItems([copy]) == first)
    }

    // MARK: Expiry

    @Test(
        arguments: [
            ("todo", nil, nil, nil), ("risk", nil, nil, nil), ("decision", nil, nil, nil),
            ("issue", nil, nil, 7 * 86_400), ("issue", nil, "permanent", nil), ("incident", nil, nil, nil),
            ("incident", "short", nil, 86_400), ("todo", nil, "long", 90 * 86_400),
            ("todo", "short", "long", 86_400), ("risk", nil, "permanent", nil),
            ("decision", "default", nil, 30 * 86_400),
        ] as [(String, String?, String?, Int64?)])
    func theItemThenTheCallThenTheKindDecideTheExpiry(
        kind: String, item: String?, call: String?, seconds: Int64?
    ) async throws {
        var settings = MemorySettings()
        settings.kindLifeDays = [.issue: 7]
        let memory = world.memory(settings: settings)
        var members: JSONObject = ["kind": .string(kind), "content": "x"]
        if let item { members["ttl_config"] = ["policy": .string(item)] }
        let more: JSONObject = call.map { ["global_ttl": ["policy": .string($0)]] } ?? [:]
        let result = try await memory.storeItems([.object(members)], more)[0]
        #expect(
            result["expires_at"]?.stringValue
                == seconds.map { Timestamp.format(TestWorld.start + $0 * 1_000_000) })
        let id = UUIDBytes(result["id"]?.stringValue ?? "")
        world.advance(seconds: (seconds ?? 1_000_000_000) - 1)
        #expect(try await memory.get([id].compactMap { $0 }).count == 1)
        #expect(try await memory.findItems("x")["total"] == 1)
        world.advance(seconds: 1)
        #expect(try await memory.get([id].compactMap { $0 }).count == (seconds == nil ? 1 : 0))
        #expect(try await memory.findItems("x")["total"] == (seconds == nil ? 1 : 0))
        #expect(try await memory.findItems("x", ["ttl_filters": ["include_expired": true]])["total"] == 1)
    }

    // MARK: Vectors

    @Test func aBatchIsEmbeddedAndWrittenOnce() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems((0..<100).map { ["kind": "todo", "content": .string("n\($0)")] })
        #expect(world.points.state.withLock { $0.calls["upsert"] } == 1)
    }

    @Test func theContextOfAnItemIsTheTwoBeforeItInItsSession() async throws {
        func item(_ text: String, _ session: String?) -> JSONValue {
            var item: JSONObject = ["kind": "observation", "content": .string(text)]
            if let session { item["source"] = ["session": .string(session)] }
            return .object(item)
        }
        let whole: [JSONValue] = [
            item("alpha", "s"), item("other", "t"), item("beta", "s"), item("loose", nil), item("gamma", "s"),
        ]
        let first = world.memory()
        var one = try await first.storeItems(Array(whole[..<2]))
        // Another process of the same store goes on; the first must notice before it stores again.
        world.advance(seconds: 1)
        one += try await world.memory().storeItems([whole[2], whole[3]])
        world.advance(seconds: 1)
        one += try await first.storeItems([whole[4]])
        let other = TestWorld()
        let all = try await other.memory().storeItems(whole)
        func vectors(_ world: TestWorld, _ results: [JSONValue]) async throws -> [PointVectors] {
            let ids = JSONValue.array(results).strings("id").compactMap { PointID($0) }
            return try await world.points.retrieve(ids, with: .all, in: "memories").map(\.vectors)
        }
        let dense = try await (vectors(world, one).map(\.dense), vectors(other, all).map(\.dense))
        #expect(dense.0 == dense.1)
        let sparse = try await (
            vectors(world, one).map { $0.sparse["lexical"] }, vectors(other, all).map { $0.sparse["lexical"] }
        )
        #expect(sparse.0.map { $0?.indices } == sparse.1.map { $0?.indices })
        func knows(_ word: String, _ i: Int) -> Bool {
            sparse.1[i]?.indices.contains(PlainWords.hash(word)) ?? false
        }
        #expect(knows("beta", 4) && knows("alpha", 4) && !knows("other", 4) && !knows("loose", 4))
        #expect(knows("alpha", 2) && !knows("alpha", 1) && !knows("beta", 3))
    }

    @Test func withoutAModelWordsAreStoredAndTheAnswerSaysSo() async throws {
        let memory = world.memory(embedder: nil)
        let stored = try await memory.callStore(
            arguments: ["items": [["kind": "todo", "content": "zebra crossing"]]], context: CallContext())
        #expect(stored["meta"]?["degraded"] == true && stored["meta"]?["embedder"] == nil)
        let found = try await memory.findItems("zebra")
        #expect(found["items"]?.arrayValue?.count == 1 && found["strategy"] == "fast")
        #expect(found["meta"]?["degraded"] == true && found["meta"]?["vector_used"] == false)
        #expect(try await memory.findItems("zebra", ["mode": "fast"])["meta"]?["degraded"] == false)
        // The collection goes on without vectors when the model arrives, and names the remedy.
        let later = try await world.memory().findItems("zebra")
        #expect(later["meta"]?["degraded_reason"]?.stringValue?.contains("cortex reembed") == true)
    }

    @Test func aFailingEmbedderLosesNothing() async throws {
        var embedder = WordHashEmbedder()
        embedder.failure = EmbeddingError(.unavailable, "the service is away", isRetryable: true)
        let memory = world.memory(embedder: embedder)
        let stored = try await memory.callStore(
            arguments: ["items": [["kind": "todo", "content": "zebra"]]], context: CallContext())
        #expect(stored["meta"]?["degraded_reason"]?.stringValue?.contains("the service is away") == true)
        let found = try await memory.findItems("zebra")
        #expect(found["items"]?.arrayValue?.count == 1 && found["meta"]?["degraded"] == true)
        // The service is back: the item without a vector still competes by its words.
        let healed = world.memory()
        _ = try await healed.storeItems([["kind": "todo", "content": "horse"]])
        #expect(try await healed.findItems("zebra")["items"]?.arrayValue?.first?["content"] == "zebra")
    }

    @Test func anotherEmbedderIsRefusedWithTheRemedy() async throws {
        _ = try await world.memory().storeItems([["kind": "todo", "content": "x"]])
        for identity in [
            EmbedderIdentity(name: "other", revision: "1", dimension: 64),
            EmbedderIdentity(name: "word-hash", revision: "2", dimension: 64),
            EmbedderIdentity(name: "word-hash", revision: "1", dimension: 32),
        ] {
            let memory = world.memory(embedder: WordHashEmbedder(identity: identity))
            await #expect { try await memory.findItems("x") } throws: {
                ($0 as? MemoryError)?.code == .dependency && "\($0)".contains("cortex reembed")
            }
        }
    }

    @Test func aStoreThatCannotWriteSaysUnavailableAndRemembersNothing() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([["kind": "todo", "content": "before"]])
        world.points.failWrites(with: EngineError(.notWritable, "the disk is full"))
        await #expect(throws: MemoryError(.unavailable, "the disk is full")) {
            try await memory.storeItems([["kind": "todo", "content": "lost"]])
        }
        world.points.failWrites(with: nil)
        let result = try await memory.storeItems([["kind": "todo", "content": "lost"]])
        #expect(result[0]["status"] == "stored")
    }

    @Test func copiesStoredAtOnceByManyTasksAreKeptOnce() async throws {
        let memory = world.memory()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask { _ = try await memory.storeItems([["kind": "todo", "content": "same"]]) }
            }
            try await group.waitForAll()
        }
        #expect(world.points.points().count == 1)
    }

    @Test func aRequestMadeByHandIsHeldToTheLimitsToo() async throws {
        var settings = MemorySettings()
        settings.maximumContentCharacters = 10
        settings.maximumBatch = 3
        let memory = world.memory(settings: settings)
        let items = [
            StoreItem(.todo), StoreItem(.todo, content: String(repeating: "x", count: 11)),
            StoreItem(.todo, content: String(repeating: "x", count: 10)),
        ]
        let result = try await memory.store(StoreRequest(items), context: CallContext())
        #expect(result.items.map(\.status) == [.invalid, .invalid, .stored])
        #expect(result.items.map { $0.error?.code } == [.missing, .outOfRange, nil])
        for count in [0, 4] {
            await #expect {
                try await memory.store(StoreRequest(Array(repeating: items[2], count: count)), context: CallContext())
            } throws: { ($0 as? MemoryError)?.code == .outOfRange }
        }
    }

    @Test func aCancelledCallSaysSoAndStoresNothing() async {
        let memory = world.memory()
        let call = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await memory.storeItems([["kind": "todo", "content": "x"]])
        }
        await #expect { try await call.value } throws: { ($0 as? MemoryError)?.code == .cancelled }
        #expect(world.points.points().isEmpty)
    }

    @Test func progressNeverFallsAndEndsAtTheNumberOfItems() async throws {
        let told = Mutex<[Int]>([])
        let context = CallContext(progress: { done, total, _ in
            #expect(total == 3)
            told.withLock { $0.append(done) }
        })
        _ = try await world.memory().storeItems(
            (0..<3).map { ["kind": "todo", "content": .string("n\($0)")] }, context: context)
        let steps = told.withLock { $0 }
        #expect(steps == steps.sorted() && steps.last == 3)
    }

    @Test func theMeanLengthIsSampledOnceAndAgainWhenTheStoreHasDoubled() async throws {
        var settings = MemorySettings()
        settings.lengthSample = 5
        let memory = world.memory(settings: settings)
        func counted(_ batch: Int) async throws -> Int {
            let before = world.points.state.withLock { $0.calls["count"] ?? 0 }
            _ = try await memory.storeItems([["kind": "todo", "content": .string("n\(batch)")]])
            return world.points.state.withLock { $0.calls["count"] ?? 0 } - before
        }
        var samples: [Int] = []
        for batch in 0..<25 { samples.append(try await counted(batch)) }
        // Sampled with 0, 5, 10 and 20 items stored.
        #expect(samples.indices.filter { samples[$0] > 0 } == [0, 5, 10, 20])
    }
}
