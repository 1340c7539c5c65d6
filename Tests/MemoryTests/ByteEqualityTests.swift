import JSON
import Memory
import TestSupport
import Testing
import VectorEngine

@Suite("A memory's texts are equal when their bytes are")
struct ByteEqualityTests {
    let world = TestWorld()

    private static let pairs: [(String, String)] = [
        ("caf\u{E9}", "cafe\u{301}"), ("\u{C5}ngstr\u{F6}m", "\u{212B}ngstro\u{308}m"),
        ("\u{D55C}", "\u{1112}\u{1161}\u{11AB}"),
    ]

    private func ids(_ found: JSONValue) -> [String] { found["items"]?.strings("id") ?? [] }

    @Test("Tags, scopes and metadata find the item that was stored with those bytes, and no other", arguments: pairs)
    func filters(first: String, second: String) async throws {
        let memory = world.memory()
        var stored: [String] = []
        for text in [first, second] {
            let results = try await memory.storeItems([
                [
                    "kind": "todo", "content": .string("zebra \(stored.count)"), "tags": [.string(text)],
                    "scope": ["project": .string(text)], "metadata": [text: .string(text)],
                ]
            ])
            stored += [results[0]["id"]?.stringValue ?? ""]
        }
        for (i, text) in [first, second].enumerated() {
            for arguments: JSONObject in [
                ["filters": ["tags": [.string(text)]]], ["scope": ["project": .string(text)]],
                ["filters": ["metadata": .object([text: .string(text)])]],
            ] {
                #expect(ids(try await memory.findItems("zebra", arguments)) == [stored[i]])
            }
        }
        #expect(MemoryScope(["project": first]) != MemoryScope(["project": second]))
        #expect(Set([MemoryScope(["project": first]), MemoryScope(["project": second])]).count == 2)
    }

    @Test("Metadata with two keys that differ in bytes only keeps both values", arguments: pairs)
    func metadataKeys(first: String, second: String) async throws {
        let memory = world.memory()
        let metadata: JSONObject = [first: 1, second: 2]
        let item: JSONValue = ["kind": "todo", "content": "zebra", "metadata": .object(metadata)]
        _ = try await memory.storeItems([item])
        let found = try await memory.findItems("zebra")["items"]?.arrayValue?.first
        #expect(found?["metadata"] == .object(metadata) && metadata.count == 2)
    }

    @Test("Contents, idempotency keys and links are told apart by bytes", arguments: pairs)
    func contents(first: String, second: String) async throws {
        let memory = world.memory()
        let results = try await memory.storeItems([
            ["kind": "todo", "content": .string(first), "idempotency_key": .string(first)],
            ["kind": "todo", "content": .string(second), "idempotency_key": .string(second)],
        ])
        #expect(Set(results.compactMap { $0["id"]?.stringValue }).count == 2)
        #expect(results.allSatisfy { $0["status"] == "stored" })
        // A todo that depends on one whose title has other bytes does not depend on itself.
        let other = try await memory.storeItems([
            [
                "kind": "todo", "content": "y",
                "data": ["title": .string(first), "dependencies": [.string(second)]],
            ]
        ])
        #expect(other[0]["status"] == "stored")
    }
}
