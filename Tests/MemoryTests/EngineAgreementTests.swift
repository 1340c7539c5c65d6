import Foundation
import JSON
import Memory
import TestSupport
import Testing
import VectorEngine

/// The same calls over the embedded engine and over the brute-force store: the answers must be the same.
@Suite struct EngineAgreementTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func bothStoresAnswerAlike(seed: UInt64) async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let engine = try EmbeddedStore(directory: scratch.path)
        let (world, other) = (TestWorld(), TestWorld())
        let plain = world.memory()
        let real = other.memory(over: engine)
        var random = SplitMix(seed: seed)
        let words = ["zebra", "horse", "okapi", "quagga", "mule"]
        var ids: [JSONValue] = []
        for step in 0..<80 {
            switch random.below(8) {
            case 0..<4:
                let items: [JSONValue] = (0..<1 + random.below(5)).map { _ in
                    var text = (0..<1 + random.below(6)).map { _ in words[random.below(words.count)] }
                        .joined(separator: " ")
                    if random.below(12) == 0 { text = String(repeating: text + " filler. ", count: 150) }
                    return [
                        "kind": .string(["todo", "risk", "observation"][random.below(3)]),
                        "content": .string(text),
                        "scope": ["project": .string("p\(random.below(2))")],
                        "tags": [.string(words[random.below(5)])],
                        "metadata": ["n": .integer(Int64(random.below(3)))],
                        "source": [
                            "session": .string("s\(random.below(2))"), "actor": .string(words[random.below(5)]),
                        ],
                        "ttl_config": ["policy": .string(["short", "long"][random.below(2)])],
                    ]
                }
                let results = try await (plain.storeItems(items), real.storeItems(items))
                #expect(results.0 == results.1, "seed \(seed) step \(step)")
                ids += results.0.compactMap { $0["id"] }
            case 4:
                let seconds = Int64(random.below(30_000))
                world.advance(seconds: seconds)
                other.advance(seconds: seconds)
            case 5 where !ids.isEmpty:
                let arguments: JSONObject = ["document_id": ids[random.below(ids.count)], "dry_run": false]
                // A second deletion of one id is refused: by both, and then both are nil.
                let a = try? await plain.runStatus("delete", arguments)
                let b = try? await real.runStatus("delete", arguments)
                #expect(a == b, "seed \(seed) step \(step)")
            default:
                let query = words[random.below(5)] + " " + words[random.below(5)]
                var more: JSONObject = [
                    "mode": .string(["fast", "auto", "deep"][random.below(3)]), "limit": 25,
                ]
                if random.below(2) == 0 { more["scope"] = ["project": .string("p\(random.below(2))")] }
                if random.below(3) == 0 {
                    more["filters"] = ["metadata": ["n": .integer(Int64(random.below(3)))]]
                }
                if random.below(3) == 0 { more["types"] = ["todo"] }
                let a = try await plain.findItems(query, more)
                let b = try await real.findItems(query, more)
                #expect(a["total"] == b["total"], "seed \(seed) step \(step)")
                let scores = zip(a["items"]?.arrayValue ?? [], b["items"]?.arrayValue ?? []).map {
                    abs(($0["score"]?.doubleValue ?? 9) - ($1["score"]?.doubleValue ?? -9))
                }
                #expect(scores.allSatisfy { $0 < 0.001 }, "seed \(seed) step \(step) \(more) \(scores)")
                #expect(a["items"]?.arrayValue?.count == b["items"]?.arrayValue?.count)
            }
        }
        let stats = try await (plain.runStatus("stats"), real.runStatus("stats"))
        #expect(stats.0["stats"]?["by_kind"] == stats.1["stats"]?["by_kind"])
    }
}
