import JSON
import Memory
import TestSupport
import Testing
import VectorEngine

/// The memory against a plain dictionary, over random calls.
@Suite struct ModelTests {
    /// What the model knows of one memory.
    struct Entry {
        var text: String
        var project: String
        var version: Int64
        var expires: Int64
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func aRandomHistoryEndsAsInADictionary(seed: UInt64) async throws {
        let world = TestWorld()
        var memory = world.memory()
        var random = SplitMix(seed: seed)
        var model: [String: Entry] = [:]
        let words = ["zebra", "horse", "okapi", "quagga"]
        for step in 0..<150 {
            switch random.below(10) {
            case 0..<5: try await store(step, memory, world, &random, &model, words)
            case 5: world.advance(seconds: Int64(random.below(40_000)))
            case 6: memory = world.memory()  // another process
            case 7:
                guard let id = model.keys.sorted().randomElement(using: &random), let bytes = UUIDBytes(id) else {
                    continue
                }
                #expect(try await memory.delete([bytes]) == 1, "seed \(seed) step \(step)")
                model[id] = nil
            default:
                let word = words[random.below(words.count)]
                let mode = ["fast", "auto", "deep"][random.below(3)]
                let project = "p\(random.below(2))"
                let found = try await memory.findItems(
                    word, ["mode": .string(mode), "limit": 100, "scope": ["project": .string(project)]])
                let living = model.filter { $0.value.expires > world.now && $0.value.project == project }
                // In other modes the meaning of every item is compared; by words also those find it that stand
                // within two of it, so only what must and may be there is checked.
                let ids = Set(found["items"]?.strings("id") ?? [])
                #expect(ids.isSubset(of: living.keys), "seed \(seed) step \(step)")
                if mode == "fast" {
                    let having = living.filter { $0.value.text.contains(word) }.keys
                    #expect(ids.isSuperset(of: having), "seed \(seed) step \(step)")
                } else {
                    #expect(ids == Set(living.keys), "seed \(seed) step \(step)")
                }
                for item in found["items"]?.arrayValue ?? [] {
                    let entry = living[item["id"]?.stringValue ?? ""]
                    #expect(item["content"]?.stringValue == entry?.text)
                    #expect(item["metadata"]?["version"]?.integerValue == entry?.version)
                }
            }
        }
        #expect(Set(world.points.points().map(\.id.description)).isSuperset(of: model.keys))
    }

    private func store(
        _ step: Int, _ memory: MemoryStore, _ world: TestWorld, _ random: inout SplitMix,
        _ model: inout [String: Entry],
        _ words: [String]
    ) async throws {
        let batch = (0..<1 + random.below(4)).map { _ in
            (
                text: "\(words[random.below(words.count)]) \(random.below(12))\(["", "!", " ..."][random.below(3)])",
                project: "p\(random.below(2))", isShort: random.below(2) == 0
            )
        }
        let results = try await memory.storeItems(
            batch.map { item in
                [
                    "kind": "todo", "content": .string(item.text), "scope": ["project": .string(item.project)],
                    "metadata": ["version": .integer(Int64(step))],
                    "ttl_config": ["policy": .string(item.isShort ? "short" : "permanent")],
                ]
            }, ["deduplication": ["merge_strategy": "prefer_newer"]])
        for (item, result) in zip(batch, results) {
            let id = result["id"]?.stringValue ?? ""
            var text = item.text
            let living = model.filter { $0.value.expires > world.now }
            // Copies say the same words: exactly, or near enough.
            let known = living.first {
                Self.words($0.value.text) == Self.words(item.text) && $0.value.project == item.project
            }
            if let known {
                #expect(id == known.key, "\(item.text) is \(known.value.text)")
                // An exact copy is counted; another wording takes its place.
                let isCopy = Self.folded(known.value.text) == Self.folded(item.text)
                #expect(result["status"] == (isCopy ? "skipped_dedupe" : "updated"))
                if isCopy { text = known.value.text }
            } else {
                #expect(result["status"] == "stored" && model[id] == nil)
            }
            let expires = result["expires_at"]?.stringValue.flatMap(Timestamp.parse)
            #expect((expires == nil) == (!item.isShort || known?.value.expires == .max), "a copy shortens no life")
            // The answer shows milliseconds; the model keeps the stamp's second half open by reading the store.
            let stored = world.points.points().first { $0.id.description == id }?.payload.object["expires_at"]?
                .integerValue
            model[id] = Entry(
                text: text, project: item.project, version: Int64(step), expires: stored ?? .max)
        }
    }
}

extension ModelTests {
    fileprivate static func folded(_ text: String) -> String { text.hasSuffix("!") ? String(text.dropLast()) : text }
    fileprivate static func words(_ text: String) -> [Substring] { text.split { !$0.isLetter && !$0.isNumber } }
}
