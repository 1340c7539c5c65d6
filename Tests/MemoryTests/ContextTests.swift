import JSON
import Memory
import Testing
import VectorEngine

/// What an item without a session learns of those stored around it.
@Suite struct ContextTests {
    let world = TestWorld()

    private func item(_ text: String, saidAt: String? = nil) -> JSONValue {
        var item: JSONObject = ["kind": "observation", "content": .string(text)]
        if let saidAt { item["source"] = ["timestamp": .string(saidAt)] }
        return .object(item)
    }

    /// The words by which each of the items is found, of `words`.
    private func known(_ words: [String], by results: [JSONValue]) async throws -> [Set<String>] {
        let ids = JSONValue.array(results).strings("id").compactMap { PointID($0) }
        return try await world.points.retrieve(ids, with: .all, in: "memories").map { point in
            Set(words.filter { point.vectors.sparse["lexical"]?.indices.contains(PlainWords.hash($0)) ?? false })
        }
    }

    @Test(arguments: [true, false])
    func neighboursAboutTheSameThingLendWordsToEachOther(inOneCall: Bool) async throws {
        let memory = world.memory()
        let items = [
            item("gateway timeout raised zebra"), item("gateway timeout raised horse"), item("lunch menu"),
            item("gateway timeout raised mouse"),
        ]
        var results: [JSONValue] = []
        if inOneCall {
            results = try await memory.storeItems(items)
        } else {
            for item in items {
                world.advance(seconds: 1)
                // Another process each time: what it knows of the last item it reads from the store.
                results += try await world.memory().storeItems([item])
            }
        }
        let known = try await known(["zebra", "horse", "menu", "mouse"], by: results)
        #expect(known == [["zebra"], ["zebra", "horse"], ["menu"], ["mouse"]])
    }

    @Test func withoutAnEmbedderNothingSaysThatNeighboursBelongTogether() async throws {
        let results = try await world.memory(embedder: nil).storeItems([
            item("gateway timeout raised zebra"), item("gateway timeout raised horse"),
        ])
        #expect(try await known(["zebra", "horse"], by: results) == [["zebra"], ["horse"]])
    }

    @Test func whatWasSaidWithinAnHourIsOneConversation() async throws {
        let results = try await world.memory().storeItems([
            item("zebra", saidAt: "2025-05-08T10:00:00Z"), item("horse", saidAt: "2025-05-08T10:20:00Z"),
            item("mouse", saidAt: "2025-05-08T10:40:00Z"), item("tiger", saidAt: "2025-05-08T11:40:01Z"),
        ])
        let known = try await known(["zebra", "horse", "mouse", "tiger"], by: results)
        #expect(known == [["zebra"], ["zebra", "horse"], ["zebra", "horse", "mouse"], ["tiger"]])
    }

    @Test func theVectorOfAnItemWithoutASessionIsItsTextsAlone() async throws {
        let texts = ["gateway timeout raised zebra", "gateway timeout raised horse"]
        let results = try await world.memory().storeItems(texts.map { item($0) })
        let ids = JSONValue.array(results).strings("id").compactMap { PointID($0) }
        let stored = try await world.points.retrieve(ids, with: .all, in: "memories")
        #expect(stored.map { $0.vectors.dense["text"] } == (try await WordHashEmbedder().embed(texts)))
    }
}
