import Embedding
import JSON
import Memory
import Testing
import VectorEngine

/// Calls every text the same: what is lost with this embedder is lost by the words alone.
struct ConstantEmbedder: Embedder {
    let identity = EmbedderIdentity(name: "constant", revision: "1", dimension: 4)

    func embed(_ texts: [String]) async throws -> [[Float]] { texts.map { _ in [1, 0, 0, 0] } }
}

@Suite struct TextPairTests {
    @Test func theSetsAreAsLargeAsTheyMustBe() {
        #expect(TextPair.different.count >= 120)
        #expect(TextPair.same.count == 60)
    }

    private func items(_ pair: TextPair) -> [JSONValue] {
        [pair.first, pair.second].map { ["kind": "observation", "content": .string($0)] }
    }

    private func contents(_ memory: MemoryStore, _ results: [JSONValue]) async throws -> [String] {
        let ids = JSONValue.array(results).strings("id").compactMap { UUIDBytes($0) }
        return try await memory.get(ids).compactMap { $0["content"]?.stringValue }
    }

    @Test(
        "two texts that differ in one thing are two memories, whatever their vectors say", arguments: TextPair.different
    )
    func bothAreKept(pair: TextPair) async throws {
        for inOneBatch in [false, true] {
            let memory = TestWorld().memory(embedder: ConstantEmbedder())
            let items = items(pair)
            let results =
                inOneBatch
                ? try await memory.storeItems(items)
                : try await memory.storeItems([items[0]]) + memory.storeItems([items[1]])
            #expect(JSONValue.array(results).strings("status") == ["stored", "stored"])
            #expect(
                try await contents(memory, results).map { Array($0.utf8) }
                    == [pair.first, pair.second].map { Array($0.utf8) })
            #expect(results[1]["similar"]?.arrayValue?.first?["id"] == results[0]["id"], "the resemblance is told")
        }
    }

    @Test("most texts that say the same are reported as the same or similar, and nothing of them is lost")
    func theSameIsReported() async throws {
        guard MiniLM.isPresent else {
            Issue.record("the tests need the built-in model: make setup")
            return
        }
        let model = MiniLM()
        var reported = 0
        var unreported: [String] = []
        for pair in TextPair.same {
            let memory = TestWorld().memory(embedder: model)
            let items = items(pair)
            let results = try await memory.storeItems([items[0]]) + memory.storeItems([items[1]])
            let isSame = results[1]["existing_id"] != nil
            let isSimilar = results[1]["similar"]?.arrayValue?.first?["id"] == results[0]["id"]
            if isSame || isSimilar { reported += 1 } else { unreported.append(pair.testDescription) }
            if results[1]["status"] == "merged" {
                let verbose: JSONObject = [
                    "document_id": results[0]["id"] ?? .null, "response_formatting": ["verbose": true],
                ]
                let document = try await memory.runStatus("get_document", verbose)
                #expect(document["document"]?["content"] == .string(pair.second))
                #expect(document["versions"]?.strings("content") == [pair.first])
            }
        }
        #expect(reported >= 50, "not reported: \(unreported)")
    }
}
