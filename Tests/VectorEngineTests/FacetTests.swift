import JSON
import TestSupport
import Testing
import VectorEngine

/// Facets over several segments against a dictionary.
@Suite struct FacetTests {
    private let scratch = ScratchDirectory()

    private func payload(_ values: [JSONValue]) throws -> Payload {
        try Payload(text: JSONWriter.bytes(["x": .array(values)]))
    }

    @Test(
        "Values come with the number of their live points, the most frequent first, equal counts by value",
        arguments: [PayloadIndexKind.integer, .keyword], [0, 200, 400])
    func countsAreThoseOfADictionary(kind: PayloadIndexKind, sealed: Int) async throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix(seed: seed)
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        let store = try EmbeddedStore(directory: scratch.path, settings: settings)
        let schema = CollectionSchema(dense: ["v": DenseVectorSchema(dimension: 2)], payloadIndexes: ["x": kind])
        try await store.createCollection("c", schema: schema)
        // Neighbours beyond 2^53 share a double; a number without a fraction is its integer.
        let large: [Int64] = [1 << 53, (1 << 53) + 1, (1 << 53) + 2, .max, .max - 1, .min, 0, -1]
        func value() -> JSONValue {
            switch (kind, Int.random(in: 0..<10, using: &random)) {
            case (.keyword, 0): .integer(3)
            case (.keyword, _):
                .string(
                    ["", "a", "caf\u{e9}", "cafe\u{301}", "b\(Int.random(in: 0..<90, using: &random))"]
                        .randomElement(using: &random) ?? "a")
            case (_, 0): .number([2.5, 7.0, -3, 0x1p53, 1e300, -0.0].randomElement(using: &random) ?? 0)
            case (_, 1): .integer(large.randomElement(using: &random) ?? 0)
            case (_, 2): .string("5")
            default: .integer(.random(in: -60...60, using: &random))
            }
        }
        var model: [UInt64: [JSONValue]] = [:]
        for id in UInt64(0)..<600 {
            if id == UInt64(sealed), sealed > 0 { try await store.sealNow("c") }
            let values = (0..<Int.random(in: 0...3, using: &random)).map { _ in value() }
            model[id] = values
            let point = Point(
                id: .number(id), vectors: PointVectors(dense: ["v": [1, 2]]), payload: try payload(values))
            try await store.upsert([point], in: "c")
        }
        let gone = (0..<90).map { _ in UInt64.random(in: 0..<600, using: &random) }
        try await store.delete(.ids(gone.map { .number($0) }), in: "c")
        for id in gone { model[id] = nil }

        var counts: [MatchValue: Int] = [:]
        for values in model.values {
            let held = values.compactMap { value -> MatchValue? in
                switch (kind, value) {
                case (.keyword, .string(let text)): .keyword(text)
                case (.integer, .integer(let number)): .integer(number)
                case (.integer, .number(let number)): Int64(exactly: number).map { .integer($0) }
                default: nil
                }
            }
            for value in Set(held) { counts[value, default: 0] += 1 }
        }
        let wanted = counts.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
        let collection = try await store.openCollection("c")
        for limit in [0, 1, 2, 31, 32, 33, 64, 1000, Int.max] {
            let found = try collection.reading {
                try $0.facets(PayloadPath("x"), within: $0.everything, limit: limit)
            }
            #expect(found.map(\.value) == wanted.prefix(limit).map(\.key), "seed \(seed), limit \(limit)")
            #expect(found.map(\.count) == wanted.prefix(limit).map(\.value), "seed \(seed), limit \(limit)")
        }
        try await store.close()
    }
}
