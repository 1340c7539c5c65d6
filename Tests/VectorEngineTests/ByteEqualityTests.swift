import JSON
import TestSupport
import Testing
import VectorEngine

@Suite("What a filter matches is decided by bytes")
struct ByteEqualityTests {
    @Test("A keyword matches itself and no text that Swift takes for equal", arguments: [11, 12, 13] as [UInt64])
    func keywords(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        for _ in 0..<200 {
            let (first, second) = EquivalentTexts.pair(&random)
            #expect(MatchValue.keyword(first) != .keyword(second))
            #expect(Set([MatchValue.keyword(first), .keyword(second), .keyword(first)]).count == 2)
            let payload = Payload(["name": .string(first), "list": [.string(second)]])
            func passes(_ condition: Condition) -> Bool {
                Filter(must: [condition]).matches(id: .number(1), payload: payload, vectors: PointVectors())
            }
            #expect(try passes(.match(path: "name", anyOf: [.keyword(first)])))
            #expect(try !passes(.match(path: "name", anyOf: [.keyword(second)])))
            #expect(try passes(.match(path: "list", anyOf: [.keyword(second)])))
            #expect(try !passes(.match(path: "list", anyOf: [.keyword(first)])))
            #expect(passes(.field(PayloadPath(known: "name"), .noneOf([.keyword(second)]))))
        }
    }

    @Test("Values of different types are different, and equal ones are equal")
    func types() {
        let values: [MatchValue] = [.keyword("1"), .integer(1), .bool(true), .keyword(""), .integer(0), .bool(false)]
        #expect(Set(values + values).count == values.count)
    }

    @Test("Collections whose names differ in bytes only are two collections")
    func collectionNames() async throws {
        let directory = ScratchDirectory()
        let store = try EmbeddedStore(directory: directory.path)
        let schema = CollectionSchema(dense: ["": DenseVectorSchema(dimension: 2, metric: .dot)])
        let names = ["caf\u{E9}", "cafe\u{301}"]
        for (i, name) in names.enumerated() {
            try await store.createCollection(name, schema: schema)
            try await store.upsert([Point(id: .number(UInt64(i)))], in: name)
        }
        #expect(
            try await store.collectionNames().map { Array($0.utf8) } == names.sortedByBytes().map { Array($0.utf8) })
        for (i, name) in names.enumerated() {
            #expect(try await store.scroll(ScrollRequest(), in: name).points.map(\.id) == [.number(UInt64(i))])
        }
        try await store.deleteCollection(names[0])
        #expect(try await store.describe(names[0]) == nil)
        #expect(try await store.count(nil, in: names[1]) == 1)
        try await store.close()
    }
}
