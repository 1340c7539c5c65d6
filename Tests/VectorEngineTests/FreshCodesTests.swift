import Foundation
import TestSupport
import Testing
import VectorEngine
import Vectors

/// Rows that no graph has yet: they are coded behind the searches, and every answer stays that of a scan of all floats.
@Suite struct FreshCodesTests {
    private static let dimension = 72
    private static let metrics: [Metric] = [.cosine, .dot, .euclidean]

    private static func vector(_ metric: Metric, _ random: inout SplitMix) -> [Float] {
        let vector = (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }
        return metric == .cosine ? normalized(vector) ?? vector : vector
    }

    @Test("Many rows are coded, in turns, and the codes bound what the floats say", arguments: metrics)
    func rowsAreCoded(metric: Metric) throws {
        var random = SplitMix(seed: 91)
        let block = VectorBlock(dimension: Self.dimension, capacity: 9000)
        func append(_ count: Int) {
            for _ in 0..<count { Self.vector(metric, &random).withUnsafeBufferPointer { block.append($0) } }
        }
        append(1000)
        let fresh = FreshCodes()
        #expect(fresh.coded(of: block, metric, rowCount: 1000) == nil)
        FreshCodes.finish()
        #expect(fresh.coded(of: block, metric, rowCount: 1000) == nil)
        append(3000)
        _ = fresh.coded(of: block, metric, rowCount: 4000)
        FreshCodes.finish()
        let first = try #require(fresh.coded(of: block, metric, rowCount: 4000))
        #expect(first.bounds.rowCount > 4000 - 1024)
        append(4500)
        _ = fresh.coded(of: block, metric, rowCount: 8500)
        FreshCodes.finish()
        let second = try #require(fresh.coded(of: block, metric, rowCount: 8500))
        #expect(second.bounds.rowCount > 8500 - 1024)
        #expect(first.codes === second.codes)
        for coded in [first, second] {
            let rows = coded.bounds.rowCount
            let query = Self.vector(metric, &random)
            let found = query.withUnsafeBufferPointer { query -> [[Neighbor]] in
                guard let start = query.baseAddress else { return [] }
                return coded.codes.nearestExactly(
                    20, to: start, queryCount: 1, floats: block, bounds: coded.bounds,
                    in: RowSelection(rowCount: rows, allowed: nil, deleted: nil))
            }
            #expect(
                found == [
                    FlatIndex(block: block, metric: metric, rowCount: rows).search(
                        query, k: 20, allowed: nil, deleted: nil)
                ])
        }
    }

    @Test func rowsThatCodesDoNotSuitAreLeft() {
        let short = VectorBlock(dimension: 8, capacity: 4000), long = VectorBlock(dimension: 72, capacity: 4000)
        for block in [short, long] { block.appendZeros(rows: 4000) }
        let fresh = FreshCodes()
        for _ in 0..<2 {
            #expect(fresh.coded(of: short, .cosine, rowCount: 4000) == nil)
            #expect(fresh.coded(of: long, .manhattan, rowCount: 4000) == nil)
            FreshCodes.finish()
        }
    }

    @Test("Answers are exact while points are written, replaced and deleted", arguments: metrics)
    func answersStayExact(metric: Metric) async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        var store = try EmbeddedStore(directory: scratch.path, settings: settings)
        let dense = DenseVectorSchema(dimension: Self.dimension, metric: metric)
        try await store.createCollection(
            "c", schema: CollectionSchema(dense: ["v": dense], payloadIndexes: ["part": .integer]))
        var random = SplitMix(seed: 92)
        var points: [UInt64: [Float]] = [:]
        for turn in 0..<14 {
            let ids =
                (0..<250).map { _ in UInt64.random(in: 0..<4000, using: &random) }
                + (0..<250).map { UInt64(turn * 250 + $0) }
            var batch: [UInt64: Point] = [:]
            for id in ids {
                let vector = Self.vector(metric, &random)
                points[id] = vector
                batch[id] = Point(
                    id: .number(id), vectors: PointVectors(dense: ["v": vector]),
                    payload: try Payload(text: Array(#"{"part": \#(id % 50)}"#.utf8)))
            }
            try await store.upsert(Array(batch.values), in: "c")
            if turn == 9 {
                try await store.close()
                store = try EmbeddedStore(directory: scratch.path, settings: settings)
            }
            // In every other turn the last rows are scored by their floats, in the others hardly any.
            if turn % 2 == 1 { FreshCodes.finish() }
            // A filter is asked again when rows that it kept have been deleted.
            for share in [97, 89] as [UInt64] {
                let gone = points.keys.filter { $0 % share == UInt64(turn) }
                try await store.delete(.ids(gone.map { .number($0) }), in: "c")
                for id in gone { points[id] = nil }
                for parts in [nil, 0...16, 1...1] as [ClosedRange<UInt64>?] {
                    let query = Self.vector(metric, &random)
                    let hits = try await store.query(
                        [PointQuery(target: .dense(name: "v", query), filter: parts.map(Self.filter), limit: 15)],
                        in: "c")[0]
                    let wanted = points.filter { parts?.contains($0.key % 50) ?? true }
                        .map { (id: PointID.number($0.key), score: Self.score(metric, query, $0.value)) }
                        .sorted { metric == .euclidean ? $0.score < $1.score : $0.score > $1.score }.prefix(15)
                    #expect(hits.map(\.id) == wanted.map(\.id), "turn \(turn)")
                }
            }
        }
        try await store.close()
    }

    private static func filter(_ parts: ClosedRange<UInt64>) -> Filter {
        let range = NumericRange(atLeast: .integer(Int64(parts.lowerBound)), atMost: .integer(Int64(parts.upperBound)))
        return Filter(must: [.field(PayloadPath(known: "part"), .range(range))])
    }

    private static func score(_ metric: Metric, _ a: [Float], _ b: [Float]) -> Double {
        zip(a, b).reduce(0) {
            metric == .euclidean
                ? $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) : $0 + Double($1.0) * Double($1.1)
        }
    }
}
