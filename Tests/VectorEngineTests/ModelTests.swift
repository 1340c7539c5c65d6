import Foundation
import JSON
import TestSupport
import Testing
import VectorEngine
import Vectors

/// The store against a dictionary: the same random operations on both, the same answers from both.
@Suite struct ModelTests {
    /// What the collection should hold, and answers by plain walks over it.
    private struct Model {
        var points: [PointID: Point] = [:]

        func matching(_ filter: Filter?) -> [Point] {
            points.values.filter { point in
                filter?.matches(id: point.id, payload: point.payload, vectors: point.vectors) ?? true
            }
        }

        func cosine(_ query: [Float], _ filter: Filter?) -> [(PointID, Float)] {
            matching(filter).compactMap { point in
                guard let vector = point.vectors.dense["text"] else { return nil }
                func dot(_ a: [Float], _ b: [Float]) -> Double {
                    zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
                }
                return (point.id, Float(dot(query, vector) / (dot(query, query) * dot(vector, vector)).squareRoot()))
            }.sorted { $0.1 > $1.1 }
        }

        func lexical(_ query: SparseVector, _ filter: Filter?) -> [PointID: Float] {
            let corpus = matching(filter)
            var scores: [PointID: Float] = [:]
            for (term, weight) in zip(query.indices, query.values) {
                let having = corpus.compactMap { point -> (PointID, Float)? in
                    guard let vector = point.vectors.sparse["lexical"], let i = vector.indices.firstIndex(of: term)
                    else { return nil }
                    return (point.id, vector.values[i])
                }
                let without = Double(corpus.count - having.count) + 0.5
                let idf = Float(log(1 + without / (Double(having.count) + 0.5)))
                for (id, value) in having { scores[id, default: 0] += weight * idf * value }
            }
            return scores
        }
    }

    private func step(_ store: EmbeddedStore, _ model: inout Model, _ random: inout SplitMix) async throws {
        switch Int.random(in: 0..<10, using: &random) {
        case 0...5:
            let points = try (0..<Int.random(in: 1...6, using: &random)).map { _ in
                try Sample.point(.random(in: 0..<120, using: &random), &random)
            }
            try await store.upsert(points, in: "c")
            for point in points { model.points[point.id] = point }
        case 6:
            let ids: [PointID] = (0..<3).map { _ in .number(.random(in: 0..<120, using: &random)) }
            let receipt = try await store.delete(.ids(ids), in: "c")
            #expect(receipt.affected == Set(ids).count { model.points[$0] != nil })
            for id in ids { model.points[id] = nil }
        case 7:
            let filter = Filter(must: [Sample.condition(&random), Sample.condition(&random)])
            let gone = model.matching(filter).map(\.id)
            #expect(try await store.delete(.filter(filter), in: "c").affected == gone.count)
            for id in gone { model.points[id] = nil }
        case 8:
            let members: JSONObject = ["n": .integer(.random(in: 0...9, using: &random)), "kind": .null, "extra": "x"]
            let filter = Filter(must: [Sample.condition(&random), Sample.condition(&random)])
            try await store.mergePayload(
                Payload(text: JSONWriter.bytes(.object(members))), of: .filter(filter), in: "c")
            for point in model.matching(filter) {
                var object = point.payload.object
                for (key, value) in members {
                    if value.isNull { object.removeValue(forKey: key) } else { object[key] = value }
                }
                model.points[point.id]?.payload = try Payload(text: JSONWriter.bytes(.object(object)))
            }
        default:
            try await store.sealNow("c", threads: 1)
        }
    }

    private func compare(_ store: EmbeddedStore, _ model: Model, _ random: inout SplitMix) async throws {
        let filter = Bool.random(using: &random) ? Sample.filter(&random) : nil
        let expected = model.matching(filter)
        #expect(try await store.count(filter, in: "c") == expected.count, "\(String(describing: filter))")
        let page = try await store.scroll(ScrollRequest(filter: filter, limit: 500, parts: .payload), in: "c")
        #expect(page.points.map(\.id) == expected.map(\.id).sorted())
        for point in page.points { #expect(point.payload.object == model.points[point.id]?.payload.object) }
        let asked = (0..<20).map { _ in PointID.number(.random(in: 0...200, using: &random)) }
        let other = try Filter(mustNot: [.range(path: "n", NumericRange(atMost: 3))])
        let passing = try await store.passing([filter ?? Filter(), other], among: asked, in: "c")
        #expect(passing[0] == Set(expected.map(\.id)).intersection(asked))
        #expect(passing[1] == Set(model.matching(other).map(\.id)).intersection(asked))

        let query = Sample.vector(&random)
        let nearest = model.cosine(query, filter).prefix(10)
        let terms = SparseVector(sorting: [(3, 1), (17, 0.5), (.random(in: 0...30, using: &random), 1)])
        let answers = try await store.query(
            [
                PointQuery(target: .dense(name: "text", query), filter: filter, limit: 10, breadth: 200),
                PointQuery(target: .sparse(name: "lexical", terms), filter: filter, limit: 200),
            ], in: "c")
        #expect(answers[0].count == nearest.count)
        for (found, wanted) in zip(answers[0], nearest) { #expect(abs(found.score - wanted.1) < 1e-5) }
        let lexical = model.lexical(terms, filter)
        #expect(Set(answers[1].map(\.id)) == Set(lexical.keys))
        for found in answers[1] { #expect(abs(found.score - (lexical[found.id] ?? 0)) < 1e-4) }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func answersLikeADictionaryThroughWritesSealingAndReopening(seed: UInt64) async throws {
        let scratch = ScratchDirectory()
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        var random = SplitMix(seed: seed)
        var model = Model()
        var store = try EmbeddedStore(directory: scratch.path, settings: settings)
        try await store.createCollection("c", schema: Sample.schema)
        // A second store on the same directory stands for another process: it must see every write at once.
        let other = try EmbeddedStore(directory: scratch.path, settings: settings)
        for round in 0..<120 {
            try await step(Bool.random(using: &random) ? store : other, &model, &random)
            try await compare(round % 3 == 0 ? other : store, model, &random)
            if round % 25 == 24 {
                try await store.close()
                store = try EmbeddedStore(directory: scratch.path, settings: settings)
            }
        }
        try await store.close()
        try await other.close()
    }

    @Test func pagesByIDMeetEveryPointOnce() async throws {
        let scratch = ScratchDirectory()
        let store = try EmbeddedStore(directory: scratch.path)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 9)
        try await store.upsert((0..<25).map { try Sample.point($0, &random) }, in: "c")
        for filter in [nil, Filter(must: [.hasVector("text")])] {
            var seen: [PointID] = []
            var start: PointID?
            repeat {
                let page = try await store.scroll(ScrollRequest(filter: filter, limit: 10, startAt: start), in: "c")
                seen += page.points.map(\.id)
                start = page.next
            } while start != nil
            #expect(seen == (0..<25).map { .number($0) })
        }
    }

    @Test func ordersByAnIndexedNumberAndRefusesAnUnindexedOne() async throws {
        let scratch = ScratchDirectory()
        let store = try EmbeddedStore(directory: scratch.path)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 5)
        let points = try (1..<60).map { try Sample.point($0, &random) }
        try await store.upsert(points, in: "c")
        let wanted = points.compactMap { point in point.payload.object["n"]?.integerValue.map { ($0, point.id) } }
            .sorted { $0 > $1 }.prefix(7).map(\.1)
        let request = ScrollRequest(limit: 7, order: PayloadOrder(path: "n", descending: true))
        #expect(try await store.scroll(request, in: "c").points.map(\.id) == wanted)
        await #expect { try await store.scroll(ScrollRequest(order: PayloadOrder(path: "free")), in: "c") } throws: {
            ($0 as? EngineError)?.code == .invalidArgument
        }
    }
}
