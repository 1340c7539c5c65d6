import Foundation
import GRDB
import HNSW
import JSON
import TestSupport
import Testing
import VectorEngine
import Vectors

/// Searches by graphs against a plain walk over what was stored, over many small random collections.
@Suite struct RecallTests {
    /// Of one collection: what was stored, and how it is searched.
    private struct Case {
        let metric: Metric
        let dimension: Int
        let isOnDisk: Bool
        var vectors: [UInt64: [Float]] = [:]
        var shares: [UInt64: Int] = [:]

        var schema: CollectionSchema {
            var hnsw = HNSWParameters()
            hnsw.connections = 8
            return CollectionSchema(
                dense: ["": DenseVectorSchema(dimension: dimension, metric: metric, hnsw: hnsw, isOnDisk: isOnDisk)],
                payloadIndexes: ["share": .integer])
        }

        /// Clustered, so that there are neighbours to speak of.
        mutating func points(_ ids: Range<UInt64>, _ random: inout SplitMix) throws -> [Point] {
            try ids.map { id in
                let vector = vector(&random)
                let share = Int.random(in: 0..<100, using: &random)
                vectors[id] = vector
                shares[id] = share
                return Point(
                    id: .number(id), vectors: PointVectors(dense: ["": vector]),
                    payload: try Payload(text: Array("{\"share\":\(share)}".utf8)))
            }
        }

        func vector(_ random: inout SplitMix) -> [Float] {
            var centre = SplitMix(seed: UInt64(dimension) &* 977 &+ random.next() % 12)
            return (0..<dimension).map { _ in
                Float.random(in: -1...1, using: &centre) + 0.4 * Float.random(in: -1...1, using: &random)
            }
        }

        /// The score that the `limit`-th best point with `share < below` has.
        func worstScore(_ query: [Float], below: Int, limit: Int) -> Float? {
            let scores = vectors.filter { shares[$0.key] ?? 0 < below }.map { _, vector -> Double in
                func sum(_ term: (Float, Float) -> Double) -> Double {
                    zip(query, vector).reduce(0) { $0 + term($1.0, $1.1) }
                }
                let product = sum { Double($0) * Double($1) }
                return switch metric {
                case .dot: product
                case .cosine:
                    product
                        / (sum { a, _ in Double(a) * Double(a) } * sum { _, b in Double(b) * Double(b) }).squareRoot()
                case .euclidean: -sum { (Double($0) - Double($1)) * (Double($0) - Double($1)) }.squareRoot()
                case .manhattan: -sum { abs(Double($0) - Double($1)) }
                }
            }.sorted(by: >)
            guard !scores.isEmpty else { return nil }
            return Float(scores[min(limit, scores.count) - 1])
        }
    }

    private static let limit = 10

    /// Found points as good as the true neighbours, and how many those are.
    private func hits(
        _ found: [ScoredPoint], _ made: Case, _ query: [Float], below: Int
    ) -> (found: Int, wanted: Int) {
        let eligible = made.shares.values.count { $0 < below }
        let wanted = min(Self.limit, eligible)
        #expect(found.count == wanted)
        #expect(
            found.allSatisfy { point in
                if case .number(let id) = point.id { made.shares[id] ?? 100 < below } else { false }
            })
        guard let worst = made.worstScore(query, below: below, limit: Self.limit) else { return (0, 0) }
        let slack = 1e-4 * (1 + abs(worst))
        let isHigher = made.metric.largerScoreIsNearer
        return (found.count { (isHigher ? $0.score : -$0.score) >= worst - slack }, wanted)
    }

    private func check(_ store: EmbeddedStore, _ made: Case, _ random: inout SplitMix, _ comment: String) async throws {
        var found = 0, wanted = 0
        for below in [100, 60, 25, 8, 0] {
            let filter =
                below == 100
                ? nil : try Filter(must: [.range(path: "share", NumericRange(lessThan: .integer(Int64(below))))])
            var exact: [PointQuery] = []
            for _ in 0..<6 {
                let query = made.vector(&random)
                let target = PointQuery.Target.dense(name: "", query)
                let walked = PointQuery(target: target, filter: filter, limit: Self.limit, breadth: 48)
                exact.append(PointQuery(target: target, filter: filter, limit: Self.limit, isExact: true))
                let answers = try await store.query([walked], in: "c")[0]
                let counted = hits(answers, made, query, below: below)
                found += counted.found
                wanted += counted.wanted
                let all = try await store.query([exact[exact.count - 1]], in: "c")[0]
                let counts = hits(all, made, query, below: below)
                #expect(counts.found == counts.wanted, "\(comment): exact, \(below) %")
            }
            // Many at once are answered as one by one.
            let together = try await store.query(exact, in: "c")
            for (query, answer) in zip(exact, together) {
                #expect(try await store.query([query], in: "c")[0].map(\.id) == answer.map(\.id), "\(comment)")
            }
        }
        #expect(Double(found) >= 0.97 * Double(wanted), "\(comment): \(found) of \(wanted)")
    }

    @Test(
        "Graphs find what exact search finds, also after half was replaced and after reopening",
        arguments: Metric.allCases, [20, 80])
    func everyCollection(metric: Metric, dimension: Int) async throws {
        for isOnDisk in [false, true] {
            var random = SplitMix(seed: UInt64(dimension) + (isOnDisk ? 1 : 0))
            var made = Case(metric: metric, dimension: dimension, isOnDisk: isOnDisk)
            let comment = "\(metric) \(dimension) \(isOnDisk ? "on disk" : "in memory")"
            let scratch = ScratchDirectory()
            defer { withExtendedLifetime(scratch) {} }
            var settings = EngineSettings()
            settings.sealsAutomatically = false
            let store = try EmbeddedStore(directory: scratch.path, settings: settings)
            try await store.createCollection("c", schema: made.schema)
            try await store.upsert(try made.points(0..<1500, &random), in: "c")
            try await store.sealNow("c", threads: 1)
            try await check(store, made, &random, comment)
            // A growing segment beside the graph, deletions in it, and a graph extended by what was replaced.
            try await store.upsert(try made.points(0..<750, &random), in: "c")
            try await check(store, made, &random, comment + ", replaced")
            try await store.sealNow("c", threads: 2)
            try await store.delete(.ids((0..<300).map { .number($0 * 4) }), in: "c")
            for id in 0..<300 as Range<UInt64> { (made.vectors[id * 4], made.shares[id * 4]) = (nil, nil) }
            try await check(store, made, &random, comment + ", sealed again")
            try await store.close()
            let reopened = try EmbeddedStore(directory: scratch.path, settings: settings)
            try await check(reopened, made, &random, comment + ", reopened")
            try await reopened.close()
        }
    }

    @Test("Codes alone rank nearly as floats do, every candidate's floats are exact, and oversampling widens a walk")
    func searchByCodes() async throws {
        var random = SplitMix(seed: 10)
        var made = Case(metric: .cosine, dimension: 80, isOnDisk: false)
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        let store = try EmbeddedStore(directory: scratch.path, settings: settings)
        try await store.createCollection("c", schema: made.schema)
        try await store.upsert(try made.points(0..<1500, &random), in: "c")
        try await store.sealNow("c", threads: 1)
        var counts: [String: Int] = [:]
        for _ in 0..<20 {
            let query = made.vector(&random)
            func ask(_ codes: CodeSearch) async throws -> [ScoredPoint] {
                let target = PointQuery.Target.dense(name: "", query)
                return try await store.query(
                    [PointQuery(target: target, limit: Self.limit, breadth: Self.limit, codes: codes)], in: "c")[0]
            }
            let usual = try await ask(CodeSearch())
            let coded = try await ask(CodeSearch(rescoring: .none))
            #expect(coded.count == Self.limit && coded.map(\.score) == coded.map(\.score).sorted(by: >))
            let all = try await ask(CodeSearch(rescoring: .all))
            let known = Dictionary(uniqueKeysWithValues: usual.map { ($0.id, $0.score) })
            for point in all where known[point.id] != nil { #expect(point.score == known[point.id]) }
            for point in coded where known[point.id] != nil {
                #expect(abs(point.score - (known[point.id] ?? 0)) < 0.1)
                if point.score != known[point.id] { counts["by codes", default: 0] += 1 }
            }
            counts["usual", default: 0] += hits(usual, made, query, below: 100).found
            let wide = try await ask(CodeSearch(oversampling: 20))
            counts["wide", default: 0] += hits(wide, made, query, below: 100).found
            _ = try await ask(CodeSearch(rescoring: .all, oversampling: .infinity))
        }
        #expect((counts["by codes"] ?? 0) > 0, "scores of codes are not those of floats")
        #expect((counts["wide"] ?? 0) >= (counts["usual"] ?? 0) && (counts["wide"] ?? 0) >= 198, "\(counts)")
        for oversampling in [0.5, -1, .nan] {
            await #expect(throws: EngineError.self) {
                _ = try await store.query(
                    [
                        PointQuery(
                            target: .dense(name: "", Array(repeating: 1, count: 80)),
                            codes: CodeSearch(oversampling: oversampling))
                    ], in: "c")
            }
        }
        try await store.close()
    }

    @Test("A graph whose stored links are damaged answers as before, and is built again by the next sealing")
    func damagedLinks() async throws {
        var random = SplitMix(seed: 9)
        var made = Case(metric: .cosine, dimension: 80, isOnDisk: false)
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        let store = try EmbeddedStore(directory: scratch.path, settings: settings)
        try await store.createCollection("c", schema: made.schema)
        try await store.upsert(try made.points(0..<1500, &random), in: "c")
        try await store.sealNow("c", threads: 1)
        try await store.close()
        let file = try DatabaseQueue(path: scratch.path + "/c.collection.sqlite")
        // Part 1 is the first of the links; its checksum no longer holds.
        try await file.write { db in
            try db.execute(sql: "UPDATE graph_parts SET bytes = zeroblob(length(bytes)) WHERE part = 1")
            #expect(db.changesCount == 1)
        }
        try file.close()
        let reopened = try EmbeddedStore(directory: scratch.path, settings: settings)
        try await check(reopened, made, &random, "damaged")
        try await reopened.sealNow("c", threads: 1)
        #expect(try await reopened.describe("c")?.indexedPointCount == 1500)
        try await check(reopened, made, &random, "built again")
        try await reopened.close()
        let again = try EmbeddedStore(directory: scratch.path, settings: settings)
        #expect(try await again.describe("c")?.indexedPointCount == 1500)
        try await again.close()
    }
}
