import JSON
import TestSupport
import Testing
import VectorEngine

/// Deleted rows of collections that are too small to be sealed.
@Suite struct CompactionTests {
    @Test("Points that are written again and again keep few rows in memory, and every answer stays right")
    func rewriting() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let store = try EmbeddedStore(directory: scratch.path)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 77)
        var newest: [PointID: Point] = [:]
        for round in 0..<60 {
            let points = try (0..<100).map { try Sample.point($0, &random) }
            try await store.upsert(points, in: "c")
            for point in points { newest[point.id] = point }
            if round % 7 == 3 {
                let gone = PointID.number(UInt64(round % 100))
                try await store.delete(.ids([gone]), in: "c")
                newest[gone] = nil
            }
        }
        let collection = try await store.openCollection("c")
        while collection.needsCompaction { await Task.yield() }
        #expect(try await store.count(nil, in: "c") == newest.count)
        for _ in 0..<40 {
            let filter = Sample.filter(&random)
            let wanted = newest.values.filter {
                filter.matches(id: $0.id, payload: $0.payload, vectors: $0.vectors)
            }
            let page = try await store.scroll(ScrollRequest(filter: filter, limit: 1_000), in: "c")
            #expect(page.points.map(\.id) == wanted.map(\.id).sorted())
        }
        for point in newest.values { #expect(try await store.retrieve([point.id], with: .payload, in: "c").count == 1) }
        try await store.close()
    }
}
