import Foundation
import TestSupport
import Testing
import VectorEngine

/// How much of a sparse query a point holds, and what the query counts at each index.
@Suite struct CoverTests {
    private static let ids: [PointID] = (0..<400).map { .number($0) }

    private func store(_ scratch: ScratchDirectory) async throws -> EmbeddedStore {
        var settings = EngineSettings()
        settings.sealThreshold = 150
        settings.sealShare = 0
        let store = try EmbeddedStore(directory: scratch.path, settings: settings)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 9)
        try await store.upsert(try (UInt64(0)..<400).map { try Sample.point($0, &random) }, in: "c")
        return store
    }

    @Test("Cover is the sum of the query's own values at the indexes that a point has")
    func cover() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let store = try await store(scratch)
        _ = try await store.sealNow("c")
        let query = SparseVector(sorting: [(2, 0.5), (7, 1.25), (19, 2), (900, 4)])
        let points = try await store.retrieve(Self.ids, with: .all, in: "c")
        // Few rows are looked up one by one, all are summed up: both ways count alike.
        for filter in [nil, Filter(must: [.hasID(Set(Self.ids.prefix(40)))])] as [Filter?] {
            let request = PointQuery(target: .cover(name: "lexical", query), filter: filter, limit: 400)
            let found = try await store.query([request], in: "c")[0]
            var expected: [PointID: Float] = [:]
            for point in filter == nil ? points : Array(points.prefix(40)) {
                let held = zip(query.indices, query.values).filter {
                    point.vectors.sparse["lexical"]?.indices.contains($0.0) == true
                }
                if !held.isEmpty { expected[point.id] = held.reduce(0) { $0 + $1.1 } }
            }
            #expect(Dictionary(uniqueKeysWithValues: found.map { ($0.id, $0.score) }) == expected)
        }
    }

    @Test("A query counts its values times IDF, most for a term that no point has")
    func weights() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let store = try await store(scratch)
        let query = SparseVector(sorting: [(2, 0.5), (7, 1), (900, 1)])
        let corpus = Filter(must: [.hasID(Set(Self.ids.prefix(100)))])
        var read = try await store.read([.weights(query, name: "lexical", corpus: corpus)], in: "c")
        let found = read.nextWeights()
        let points = try await store.retrieve(Array(Self.ids.prefix(100)), with: .all, in: "c")
        for (place, (index, value)) in zip(query.indices, query.values).enumerated() {
            let having = Double(points.count { $0.vectors.sparse["lexical"]?.indices.contains(index) == true })
            let idf = log(1 + (100 - having + 0.5) / (having + 0.5))
            #expect(abs(Double(found[place]) - Double(value) * idf) < 1e-4)
        }
        #expect(found[2] > found[1])
        await #expect(throws: EngineError.self) {
            try await store.read([.weights(query, name: "nothing", corpus: nil)], in: "c")
        }
    }
}
