import JSON
import Memory
import Testing
import VectorEngine

@Suite struct NearCopyTests {
    let world = TestWorld()

    private static let first = "deploys run from the main branch after every green build"
    /// The same words and one more: a near copy by their hashes.
    private static let near = "deploys run from the main branch after every green build nightly"

    private func note(_ text: String, _ more: JSONObject = [:]) -> JSONValue {
        .object((["kind": "observation", "content": .string(text)] as JSONObject).merging(more) { $1 })
    }

    private func content(_ memory: MemoryStore, _ id: JSONValue?) async throws -> JSONValue? {
        try await memory.runStatus("get_document", ["document_id": id ?? .null])["document"]?["content"]
    }

    @Test(arguments: [
        ("prefer_existing", "skipped_dedupe", first), ("prefer_newer", "updated", near),
        ("combine", "merged", first + "\n" + near),
    ])
    func eachStrategyDoesWhatItsNameSays(strategy: String, status: String, text: String) async throws {
        for inOneBatch in [false, true] {
            let memory = TestWorld().memory()
            let more: JSONObject = [
                "deduplication": ["merge_strategy": .string(strategy), "similarity_threshold": 0.8]
            ]
            let items = [note(Self.first), note(Self.near)]
            let results =
                inOneBatch
                ? try await memory.storeItems(items, more)
                : try await memory.storeItems([items[0]], more) + memory.storeItems([items[1]], more)
            #expect(results[1]["status"] == .string(status) && results[1]["strategy"] == .string(strategy))
            #expect(results[1]["existing_id"] == results[0]["id"] && results[1]["id"] == results[0]["id"])
            let similarity = results[1]["similarity"]?.doubleValue ?? 0
            #expect(similarity >= 0.8 && similarity < 1)
            #expect(try await content(memory, results[0]["id"]) == .string(text))
            #expect(try await memory.runStatus("stats")["stats"]?["items"] == 1)
        }
    }

    @Test("a text that a memory with fields has already is a copy, and leaves no version behind")
    func aBareTextIsACopyOfTheSameWithFields() async throws {
        let memory = world.memory()
        let stored = try await memory.storeItems([note(Self.first, ["data": ["title": "Deploys"]])])
        for round in 2...3 as ClosedRange<Int64> {
            world.advance(seconds: 60)
            let again = try await memory.storeItems([note(Self.first)])
            #expect(again[0]["status"] == "skipped_dedupe" && again[0]["id"] == stored[0]["id"])
            #expect(again[0]["seen"] == .integer(round))
        }
        let answer = try await memory.callGet(
            arguments: ["ids": [stored[0]["id"] ?? .null], "versions": true], context: CallContext())
        #expect(answer["items"]?.arrayValue?.first?["versions"] == [])
        #expect(answer["items"]?.arrayValue?.first?["version"] == 1)
    }

    @Test(
        "a near copy that says something different is stored, and the answer names what it resembles",
        arguments: ["skip", "intelligent"], [false, true])
    func nearCopiesAreKept(strategy: String, inOneBatch: Bool) async throws {
        let memory = world.memory()
        let more: JSONObject = ["deduplication": ["merge_strategy": .string(strategy), "similarity_threshold": 0.8]]
        let items = [note(Self.first), note(Self.near)]
        let results =
            inOneBatch
            ? try await memory.storeItems(items, more)
            : try await memory.storeItems([items[0]], more) + memory.storeItems([items[1]], more)
        #expect(JSONValue.array(results).strings("status") == ["stored", "stored"])
        let similar = results[1]["similar"]?.arrayValue ?? []
        #expect(similar.count == 1 && similar.first?["id"] == results[0]["id"])
        #expect(similar.first?["text"] == .string(Self.first))
        #expect((similar.first?["similarity"]?.doubleValue ?? 0) > 0.8)
        #expect(try await content(memory, results[0]["id"]) == .string(Self.first))
        #expect(try await content(memory, results[1]["id"]) == .string(Self.near))
    }

    @Test("the same words in the same order are merged into the newer wording, and the former version is kept")
    func theSameWordingIsMerged() async throws {
        let memory = world.memory()
        let (older, newer) = ("The queue isn't drained by the job.", "Queue is not drained by job")
        let first = try await memory.storeItems([note(older)])[0]
        let second = try await memory.storeItems([note(newer)], ["deduplication": ["similarity_threshold": 0.3]])[0]
        #expect(second["status"] == "merged" && second["id"] == first["id"])
        let answer = try await memory.runStatus(
            "get_document", ["document_id": first["id"] ?? .null, "response_formatting": ["verbose": true]])
        #expect(answer["document"]?["content"] == .string(newer))
        #expect(answer["versions"]?.strings("content") == [older])
    }

    @Test func combiningKeepsWhatOnlyOneOfTheTwoSays() async throws {
        let memory = world.memory()
        let strategy: JSONObject = ["deduplication": ["merge_strategy": "combine", "similarity_threshold": 0.3]]
        _ = try await memory.storeItems(
            [note("the cache lives in memory. restarts empty it.", ["tags": ["a"]])], strategy)
        let merged = try await memory.storeItems(
            [note("the cache lives in memory. a restart takes long.", ["tags": ["b"]])], strategy)
        #expect(merged[0]["status"] == "merged")
        let document = try await memory.runStatus("get_document", ["document_id": merged[0]["id"] ?? .null])["document"]
        let text = document?["content"]?.stringValue ?? ""
        #expect(text.contains("restarts empty it") && text.contains("a restart takes long"))
        #expect(document?["tags"] == ["a", "b"])
    }

    @Test(arguments: [
        ("the timeout of the gateway is 30 seconds", "the timeout of the gateway is 60 seconds"),
        ("the gateway is enabled for all regions today", "the gateway is disabled for all regions today"),
        ("we asked Ana to review the release plan", "we asked Boris to review the release plan"),
        ("the queue zqbcd fails when the disk is full", "the queue zqfgh fails when the disk is full"),
        (
            "the cache survives a restart of the whole cluster",
            "the cache never survives a restart of the whole cluster"
        ),
    ])
    func textsThatDifferInAFactAreNotMerged(a: String, b: String) async throws {
        let memory = world.memory()
        let results = try await memory.storeItems(
            [note(a), note(b)], ["deduplication": ["similarity_threshold": 0.5]])
        #expect(JSONValue.array(results).strings("status") == ["stored", "stored"])
    }

    @Test func anotherScopeKindActorOrAgeIsNoNearCopyUnlessScopesAreCrossed() async throws {
        let memory = world.memory()
        let dedupe: JSONObject = ["deduplication": ["similarity_threshold": 0.8]]
        _ = try await memory.storeItems([note(Self.first, ["source": ["actor": "Ana"]])], dedupe)
        for (item, isCopy) in [
            (note(Self.near, ["scope": ["project": "p"]]), false),
            (note(Self.near, ["source": ["actor": "Bo"]]), false), (note(Self.near, ["kind": "todo"]), false),
        ] {
            let result = try await memory.storeItems([item], dedupe)[0]
            #expect((result["existing_id"] != nil) == isCopy)
        }
        let crossing: JSONObject = [
            "deduplication": ["similarity_threshold": 0.8, "cross_scope_deduplication": true]
        ]
        let crossed = try await memory.storeItems([note(Self.near, ["scope": ["project": "q"]])], crossing)[0]
        #expect(crossed["existing_id"] != nil)
        world.advance(seconds: 3 * 86_400)
        let old: JSONObject = ["deduplication": ["similarity_threshold": 0.8, "dedupe_window_days": 1]]
        let late = try await memory.storeItems([note(Self.near + " again", ["source": ["actor": "Ana"]])], old)[0]
        #expect(late["status"] == "stored")
    }

    @Test func theHistoryOfMergesIsKeptToItsLimit() async throws {
        let memory = world.memory()
        let dedupe: JSONObject = [
            "deduplication": [
                "merge_strategy": "prefer_newer", "similarity_threshold": 0.5, "preserve_merge_history": true,
                "max_merge_history_entries": 2,
            ]
        ]
        var id: JSONValue?
        for suffix in ["", " nightly", " nightly quickly", " nightly quickly gladly"] {
            id = try await memory.storeItems([note(Self.first + suffix)], dedupe)[0]["id"]
        }
        let answer = try await memory.runStatus("get_document", ["document_id": id ?? .null])
        #expect(
            answer["merge_history"]?.strings("content") == [Self.first + " nightly", Self.first + " nightly quickly"])
    }

    @Test func whatWasKnownAtAMomentIsFoundAsItWasThen() async throws {
        let memory = world.memory()
        let dedupe: JSONObject = ["deduplication": ["merge_strategy": "prefer_newer", "similarity_threshold": 0.8]]
        let id = try await memory.storeItems([note(Self.first)], dedupe)[0]["id"] ?? .null
        world.advance(seconds: 3600)
        let between = JSONValue.string(Timestamp.format(world.now))
        world.advance(seconds: 3600)
        _ = try await memory.storeItems([note(Self.near)], dedupe)
        world.advance(seconds: 60)
        for mode in ["fast", "auto", "deep"] {
            let then = try await memory.findItems("deploys main branch", ["as_of": between, "mode": .string(mode)])
            #expect(
                then["items"]?.strings("content") == [Self.first]
                    && then["items"]?.strings("id") == [id.stringValue ?? ""])
            let now = try await memory.findItems("deploys main branch", ["mode": .string(mode)])
            #expect(now["items"]?.strings("content") == [Self.near])
        }
        let then = try await memory.runStatus("get_document", ["document_id": id, "as_of": between])
        #expect(then["document"]?["content"] == .string(Self.first))
        let all = try await memory.runStatus(
            "get_document", ["document_id": id, "response_formatting": ["verbose": true]])
        #expect(all["versions"]?.strings("content") == [Self.first])
        await #expect(throws: MemoryError.self) {
            try await memory.runStatus("get_document", ["document_id": id, "as_of": "2020-01-01"])
        }
        _ = try await memory.runStatus("delete", ["document_id": id, "dry_run": false])
        #expect(world.points.points(in: "memories.history").isEmpty)
    }
}
