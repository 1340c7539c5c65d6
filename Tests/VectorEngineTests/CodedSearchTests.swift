import Foundation
import TestSupport
import Testing
import VectorEngine
import Vectors

/// Sealed rows that are walked by their codes and scored by their floats, beside sums in Double.
@Suite struct CodedSearchTests {
    /// Which floats a search has at hand.
    struct Case: CustomTestStringConvertible, Sendable {
        let metric: Metric
        let isOnDisk: Bool
        var testDescription: String { "\(metric), floats \(isOnDisk ? "on disk" : "in memory")" }

        static let all = [Metric.cosine, .dot, .euclidean].flatMap { metric in
            [false, true].map { Case(metric: metric, isOnDisk: $0) }
        }
    }

    private static let dimension = 72
    private static let count: UInt64 = 1200
    private static let limit = 10
    /// Of the true nearest, over all queries; the walks here are far wider than these few rows need.
    private static let leastRecall = 0.97

    private static func settings() -> EngineSettings {
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        settings.buildThreads = 1
        return settings
    }

    private static func vector(_ random: inout SplitMix) -> [Float] {
        let scale = Float.random(in: 0.5...2, using: &random)
        return (0..<dimension).map { _ in scale * Float.random(in: -1...1, using: &random) }
    }

    private static func point(_ id: UInt64, _ random: inout SplitMix) throws -> Point {
        Point(
            id: .number(id), vectors: PointVectors(dense: ["v": vector(&random)]),
            payload: try Payload(text: Array(#"{"part": \#(id % 10)}"#.utf8)))
    }

    /// Larger is better for cosine and dot, smaller for L2, as scores are.
    private static func score(_ metric: Metric, _ a: [Float], _ b: [Float]) -> Double {
        func product(_ a: [Float], _ b: [Float]) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
        switch metric {
        case .cosine: return product(a, b) / (product(a, a) * product(b, b)).squareRoot()
        case .dot: return product(a, b)
        case .euclidean, .manhattan:
            return zip(a, b).reduce(0) { $0 + pow(Double($1.0) - Double($1.1), 2) }.squareRoot()
        }
    }

    /// Asks for the nearest among all, a half and a tenth of the points, and compares each answer with `points`.
    private static func check(_ store: EmbeddedStore, _ points: [UInt64: [Float]], _ metric: Metric) async throws {
        var random = SplitMix(seed: 17)
        var (found, wanted) = (0, 0)
        for number in 0..<30 {
            let query = vector(&random)
            let parts: ClosedRange<Int64> = [0...9, 0...4, 7...7][number % 3]
            let filter = Filter(must: [
                .field(
                    PayloadPath(known: "part"),
                    .range(
                        NumericRange(
                            atLeast: .integer(Int64(parts.lowerBound)), atMost: .integer(Int64(parts.upperBound)))))
            ])
            let hits = try await store.query(
                [PointQuery(target: .dense(name: "v", query), filter: filter, limit: limit, breadth: 200)], in: "c")[0]
            let truth = points.filter { parts.contains(Int64($0.key % 10)) }
                .map { (id: $0.key, score: score(metric, query, $0.value)) }
                .sorted { metric == .euclidean ? $0.score < $1.score : $0.score > $1.score }.prefix(limit)
            #expect(hits.count == limit)
            for hit in hits {
                guard case .number(let id) = hit.id, let vector = points[id] else {
                    Issue.record("\(hit.id) is not among the points")
                    continue
                }
                #expect(parts.contains(Int64(id % 10)))
                let exact = score(metric, query, vector)
                #expect(abs(Double(hit.score) - exact) <= 1e-4 * max(1, abs(exact)), "point \(id)")
            }
            found += truth.count { point in hits.contains { $0.id == .number(point.id) } }
            wanted += truth.count
        }
        #expect(Double(found) >= leastRecall * Double(wanted), "\(found) of \(wanted)")
    }

    @Test(arguments: Case.all)
    func theNearestAreFoundWithExactScoresAfterReplacingAndReopening(_ which: Case) async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let dense = DenseVectorSchema(dimension: Self.dimension, metric: which.metric, isOnDisk: which.isOnDisk)
        let store = try EmbeddedStore(directory: scratch.path, settings: Self.settings())
        try await store.createCollection(
            "c", schema: CollectionSchema(dense: ["v": dense], payloadIndexes: ["part": .integer]))
        var random = SplitMix(seed: 5)
        var points: [UInt64: [Float]] = [:]
        func write(_ ids: [UInt64]) async throws {
            let batch = try ids.map { try Self.point($0, &random) }
            try await store.upsert(batch, in: "c")
            for (id, point) in zip(ids, batch) { points[id] = point.vectors.dense["v"] }
        }
        try await write(Array(0..<Self.count))
        #expect(try await store.sealNow("c", threads: 1))
        try await Self.check(store, points, which.metric)

        // A half replaced and a tenth deleted: first beside the old graph, then in the merged one.
        try await write((0..<Self.count).filter { $0 % 2 == 0 })
        let gone = (0..<Self.count).filter { $0 % 11 == 3 }
        try await store.delete(.ids(gone.map { .number($0) }), in: "c")
        for id in gone { points[id] = nil }
        try await Self.check(store, points, which.metric)
        #expect(try await store.sealNow("c", threads: 1))
        try await Self.check(store, points, which.metric)
        #expect(try await store.describe("c")?.indexedPointCount == points.count)
        try await store.close()

        let reopened = try EmbeddedStore(directory: scratch.path, settings: Self.settings())
        try await Self.check(reopened, points, which.metric)
        let some = points.keys.sorted().prefix(40)
        for point in try await reopened.retrieve(some.map { .number($0) }, with: .all, in: "c") {
            guard case .number(let id) = point.id, let kept = points[id] else { continue }
            let stored = try #require(point.vectors.dense["v"])
            // Cosine vectors are kept normalised: the direction is what comes back.
            #expect(Self.score(.cosine, stored, kept) > 0.999999)
        }
        try await reopened.close()
    }
}
