import JSON
import Memory
import Testing

/// Arguments as models send them, and how they are read.
struct ReadingCase: Sendable, CustomTestStringConvertible {
    let tool: String
    let sent: JSONObject
    /// Members of the checked arguments; those that are not named are not looked at.
    let read: JSONObject
    let isLiteral: Bool

    init(_ tool: String, _ sent: JSONObject, _ read: JSONObject, isLiteral: Bool = false) {
        (self.tool, self.sent, self.read, self.isLiteral) = (tool, sent, read, isLiteral)
    }

    var testDescription: String { "\(tool) \(JSONWriter.text(.object(sent)))" }
}

private let id = "01900000-0000-7000-8000-000000000000"

@Suite("Arguments are read as they were meant") struct ReadingTests {
    private static let contract = MemoryContract()

    private static func tool(_ name: String) throws -> MemoryTool {
        try #require(contract.tools.first { $0.name == name })
    }

    /// Whether `value` has all that `expected` has.
    private static func has(_ value: JSONValue?, _ expected: JSONValue) -> Bool {
        switch (value, expected) {
        case (.object(let members)?, .object(let wanted)):
            wanted.allSatisfy { has(members[$0.key], $0.value) }
        case (.array(let elements)?, .array(let wanted)):
            elements.count == wanted.count && zip(elements, wanted).allSatisfy { has($0, $1) }
        default: value == expected
        }
    }

    static let cases: [ReadingCase] = [
        // As the schemas say.
        ReadingCase(
            "memory_store", ["items": [["kind": "todo", "content": "a", "tags": ["x"], "scope": ["project": "p"]]]],
            ["items": [["kind": "todo", "content": "a", "tags": ["x"], "scope": ["project": "p"]]]], isLiteral: true),
        ReadingCase(
            "memory_store", ["items": [["content": "a"]]], ["items": [["kind": "observation"]]], isLiteral: true),
        ReadingCase(
            "memory_find", ["query": "a", "limit": 3], ["limit": 3, "search_strategy": "auto"], isLiteral: true),
        ReadingCase(
            "memory_find", ["query": "a", "filters": ["status": "pending"]],
            ["filters": ["fields": ["status": "pending"]]], isLiteral: true),
        ReadingCase("memory_list", [:], ["what": "memories", "limit": 20, "order": "newest"], isLiteral: true),
        ReadingCase("system_status", [:], ["operation": "health"], isLiteral: true),
        // JSON as text, one object for a list, numbers and flags as text.
        ReadingCase("memory_store", ["items": #"[{"content":"a"}]"#], ["items": [["content": "a"]]]),
        ReadingCase("memory_store", ["items": ["content": "a"]], ["items": [["content": "a"]]]),
        ReadingCase("memory_store", ["items": #"{"content":"a"}"#], ["items": [["content": "a"]]]),
        ReadingCase("memory_store", ["items": ["a", "b"]], ["items": [["content": "a"], ["content": "b"]]]),
        ReadingCase("memory_store", ["items": [#"{"content":"a"}"#]], ["items": [["content": "a"]]]),
        ReadingCase("memory_store", ["items": "remember, the milk"], ["items": [["content": "remember, the milk"]]]),
        ReadingCase(
            "memory_store", ["items": "42", "kind": "todo"], ["items": [["content": "42", "kind": "todo"]]]),
        ReadingCase("memory_list", ["what": "project"], ["what": "projects"]),
        ReadingCase("memory_list", ["what": "Memory"], ["what": "memories"]),
        ReadingCase(
            "memory_store", ["items": [["kind": "todo", "data": #"{"title":"t"}"#]]],
            ["items": [["data": ["title": "t"]]]]),
        ReadingCase(
            "memory_store", ["items": [["content": "a"]], "processing": ["strict": "true"]],
            ["processing": ["strict": true]]),
        ReadingCase("memory_find", ["query": "a", "limit": "3"], ["limit": 3]),
        ReadingCase("memory_find", ["query": "a", "min_relevance": "0.5"], ["min_relevance": 0.5]),
        ReadingCase("memory_find", ["query": "a", "explain": "True"], ["explain": true]),
        ReadingCase("memory_find", ["query": "a", "types": "todo, decision"], ["types": ["todo", "decision"]]),
        ReadingCase("memory_find", ["query": "a", "types": #"["todo"]"#], ["types": ["todo"]]),
        ReadingCase("memory_find", ["query": "a", "filters": #"{"tags":["x"]}"#], ["filters": ["tags": ["x"]]]),
        ReadingCase("memory_find", ["query": 404], ["query": "404"]),
        ReadingCase("memory_store", ["items": [["content": "a", "tags": "x, y"]]], ["items": [["tags": ["x", "y"]]]]),
        ReadingCase("memory_store", ["items": [["content": "a", "tags": "x"]]], ["items": [["tags": ["x"]]]]),
        ReadingCase("memory_store", ["items": [["content": "a", "tag": "x"]]], ["items": [["tags": ["x"]]]]),
        ReadingCase(
            "memory_store", ["items": [["content": [["type": "text", "text": "a"], ["type": "text", "text": "b"]]]]],
            ["items": [["content": "a\nb"]]]),
        // Absent values.
        ReadingCase(
            "memory_find", ["query": "a", "limit": nil, "types": nil, "as_of": nil, "filters": nil], ["limit": 10],
            isLiteral: true),
        ReadingCase("memory_find", ["query": "a", "as_of": "", "cursor": ""], ["query": "a"], isLiteral: true),
        // Letter case, hyphens, camelCase.
        ReadingCase(
            "memory_store", ["items": [["kind": "Decision", "content": "a"]]], ["items": [["kind": "decision"]]]),
        ReadingCase(
            "memory_store", ["items": [["kind": "release-note", "content": "a"]]], ["items": [["kind": "release_note"]]]
        ),
        ReadingCase("memory_store", ["items": [["kind": "todos", "content": "a"]]], ["items": [["kind": "todo"]]]),
        ReadingCase("memory_find", ["query": "a", "searchStrategy": "FAST"], ["search_strategy": "fast"]),
        ReadingCase("memory_find", ["query": "a", "topK": 4], ["limit": 4]),
        ReadingCase(
            "memory_store", ["items": [["content": "a"]], "deduplication": ["merge_strategy": "preferNewer"]],
            ["deduplication": ["merge_strategy": "prefer_newer"]]),
        ReadingCase(
            "memory_store", ["items": [["content": "a", "ttlConfig": ["expiresAt": "2030-01-01"]]]],
            ["items": [["ttl_config": ["expires_at": "2030-01-01"]]]]),
        // One item without its list, and what counts for all.
        ReadingCase("memory_store", ["content": "a"], ["items": [["content": "a"]]]),
        ReadingCase(
            "memory_store", ["text": "a", "type": "decision", "project": "p", "tags": "x"],
            ["items": [["content": "a", "kind": "decision", "scope": ["project": "p"], "tags": ["x"]]]]),
        ReadingCase(
            "memory_store", ["items": [["content": "a"], ["content": "b", "scope": "q"]], "project": "p"],
            ["items": [["content": "a", "scope": ["project": "p"]], ["content": "b"]]]),
        // Other names.
        ReadingCase(
            "memory_store", ["items": [["text": "a", "type": "todo"]]], ["items": [["content": "a", "kind": "todo"]]]),
        ReadingCase("memory_find", ["query": "a", "kind": "todo"], ["types": ["todo"]]),
        ReadingCase("memory_find", ["query": "a", "kinds": ["todo"]], ["types": ["todo"]]),
        ReadingCase("memory_find", ["query": "a", "project": "p"], ["scope": ["project": "p"]]),
        ReadingCase("memory_find", ["query": "a", "scope": "p"], ["scope": ["project": "p"]]),
        ReadingCase(
            "memory_find", ["query": "a", "scope": "p", "branch": "b"], ["scope": ["project": "p", "branch": "b"]]),
        ReadingCase("memory_find", ["query": "a", "mode": "deep"], ["search_strategy": "deep"]),
        ReadingCase("memory_find", ["query": "a", "tags": ["x"]], ["filters": ["tags": ["x"]]]),
        ReadingCase(
            "memory_find", ["query": "a", "status": "pending"], ["filters": ["fields": ["status": "pending"]]]),
        ReadingCase(
            "memory_find", ["query": "a", "include_expired": true], ["ttl_filters": ["include_expired": true]]),
        ReadingCase("memory_get", ["id": .string(id)], ["ids": [.string(id)]]),
        ReadingCase("memory_get", ["ids": .string("memory://" + id)], ["ids": [.string(id)]]),
        ReadingCase("memory_get", ["document_id": .string("memory://" + id)], ["ids": [.string(id)]]),
        ReadingCase("memory_update", ["ids": [.string(id)], "text": "a"], ["id": .string(id), "content": "a"]),
        ReadingCase("memory_update", ["id": .string(id), "status": "done"], ["data": ["status": "done"]]),
        ReadingCase("memory_delete", ["id": .string(id)], ["ids": [.string(id)]]),
        ReadingCase("memory_delete", ["filter": ["kind": "todo"]], ["filter": ["types": ["todo"]]]),
        ReadingCase(
            "memory_delete", ["filter": ["tags": ["x"]]], ["filter": ["filters": ["tags": ["x"]]]], isLiteral: true),
        ReadingCase("memory_list", ["scope": "p", "kind": "todo"], ["project": "p", "kinds": ["todo"]]),
        ReadingCase("system_status", ["operation": "Get-Document", "id": .string(id)], ["document_id": .string(id)]),
        // Kinds by other names.
        ReadingCase(
            "memory_store", ["items": [["kind": "preference", "content": "a"]]],
            ["items": [["kind": "observation", "kind_names": ["preference"]]]]),
        ReadingCase("memory_store", ["items": [["kind": "Task", "content": "a"]]], ["items": [["kind": "todo"]]]),
        ReadingCase(
            "memory_store", ["items": [["kind": "decison", "content": "a"]]], ["items": [["kind": "decision"]]]),
        // Kind fields beside data, short forms of settings, moments as numbers.
        ReadingCase(
            "memory_store", ["items": [["kind": "todo", "title": "t", "status": "pending"]]],
            ["items": [["data": ["title": "t", "status": "pending"]]]]),
        ReadingCase(
            "memory_store", ["items": [["content": "a", "ttl": "short"]]],
            ["items": [["ttl_config": ["policy": "short"]]]]),
        ReadingCase(
            "memory_store", ["items": [["content": "a", "source": "Ana"]]], ["items": [["source": ["actor": "Ana"]]]]),
        ReadingCase("memory_store", ["content": "a", "dedupe": false], ["deduplication": ["enabled": false]]),
        ReadingCase(
            "memory_find", ["query": "a", "created_after": 1_769_860_800],
            ["filters": ["created_after": "2026-01-31T12:00:00.000Z"]]),
    ]

    @Test("what has one possible reading is read that way, with a note where it was not literal", arguments: cases)
    func aCallIsReadAsMeant(testCase: ReadingCase) throws {
        let checked = try Self.tool(testCase.tool).read(testCase.sent)
        #expect(
            Self.has(.object(checked.members), .object(testCase.read)), "\(JSONWriter.text(.object(checked.members)))")
        #expect(checked.notes.isEmpty == testCase.isLiteral, "\(checked.notes)")
        #expect(checked.refusals.isEmpty)
    }

    @Test("all faults of a call are in one error, each with its place")
    func allFaultsAreTold() throws {
        let error = #expect(throws: MemoryError.self) {
            try Self.tool("memory_find").read(["limt": 3, "offset": -1, "filters": ["tagz": ["x"]], "types": [4]])
        }
        let text = try #require(error).description
        for place in ["limt", "offset", "filters.tagz", "types[0]", "query"] {
            #expect(text.contains(place), "\(text)")
        }
        #expect(text.contains("did you mean limit?") && text.contains("did you mean tags?"))
    }

    @Test("a note names the place and the reading, and never the text")
    func notesDoNotRepeatTexts() throws {
        let checked = try Self.tool("memory_store").read(["content": "hunter2", "type": "hunter2", "tags": "hunter2"])
        #expect(!checked.notes.isEmpty && !checked.notes.contains { $0.contains("hunter2") }, "\(checked.notes)")
    }

    @Test("a field beside the only item that there is not is refused with the nearest field of an item")
    func nearestFieldsOfAnItem() throws {
        for (sent, meant) in [
            (["content": "z", "metdata": [:]], "metadata"), (["text": "x", "contnt": "y"], "content"),
        ] as [(JSONObject, String)] {
            let error = #expect(throws: MemoryError.self) { try Self.tool("memory_store").read(sent) }
            #expect(error?.message.contains("did you mean \(meant)?") == true, "\(error?.message ?? "")")
        }
    }

    @Test("broken JSON in a text is refused, and not stored as a text")
    func brokenJSONIsRefused() throws {
        for items: JSONValue in [#"[{"content": "a""#, #"{"content""#, 42] {
            #expect(throws: MemoryError.self) { try Self.tool("memory_store").read(["items": items]) }
        }
    }
}
