import JSON
import Memory
import VectorEngine
import Testing

@Suite("Documents own their memories")
struct DocumentTests {
    private let world = TestWorld()
    private let scope = MemoryScope(["project": "p", "branch": "main"])

    private func document(_ text: String, id: String = "/r/guide.md") -> OwnedDocument {
        OwnedDocument(id: id, formerID: "guide.md", name: "guide.md", text: text, isMarkdown: true)
    }

    private func take(
        _ memory: MemoryStore, _ text: String, id: String = "/r/guide.md"
    ) async throws -> DocumentsResult {
        world.advance(seconds: 60)
        return try await memory.take([document(text, id: id)], scope: scope)
    }

    private func counts(_ result: DocumentsResult) -> [Int] {
        [result.stored, result.updated, result.unchanged, result.retired]
    }

    private func bodies(_ memory: MemoryStore) async throws -> [String] {
        let page = try await memory.runStatus("export", ["limit": 100])
        return (page["items"]?.arrayValue ?? []).compactMap { $0["data"]?["body_md"]?.stringValue }.sorted()
    }

    private let guide = "# Guide\nintro\n## Deploy\npush it\n## Rollback\npoint back\n"

    @Test("A second run on an unchanged document stores nothing and answers with the same ids")
    func unchanged() async throws {
        let memory = world.memory()
        let first = try await take(memory, guide)
        #expect(counts(first) == [3, 0, 0, 0])
        let second = try await take(memory, guide)
        #expect(counts(second) == [0, 0, 3, 0])
        #expect(second.ids == first.ids && first.ids.count == 3)
    }

    @Test("A changed section keeps its id and its former version, and its branch does not matter")
    func changed() async throws {
        let memory = world.memory()
        let first = try await take(memory, guide)
        world.advance(seconds: 60)
        let changed = guide.replacing("push it", with: "push it twice")
        let other = MemoryScope(["project": "P", "branch": "feature"])
        let second = try await memory.take([document(changed)], scope: other)
        #expect(counts(second) == [0, 1, 2, 0] && second.ids == first.ids)
        #expect(try await bodies(memory) == ["intro", "point back", "push it twice"])
        let found = try await memory.runStatus(
            "get_document",
            ["document_id": .string(first.ids[1].description), "response_formatting": ["verbose": true]])
        #expect(found["versions"]?.arrayValue?.compactMap { $0["data"]?["body_md"]?.stringValue } == ["push it"])
    }

    @Test("Tags of the file come and go with it; those that a user gave stay")
    func tags() async throws {
        let memory = world.memory()
        let text = "---\ntags: [draft, guide]\n---\n# A\none\n"
        let id = try await take(memory, text).ids[0]
        var update = MemoryUpdate(id)
        update.tags = ["draft", "guide", "important"]
        _ = try await memory.update(update)
        _ = try await take(memory, text.replacing("draft, ", with: "").replacing("one", with: "two"))
        #expect(try await memory.get([id]).first?["tags"] == ["important", "guide"])
        _ = try await take(memory, "# A\nthree\n")
        #expect(try await memory.get([id]).first?["tags"] == ["important"])
    }

    @Test("A removed section is retired: it is not found any more, and a cleanup of orphans leaves its version")
    func retired() async throws {
        let memory = world.memory()
        _ = try await take(memory, guide)
        world.advance(seconds: 1)
        let moment = Timestamp.format(world.now)
        let second = try await take(memory, "# Guide\nintro\n## Rollback\npoint back\n")
        #expect(counts(second) == [0, 0, 2, 1])
        #expect(try await bodies(memory) == ["intro", "point back"])
        let dry = try await memory.runStatus("run_cleanup", ["cleanup_config": ["operations": ["orphaned"]]])
        #expect(dry["cleanup"]?["would_remove"]?["orphaned"] == 0)
        let before = try await memory.findItems("push it", ["as_of": .string(moment), "limit": 1])
        #expect(before["items"]?.arrayValue?.first?["data"]?["body_md"] == "push it")
    }

    @Test(
        "A retired section is read as of the time before, restored as a memory of its own, and deleted with its bytes")
    func retiredIsReachable() async throws {
        let memory = world.memory()
        let first = try await take(memory, guide)
        let id = JSONValue.string(first.ids[1].description)
        world.advance(seconds: 1)
        let moment = JSONValue.string(Timestamp.format(world.now))
        let second = try await take(memory, "# Guide\nintro\n## Rollback\npoint back\n")
        #expect(second.retiredIDs == [first.ids[1]])
        func get(_ arguments: JSONObject) async throws -> JSONValue {
            let answer = try await memory.callGet(
                arguments: arguments.merging(["ids": [id]]) { $1 }, context: CallContext())
            _ = try memory.contract.get.result.checked(answer, at: "")
            return answer
        }
        #expect(try await get(["as_of": moment])["items"]?.arrayValue?.first?["data"]?["body_md"] == "push it")
        await #expect { try await get([:]) } throws: {
            ($0 as? MemoryError)?.message.contains("was retired at 2026-01-31") == true
        }
        await #expect(throws: MemoryError.self) { try await get(["as_of": .string(Timestamp.format(world.now))]) }
        let kept = try #require(try await get(["versions": true])["items"]?.arrayValue?.first)
        #expect(kept["retired_at"] != nil && kept["versions"]?.arrayValue?.count == 1 && kept["version"] == 1)
        let partly = try await memory.callGet(
            arguments: ["ids": [id, .string(first.ids[0].description)]], context: CallContext())
        #expect(partly["missing"] == [id] && partly["notes"]?.arrayValue?.count == 1)

        // Restored, it belongs to its document no more, and the next run leaves it alone.
        let back = try await memory.callUpdate(arguments: ["id": id, "restore": 1], context: CallContext())
        #expect(back["version"] == 2 && back["item"]?["data"]?["body_md"] == "push it")
        #expect(counts(try await take(memory, "# Guide\nintro\n## Rollback\npoint back\n")) == [0, 0, 2, 0])
        #expect(try await bodies(memory) == ["intro", "point back", "push it"])
        #expect(try await get([:])["items"]?.arrayValue?.first?["retired_at"] == nil)
        #expect(
            try await memory.findItems("push it", ["limit": 1])["items"]?.strings("id") == [first.ids[1].description])
    }

    @Test("A retired section's versions are deleted by its id")
    func retiredIsDeleted() async throws {
        let memory = world.memory()
        let first = try await take(memory, guide)
        world.advance(seconds: 1)
        let moment = Timestamp.format(world.now)
        _ = try await take(memory, "# Guide\nintro\n## Rollback\npoint back\n")
        let id = first.ids[1]
        #expect(try await memory.known([id, first.ids[0]]) == [id, first.ids[0]])
        let answer = try await memory.callDelete(
            arguments: ["ids": [.string(id.description)]], context: CallContext())
        #expect(answer["count"] == 1 && answer["missing"] == nil)
        #expect(try await memory.known([id]).isEmpty)
        let before = try await memory.findItems("push it", ["as_of": .string(moment)])
        #expect(before["items"]?.strings("id").contains(id.description) == false)
        await #expect(throws: MemoryError.self) {
            try await memory.callDelete(arguments: ["ids": [.string(id.description)]], context: CallContext())
        }
    }

    @Test("A section that was moved or whose heading changed keeps its memory")
    func moved() async throws {
        let memory = world.memory()
        let first = try await take(memory, guide)
        let second = try await take(memory, "# Guide\nintro\n## Undo\npoint back\n## Deploy\npush it\n")
        #expect(counts(second) == [0, 1, 2, 0])
        #expect(second.ids == [first.ids[0], first.ids[2], first.ids[1]])
        #expect(counts(try await take(memory, "# Guide\nintro\n## Undo\npoint back\n## Deploy\npush it\n"))[2] == 3)
    }

    @Test("Two documents that say the same keep a memory each, and sections of one heading are told apart")
    func copies() async throws {
        let memory = world.memory()
        let text = "# A\nsame\n# A\nsame\n# A\nother\n"
        #expect(counts(try await take(memory, text)) == [3, 0, 0, 0])
        #expect(counts(try await take(memory, text, id: "/r/copy.md")) == [3, 0, 0, 0])
        #expect(counts(try await take(memory, text)) == [0, 0, 3, 0])
        #expect(counts(try await take(memory, "# A\nsame\n# A\nother\n")) == [0, 1, 1, 1])
        #expect(try await bodies(memory) == ["other", "other", "same", "same", "same"])
    }

    @Test("A memory that a person changed stays while its section is as it was, and is replaced when that changes")
    func edited() async throws {
        let memory = world.memory()
        let first = try await take(memory, guide)
        _ = try await memory.runStatus(
            "upsert_merge",
            ["document_id": .string(first.ids[1].description), "merge": ["data": ["body_md": "push it by hand"]]])
        #expect(counts(try await take(memory, guide)) == [0, 0, 3, 0])
        #expect(try await bodies(memory).contains("push it by hand"))
        let changed = try await take(memory, guide.replacing("push it", with: "push it twice"))
        #expect(counts(changed) == [0, 1, 2, 0])
    }

    @Test("A removed file retires its sections; one that is there, or of another folder or project, keeps them")
    func removedFile() async throws {
        let memory = world.memory()
        for id in ["/r/a.md", "/r/b.md", "/rest/c.md"] { _ = try await take(memory, "# \(id)\ntext \(id)\n", id: id) }
        _ = try await memory.take([document("# other\nother\n", id: "/r/d.md")], scope: MemoryScope(["project": "q"]))
        let result = try await memory.retireDocuments(
            in: "/r", scope: scope, kept: ["/r/a.md"], isGone: { $0 != "/r/b2.md" })
        #expect(counts(result) == [0, 0, 0, 1])
        #expect(try await bodies(memory) == ["other", "text /r/a.md", "text /rest/c.md"])
    }

    @Test("An approved section is not changed and not retired, and the answer says so")
    func approved() async throws {
        let memory = world.memory()
        let text = "---\ntags: [approved]\n---\n# A\none\n# B\ntwo\n"
        _ = try await take(memory, text)
        let second = try await take(memory, text.replacing("one", with: "changed").replacing("# B\ntwo\n", with: ""))
        #expect(counts(second) == [0, 0, 0, 0] && second.refusals.map(\.heading) == ["A", "B"])
        #expect(try await bodies(memory) == ["one", "two"])
    }

    @Test("What an earlier version stored from a file is adopted where it says the same")
    func adopted() async throws {
        let memory = world.memory()
        let old = try await memory.storeItems(
            [
                [
                    "kind": "section",
                    "data": [
                        "title": "Guide", "heading": "Deploy", "body_md": "push it", "document_id": "guide.md",
                    ],
                ]
            ], context: CallContext(clientName: "cortex store", defaultScope: scope))
        let result = try await take(memory, guide)
        #expect(counts(result) == [2, 1, 0, 0])
        #expect(result.ids[1].description == old[0]["id"]?.stringValue)
        #expect(counts(try await take(memory, guide)) == [0, 0, 3, 0])
    }
}
