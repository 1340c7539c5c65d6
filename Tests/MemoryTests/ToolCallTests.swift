import JSON
import Memory
import Testing

/// The tools that read, change, delete and list, from their arguments to their answers.
@Suite("Reading, changing, deleting and listing") struct ToolCallTests {
    private let world = TestWorld()

    private func call(
        _ memory: MemoryStore, _ name: String, _ arguments: JSONObject, context: CallContext = CallContext()
    ) async throws -> JSONValue {
        let contract = memory.contract
        let tool = try #require(contract.tools.first { $0.name == name })
        let answer =
            switch name {
            case "memory_get": try await memory.callGet(arguments: arguments, context: context)
            case "memory_update": try await memory.callUpdate(arguments: arguments, context: context)
            case "memory_delete": try await memory.callDelete(arguments: arguments, context: context)
            case "memory_list": try await memory.callList(arguments: arguments, context: context)
            case "memory_find": try await memory.callFind(arguments: arguments, context: context)
            default: try await memory.callStatus(arguments: arguments, context: context)
            }
        _ = try tool.result.checked(answer, at: "")
        return answer
    }

    private func limited(_ characters: Int = 40_000) -> CallContext {
        var context = CallContext()
        context.maximumCharacters = characters
        return context
    }

    private func id(_ results: [JSONValue], _ index: Int = 0) throws -> String {
        try #require(results[index]["id"]?.stringValue)
    }

    @Test("a dry run by ids deletes nothing, whether it asks to erase or not", arguments: [false, true])
    func aDryRunByIds(erases: Bool) async throws {
        let memory = world.memory()
        let kept = try id(try await memory.storeItems([["content": "precious"]]))
        let gone = "01900000-0000-7000-8000-000000000000"
        let arguments: JSONObject = [
            "ids": [.string(kept), .string(gone)], "dry_run": true, "erase": .bool(erases),
        ]
        let answer = try await call(memory, "memory_delete", arguments)
        #expect(answer["dry_run"] == true && answer["count"] == 1 && answer["missing"] == [.string(gone)])
        #expect(answer["erasure"] == nil)
        #expect(
            try await call(memory, "memory_get", ["id": .string(kept)])["items"]?.strings("content") == ["precious"])
        let second = try await call(memory, "memory_delete", ["ids": [.string(kept)]])
        #expect(second["dry_run"] == false && second["count"] == 1)
    }

    @Test("a status to filter by may be spelled in another way")
    func spellingsOfAStatus() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([
            ["kind": "todo", "content": "paint", "data": ["title": "paint", "status": "in_progress"]],
            ["kind": "todo", "content": "sweep", "data": ["title": "sweep", "status": "Waiting"]],
        ])
        for (status, expected) in [("In-Progress", ["paint"]), ("Waiting", ["sweep"]), ("waiting", [])] {
            let listed = try await call(memory, "memory_list", ["status": .string(status)])
            #expect(listed["items"]?.strings("content") == expected, "\(status)")
            let found = try await call(
                memory, "memory_find", ["query": "paint sweep", "filters": ["metadata": ["status": .string(status)]]])
            #expect(found["items"]?.strings("content") == expected, "\(status)")
        }
    }

    // MARK: Reading

    @Test("memories come back in the order asked, and ids that are not there are named")
    func getKeepsTheOrder() async throws {
        let memory = world.memory()
        let stored = try await memory.storeItems([["content": "first"], ["content": "second"]])
        let gone = "01900000-0000-7000-8000-000000000000"
        let ids: JSONValue = [.string(try id(stored, 1)), .string(gone), .string(try id(stored, 0))]
        let answer = try await call(memory, "memory_get", ["ids": ids])
        #expect(answer["items"]?.strings("content") == ["second", "first"])
        #expect(answer["missing"] == [.string(gone)])
        await #expect(throws: MemoryError.self) { try await call(memory, "memory_get", ["id": .string(gone)]) }
    }

    @Test(
        "a long text comes in pages that make up the whole, each within its limit", arguments: [3_000, 8_000, 40_000])
    func longTextsComeInPages(characters: Int) async throws {
        let memory = world.memory()
        let text = (0..<9_000).map { "word\($0) \"quoted\"\n" }.joined().prefix(120_000)
        let stored = try await memory.storeItems([
            ["content": .string(String(text)), "metadata": ["note": "kept"]], ["content": "short"],
        ])
        let ids: JSONValue = [.string(try id(stored)), .string(try id(stored, 1))]
        var arguments: JSONObject = ["ids": ids]
        var (read, others, pages) = ("", [String](), 0)
        repeat {
            let answer = try await call(memory, "memory_get", arguments, context: limited(characters))
            for item in answer["items"]?.arrayValue ?? [] {
                let content = item["content"]?.stringValue ?? ""
                if item["id"] == stored[0]["id"] { read += content } else { others.append(content) }
            }
            #expect(JSONWriter.text(answer).unicodeScalars.count <= characters)
            arguments["cursor"] = answer["next_cursor"]
            pages += 1
        } while arguments["cursor"] != nil && pages < 1_000
        #expect(read == String(text) && others == ["short"])
        #expect(pages > 120_000 / characters)
        arguments["cursor"] = "g0-0-5-00000000"
        await #expect(throws: MemoryError.self) { try await call(memory, "memory_get", arguments) }
    }

    @Test("data that is too large for an answer comes in parts of its JSON")
    func largeDataComesInParts() async throws {
        let memory = world.memory()
        let data: JSONObject = ["title": "t", "steps": .array((0..<4_000).map { .string("step number \($0)") })]
        let stored = try await memory.storeItems([["kind": "runbook", "content": "run it", "data": .object(data)]])
        var arguments: JSONObject = ["id": .string(try id(stored))]
        var (text, pages) = ("", 0)
        repeat {
            let answer = try await call(memory, "memory_get", arguments, context: limited())
            for item in answer["items"]?.arrayValue ?? [] { text += item["part"]?["text"]?.stringValue ?? "" }
            arguments["cursor"] = answer["next_cursor"]
            pages += 1
        } while arguments["cursor"] != nil && pages < 100
        #expect(try JSONParser.parse(text) == .object(data))
    }

    // MARK: Changing

    @Test("an update changes what is given, keeps the rest, and keeps the former version")
    func updateKeepsTheRest() async throws {
        let memory = world.memory()
        let stored = try await memory.storeItems([
            [
                "kind": "todo", "content": "buy milk", "data": ["title": "milk", "status": "pending", "owner": "Ana"],
                "tags": ["home"],
            ]
        ])
        let id = JSONValue.string(try id(stored))
        world.advance(seconds: 60)
        let changed = try await call(
            memory, "memory_update", ["id": id, "data": ["status": "done", "owner": nil], "expected_version": 1])
        #expect(changed["version"] == 2 && changed["former_version"] == 1)
        #expect(changed["item"]?["data"] == ["title": "milk", "status": "done"])
        #expect(changed["item"]?["content"] == "buy milk" && changed["item"]?["tags"] == ["home"])
        let read = try await call(memory, "memory_get", ["id": id, "versions": true])
        let item = read["items"]?.arrayValue?.first
        #expect(item?["version"] == 2)
        #expect(item?["versions"]?.arrayValue?.first?["data"]?["status"] == "pending")
        let before = try await call(memory, "memory_get", ["id": id, "as_of": "2026-01-31T12:00:30Z"])
        #expect(before["items"]?.arrayValue?.first?["data"]?["status"] == "pending")
    }

    @Test("an update of a version that is no longer the last is refused, and one that changes nothing makes no version")
    func updateExpectsTheLastVersion() async throws {
        let memory = world.memory()
        let id = JSONValue.string(try id(try await memory.storeItems([["content": "one"]])))
        _ = try await call(memory, "memory_update", ["id": id, "content": "two"])
        await #expect {
            try await call(memory, "memory_update", ["id": id, "content": "three", "expected_version": 1])
        } throws: { ($0 as? MemoryError)?.field == "expected_version" }
        let same = try await call(memory, "memory_update", ["id": id, "content": "two"])
        #expect(same["version"] == 2 && same["former_version"] == nil)
    }

    @Test("a version that is brought back is a new version, and what it replaced is kept")
    func restoreIsANewVersion() async throws {
        let memory = world.memory()
        let id = JSONValue.string(try id(try await memory.storeItems([["content": "one", "tags": ["a"]]])))
        world.advance(seconds: 1)
        _ = try await call(memory, "memory_update", ["id": id, "content": "two", "tags": ["b"]])
        world.advance(seconds: 1)
        let restored = try await call(memory, "memory_update", ["id": id, "restore": 1])
        #expect(restored["version"] == 3 && restored["item"]?["content"] == "one" && restored["item"]?["tags"] == ["a"])
        let item = try await call(memory, "memory_get", ["id": id, "versions": true])["items"]?.arrayValue?.first
        #expect(item?["versions"]?.strings("content") == ["one", "two"])
        #expect(try await memory.findItems("two", ["mode": "fast"])["items"]?.arrayValue?.isEmpty == true)
        await #expect(throws: MemoryError.self) { try await call(memory, "memory_update", ["id": id, "restore": 9]) }
    }

    @Test("an accepted decision and an approved section do not change, and a critical incident keeps its commander")
    func rulesHoldForUpdates() async throws {
        let memory = world.memory()
        let stored = try await memory.storeItems([
            ["kind": "decision", "data": ["component": "db", "status": "accepted", "title": "t", "rationale": "r"]],
            ["kind": "section", "data": ["title": "s", "heading": "h", "body_md": "b"], "tags": ["approved"]],
            ["kind": "incident", "data": ["title": "i", "severity": "critical", "incident_commander": "Ana"]],
        ])
        for (index, change) in [
            (0, ["data": ["title": "other"]]), (1, ["content": "other"]), (2, ["data": ["incident_commander": nil]]),
        ] as [(Int, JSONObject)] {
            var arguments = change
            arguments["id"] = .string(try id(stored, index))
            await #expect {
                try await call(memory, "memory_update", arguments)
            } throws: { ($0 as? MemoryError)?.code == .denied }
        }
    }

    // MARK: Deleting

    @Test("ids are deleted at once; a filter first says what it would delete, and then wants its token")
    func deletion() async throws {
        let memory = world.memory()
        let stored = try await memory.storeItems([
            ["content": "one", "tags": ["old"]], ["content": "two", "tags": ["old"]], ["content": "three"],
        ])
        let once = try await call(memory, "memory_delete", ["ids": [.string(try id(stored, 2))]])
        #expect(once["count"] == 1 && once["dry_run"] == false)
        let filter: JSONValue = ["tags": ["old"]]
        let dry = try await call(memory, "memory_delete", ["filter": filter])
        #expect(dry["count"] == 2 && dry["dry_run"] == true)
        #expect(try await memory.findItems("one", ["mode": "fast"])["items"]?.arrayValue?.count == 1)
        await #expect {
            try await call(memory, "memory_delete", ["filter": filter, "dry_run": false])
        } throws: { ($0 as? MemoryError)?.field == "token" }
        let done = try await call(memory, "memory_delete", ["filter": filter, "token": dry["token"] ?? .null])
        #expect(done["count"] == 2 && done["dry_run"] == false)
        #expect(try await call(memory, "memory_list", [:])["total"] == 0)
    }

    // MARK: Listing

    @Test("a list goes through every memory once, in its order", arguments: ["newest", "oldest", "updated"])
    func listsGoThroughEveryMemory(order: String) async throws {
        let memory = world.memory()
        var all: [String] = []
        for batch in 0..<3 {
            let items = (0..<9).map { JSONValue.object(["content": .string("memory \(batch) \($0)")]) }
            all += JSONValue.array(try await memory.storeItems(items)).strings("id")
            world.advance(seconds: 1)
        }
        var (seen, arguments) = ([String](), ["limit": 4, "order": .string(order)] as JSONObject)
        repeat {
            let answer = try await call(memory, "memory_list", arguments)
            #expect(answer["total"] == 27)
            seen += answer["items"]?.strings("id") ?? []
            arguments["cursor"] = answer["next_cursor"]
        } while arguments["cursor"] != nil && seen.count < 100
        #expect(seen == (order == "oldest" ? all : all.reversed()))
    }

    @Test("a list is narrowed by project, kind, tag, status, session and date")
    func listsAreNarrowed() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([
            ["kind": "todo", "content": "a", "data": ["status": "pending"], "scope": "p", "tags": ["x"]],
            ["kind": "todo", "content": "b", "data": ["status": "done"], "scope": "p", "session": "s"],
            ["kind": "preference", "content": "c", "scope": "q", "tags": ["x", "y"]],
        ])
        for (arguments, found) in [
            (["project": "p"], ["b", "a"]), (["kind": "todo"], ["b", "a"]), (["kind": "preference"], ["c"]),
            (["tags": ["x"]], ["c", "a"]), (["tags": "x, y"], ["c"]), (["status": "pending"], ["a"]),
            (["session": "s"], ["b"]), (["created_before": "2026-01-31T11:00:00Z"], []),
            (["created_after": "2026-01-31T11:00:00Z", "project": "q"], ["c"]),
        ] as [(JSONObject, [String])] {
            #expect(try await call(memory, "memory_list", arguments)["items"]?.strings("content") == found)
        }
        let projects = try await call(memory, "memory_list", ["what": "projects"])["projects"]
        #expect(projects == [["name": "p", "count": 2], ["name": "q", "count": 1]])
        let tags = try await call(memory, "memory_list", ["what": "tags"])["tags"]
        #expect(tags == [["name": "x", "count": 2], ["name": "y", "count": 1]])
    }

    // MARK: Finding

    @Test("a page of a find stops at the limit of an answer, and its cursor leads to the next")
    func findsStopAtTheLimit() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems(
            (0..<60).map { ["content": .string("zebra \($0) " + String(repeating: "text ", count: 250))] },
            ["deduplication": ["enabled": false]])
        var (seen, arguments) = ([String](), ["query": "zebra", "limit": 60] as JSONObject)
        var pages = 0
        repeat {
            let answer = try await call(memory, "memory_find", arguments, context: limited())
            #expect(JSONWriter.text(answer).unicodeScalars.count < 40_000)
            seen += answer["items"]?.strings("id") ?? []
            arguments["cursor"] = answer["next_cursor"]
            pages += 1
        } while arguments["cursor"] != nil && pages < 60
        #expect(Set(seen).count == 60 && seen.count == 60 && pages > 2)
        await #expect {
            try await call(memory, "memory_find", ["query": "other", "cursor": "f3-00000000"])
        } throws: { ($0 as? MemoryError)?.field == "cursor" }
    }

    @Test("names that are no kinds are kept, and a find by such a name finds what was stored under it")
    func otherKindNamesAreFound() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([
            ["kind": "preference", "content": "zebra tea"], ["kind": "fact", "content": "zebra coffee"],
            ["kind": "task", "content": "zebra water"],
        ])
        for (names, found) in [
            (["preference"], ["zebra tea"]), (["Preference", "fact"], ["zebra tea", "zebra coffee"]),
            (["task"], ["zebra water"]), (["todo"], ["zebra water"]),
            (["observation"], ["zebra tea", "zebra coffee"]), (["todo", "fact"], ["zebra coffee", "zebra water"]),
        ] as [([JSONValue], [String])] {
            let items = try await memory.callFind(
                arguments: ["query": "zebra", "kinds": .array(names)], context: CallContext())["items"]
            #expect(Set(items?.strings("content") ?? []) == Set(found))
        }
    }

    @Test("ids are deleted at once, unless the call asks for a dry run")
    func dryRunOfIDs() async throws {
        let memory = world.memory()
        let stored = try await memory.storeItems([["content": "first"], ["content": "second"]])
        let ids: JSONValue = [.string(try id(stored)), .string(try id(stored)), .string(try id(stored, 1))]
        let dry = try await call(memory, "memory_delete", ["ids": ids, "dry_run": true])
        #expect(dry["dry_run"] == true && dry["count"] == 2)
        #expect(try await call(memory, "memory_list", [:])["total"] == 2)
        let done = try await call(memory, "memory_delete", ["ids": ids])
        #expect(done["dry_run"] == false && done["count"] == 2)
        #expect(try await call(memory, "memory_list", [:])["total"] == 0)
    }

    @Test(
        "a filter that narrows nothing deletes nothing",
        arguments: [
            ["tags": []], ["metadata": [:]], ["metadata": ["a": [:]]], ["status": [:]], ["scope": ["project": ""]],
            ["types": []], ["ttl_filters": ["include_expired": true]], ["filters": ["tags": [], "metadata": [:]]],
        ] as [JSONObject])
    func voidFiltersDeleteNothing(filter: JSONObject) async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([["content": "one"]])
        await #expect { try await call(memory, "memory_delete", ["filter": .object(filter)]) } throws: {
            ($0 as? MemoryError)?.field?.hasPrefix("filter") == true
        }
    }

    @Test("a filter by expiry is one to delete by")
    func expiryFiltersDelete() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([["content": "one", "ttl": "short"], ["content": "two"]])
        let filter: JSONValue = ["ttl_filters": ["ttl_policies": ["short"]]]
        #expect(try await call(memory, "memory_delete", ["filter": filter])["count"] == 1)
    }

    @Test("a moment that an answer shows is one at which the memory was known")
    func shownMomentsAreKnown() async throws {
        let memory = world.memory()
        world.advance(seconds: 1)
        let stored = try await memory.storeItems([["content": "zebra"], ["content": "okapi"], ["content": "mule"]])
        world.advance(seconds: 1)
        for index in 0..<3 {
            let ids: JSONValue = [.string(try id(stored, index))]
            let item = try await call(memory, "memory_get", ["ids": ids])["items"]?.arrayValue?.first
            let moment = try #require(item?["created_at"]?.stringValue)
            for moment in [moment, moment.prefix(19) + "Z"] {
                let answer = try await call(memory, "memory_get", ["ids": ids, "as_of": .string(moment)])
                #expect(answer["items"]?.strings("content") == [item?["content"]?.stringValue ?? ""])
                let found = try await call(
                    memory, "memory_find", ["query": "zebra okapi mule", "as_of": .string(moment)])
                #expect(found["total"] == 3)
            }
        }
    }

    @Test("here is the current project for every tool, and refused where there is none")
    func hereIsTheCurrentProject() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([
            ["kind": "todo", "content": "one", "scope": "Alpha", "tags": ["a"]],
            ["kind": "todo", "content": "two", "scope": "beta", "tags": ["b"]],
        ])
        let home = CallContext(defaultScope: MemoryScope(["project": "alpha"]))
        let calls: [(String, JSONObject, String)] = [
            ("memory_find", ["query": "one", "scope": "here"], "scope"),
            ("memory_list", ["project": "here"], "project"),
            ("memory_list", ["what": "tags", "project": "Here"], "project"),
            ("memory_delete", ["filter": ["scope": "here", "types": ["todo"]]], "filter.scope"),
            ("system_status", ["operation": "stats", "scope": "here"], "scope"),
            ("system_status", ["operation": "export", "scope": "here"], "scope"),
        ]
        for (name, arguments, field) in calls {
            let answer = try await call(memory, name, arguments, context: home)
            let count =
                answer["stats"]?["items"] ?? answer["count"] ?? answer["total"]
                ?? .integer(Int64(answer["items"]?.arrayValue?.count ?? 0))
            #expect(count == 1, "\(name) \(arguments)")
            await #expect("\(name) \(arguments)") { try await call(memory, name, arguments) } throws: {
                ($0 as? MemoryError)?.field == field
            }
        }
    }

    @Test("a list of names is refused with a cursor that no page gave, and stops at its characters")
    func namesComeInPages() async throws {
        let memory = world.memory()
        let tags = (0..<90).map { JSONValue.string("\($0) " + String(repeating: "é", count: 600)) }
        _ = try await memory.storeItems([["content": "one", "tags": .array(tags)]])
        for cursor in ["forged", "-1", "99999999999999999999"] {
            await #expect {
                try await call(memory, "memory_list", ["what": "tags", "cursor": .string(cursor)])
            } throws: {
                ($0 as? MemoryError)?.field == "cursor"
            }
        }
        var seen = 0
        var arguments: JSONObject = ["what": "tags", "limit": 100]
        repeat {
            let page = try await call(memory, "memory_list", arguments, context: limited())
            #expect(JSONWriter.text(page).unicodeScalars.count < 20_000 && page["total"] == 90)
            seen += page["tags"]?.arrayValue?.count ?? 0
            arguments["cursor"] = page["next_cursor"]
        } while arguments["cursor"] != nil
        #expect(seen == 90)
    }

    @Test("an incident's resolution status is its status in a list")
    func resolutionStatusIsAStatus() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([
            ["kind": "incident", "content": "outage", "data": ["resolution_status": "open"]],
            ["kind": "issue", "content": "bug", "data": ["status": "open"]],
            ["kind": "issue", "content": "fixed", "data": ["status": "closed"]],
        ])
        let listed = try await call(memory, "memory_list", ["status": "open"])["items"]?.strings("content")
        #expect(listed?.sorted() == ["bug", "outage"])
    }

    @Test("fields of the kinds narrow a find, inside filters and beside them")
    func kindFieldsNarrow() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([
            ["kind": "todo", "content": "zebra one", "data": ["status": "pending"]],
            ["kind": "todo", "content": "zebra two", "data": ["status": "done"]],
        ])
        for narrowing: JSONObject in [["filters": ["status": "pending"]], ["status": "pending"]] {
            let arguments = narrowing.merging(["query": "zebra"]) { $1 }
            let items = try await memory.callFind(arguments: arguments, context: CallContext())["items"]
            #expect(items?.strings("content") == ["zebra one"])
        }
    }

    @Test("an answer to which nothing stored is close says so, and marks its hits")
    func weakAnswersSaySo() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([["content": "zebra crossing"]])
        let weak = try await memory.findItems("qqqq")
        #expect(weak["note"] == "nothing stored is close to this")
        #expect(weak["items"]?.strings("relevance") == ["weak"])
        let near = try await memory.findItems("zebra")
        #expect(near["note"] == nil && near["items"]?.strings("relevance") == ["likely"])
    }

    @Test("a scope in which nothing is found is answered with the projects there are")
    func emptyScopesNameTheProjects() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([["content": "zebra", "scope": "alpha"]])
        let answer = try await memory.callFind(arguments: ["query": "zebra", "scope": "beta"], context: CallContext())
        #expect(answer["items"]?.arrayValue?.isEmpty == true && answer["projects"] == ["alpha"])
    }
}
