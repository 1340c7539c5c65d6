import JSON
import Memory
import Testing
import VectorEngine

@Suite("What the shell says")
struct ShellTextTests {
    private let world = TestWorld()

    private func stored(_ memory: MemoryStore, _ items: [JSONValue]) async throws -> StoreOutcome {
        var outcome = StoreOutcome()
        try await memory.storeReadable(items, CallContext(clientName: "t"), &outcome)
        return outcome
    }

    @Test("The sentence names every outcome, and one similar memory by its address")
    func sentence() {
        let one = [StoreOutcome.Neighbour(id: "i", text: "t")]
        #expect(
            StoreOutcome.sentence(["total": 4, "stored": 2, "updated": 1, "skipped": 1, "similar": 1], similar: one)
                == "2 stored, 1 updated, 1 skipped, 1 similar to memory://i")
        #expect(StoreOutcome.sentence(["stored": 2, "similar": 2], similar: one + one) == "2 stored, 2 similar")
        #expect(StoreOutcome.sentence(["total": 0], similar: []) == "nothing stored")
    }

    @Test("An item that the contract refuses keeps no other back, and is named by its place")
    func refusals() async throws {
        let memory = world.memory()
        var items: [JSONValue] = (0..<40).map { ["kind": "todo", "content": .string("number \($0)")] }
        items[3] = ["kind": "todo", "content": "x", "colour": "red"]
        items[17] = ["kind": "todo"]
        items[39] = "a bare text, which is read as the content"
        let outcome = try await stored(memory, items)
        #expect(outcome.counts["stored"] == 38 && outcome.refusals.map(\.index).sorted() == [3, 17])
        #expect(!outcome.isWhole && outcome.changesSomething)
        #expect(outcome.notes.filter { $0.hasPrefix("item ") }.count == 2)
        let all = try await stored(memory, [["colour": "red"]])
        #expect(all.counts["failed"] == 1 && all.lines == ["1 failed"])
    }

    @Test("Of many similar and contradicted memories the first three are named, with how many more there are")
    func manyNeighbours() async throws {
        let memory = world.memory()
        let items: [JSONValue] = (0..<30).map { ["kind": "todo", "content": .string("the retry limit is \($0)")] }
        let outcome = try await stored(memory, items)
        #expect(outcome.similar.count > 20 && outcome.contradicted.count > 20)
        let similar = outcome.remarks.filter { $0.hasPrefix("similar to memory://") }
        let contradicted = outcome.remarks.filter { $0.hasPrefix("contradicts memory://") }
        #expect(similar.count == 3 && contradicted.count == 3 && outcome.remarks.count == 9)
        #expect(outcome.remarks.contains("and \(outcome.similar.count - 3) more; --json lists them"))
        #expect(outcome.json["similar_to"]?.arrayValue?.count == outcome.similar.count)
        #expect(outcome.json["contradicts"]?.arrayValue?.count == outcome.contradicted.count)
        let few = try await stored(world.memory(), [["content": "one"]])
        #expect(few.remarks.isEmpty)
    }

    @Test("One stored memory is told with its address and its end")
    func lines() async throws {
        let memory = world.memory()
        let outcome = try await stored(
            memory, [["kind": "todo", "content": "x", "ttl_config": ["policy": "short"]]])
        let id = try #require(outcome.ids.first)
        #expect(outcome.lines == ["1 stored", "memory://\(id)", "expires at 2026-02-01T12:00:00.000Z"])
    }

    @Test("An item with the key of an earlier call was skipped")
    func replays() async throws {
        let memory = world.memory()
        let item: JSONValue = ["kind": "todo", "content": "x", "idempotency_key": "k"]
        #expect(try await stored(memory, [item]).counts["stored"] == 1)
        world.advance(seconds: 1)
        let again = try await stored(memory, [item])
        #expect(again.counts["stored"] == nil && again.counts["skipped"] == 1)
    }

    @Test(
        "Ages are told in the unit that fits",
        arguments: [
            (-5, "just now"), (59, "just now"), (60, "1 minute ago"), (3_599, "59 minutes ago"), (7_200, "2 hours ago"),
            (3 * 86_400, "3 days ago"), (59 * 86_400, "59 days ago"), (61 * 86_400, "2025-12-01"),
        ] as [(Int64, String)])
    func ages(seconds: Int64, expected: String) {
        #expect(ShownMemory.age(of: TestWorld.start - seconds * 1_000_000, now: TestWorld.start) == expected)
    }

    @Test("A memory is shown with its facts, wrapped at blanks to the width of the terminal")
    func shown() {
        let item: JSONValue = [
            "id": "i", "kind": "section", "score": 0.507, "relevance": "likely", "scope": ["project": "p"],
            "created_at": "2026-01-31T11:00:00Z",
            "data": [
                "title": "Guide", "heading": "Guide", "body_md": "one two three\nfour", "document_id": "/w/d/g.md",
            ],
        ]
        let shown = ShownMemory(item, now: TestWorld.start, folder: "/w")
        #expect(shown.facts == ["0.51 likely", "section", "p", "1 hour ago", "d/g.md"])
        #expect(shown.lines(width: 10, limit: 9) == ["Guide", "one two", "three", "four"])
        #expect(shown.lines(width: 10, limit: 2) == ["Guide", "…"])
        #expect(shown.lines(width: nil, limit: 9) == ["Guide", "one two three", "four"])
        let wide = ShownMemory(["content": "早朝の会議で決めた"], now: 0, folder: "/")
        #expect(wide.lines(width: 10, limit: 9) == ["早朝の会議", "で決めた"])
        let long = ShownMemory(["content": .string(String(repeating: "x", count: 25))], now: 0, folder: "/")
        #expect(long.lines(width: 10, limit: 9).map(\.count) == [10, 10, 5])
        #expect(ShownMemory(["content": ""], now: 0, folder: "/").lines(width: 10, limit: 9) == [""])
    }

    @Test("Of a long memory the passage that was found is shown, with the lines around the query's words")
    func passages() {
        let item: JSONValue = [
            "content": "begin one two three end", "match": ["text": "one two", "start": 6, "end": 13],
        ]
        #expect(ShownMemory(item, now: 0, folder: "/").lines(width: nil, limit: 3) == ["…one two…"])
        let lines = (0..<20).map { "the line with the number \($0)" }
        let long = ShownMemory(["content": .string(lines.joined(separator: "\n"))], now: 0, folder: "/")
        func shown(_ query: String) -> [String] { long.lines(width: nil, limit: 4, query: query) }
        #expect(shown("line Number 9") == ["…", lines[8], lines[9], "…"])
        #expect(shown("number 0") == lines[0...2] + ["…"] && shown("") == lines[0...2] + ["…"])
        #expect(shown("number 2") == lines[0...2] + ["…"] && shown("number 3") == ["…", lines[2], lines[3], "…"])
        #expect(shown("19") == ["…"] + lines[17...19] && shown("17") == ["…", lines[16], lines[17], "…"])
        #expect(shown("18") == ["…"] + lines[17...19])
    }

    @Test("The text that a person edits goes back to where it was")
    func editedText() {
        let content = EditedText(of: ["content": "a", "data": ["body_md": "b"]])
        #expect(content.text == "a" && content.change(to: "c") == ["content": "c"])
        let section = EditedText(of: ["data": ["title": "t", "body_md": "b"]])
        #expect(section.text == "b" && section.change(to: "c") == ["data": ["body_md": "c"]])
        #expect(EditedText(of: ["data": ["name": "n"]]).change(to: "c") == ["content": "c"])
    }

    // MARK: The briefing

    @Test("A briefing has the project's decisions, open todos and lessons, the newest first, within its bytes")
    func briefing() async throws {
        let memory = world.memory(embedder: nil)
        var items: [JSONValue] = []
        for n in 0..<60 {
            items.append([
                "kind": "decision", "content": .string("decision \(n) " + String(repeating: "é", count: 400)),
            ])
            items.append([
                "kind": "todo", "content": .string("todo \(n)"), "data": ["status": n == 7 ? "done" : "pending"],
            ])
        }
        items.append(["kind": "observation", "content": "a lesson", "data": ["observation_type": "lesson"]])
        items.append(["kind": "observation", "content": "preferred", "tags": ["preference"]])
        items.append(["kind": "observation", "content": "plain"])
        items.append(["kind": "todo", "content": "elsewhere", "scope": ["project": "q"]])
        let scope = MemoryScope(["project": "p", "branch": "main"])
        for start in stride(from: 0, to: items.count, by: 50) {
            var outcome = StoreOutcome()
            try await memory.storeReadable(
                Array(items[start..<min(items.count, start + 50)]), CallContext(defaultScope: scope), &outcome)
            #expect(outcome.isWhole)
        }
        for limit in [500, 2_000, 8_000] {
            let text = try #require(try await memory.briefing(MemoryScope(["project": "p"]), limit: limit))
            #expect(text.utf8.count <= limit)
        }
        let text = try #require(try await memory.briefing(MemoryScope(["project": "p"])))
        #expect(text.contains("decision 59") && text.contains("todo 59") && text.contains("a lesson"))
        #expect(text.contains("preferred") && !text.contains("plain") && !text.contains("elsewhere"))
        #expect(!text.contains("todo 7 ") && text.utf8.count > 7_000)
        let lines = text.split(separator: "\n")
        #expect(lines.allSatisfy { $0.utf8.count <= 330 })
        #expect(try await memory.briefing(MemoryScope(["project": "nope"])) == nil)
        #expect(try await memory.briefing(.empty) == nil)
        #expect(try await TestWorld().memory().briefing(.empty) == nil)
    }
}
