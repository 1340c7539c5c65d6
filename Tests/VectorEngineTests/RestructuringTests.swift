import Foundation
import JSON
import TestSupport
import Testing
import VectorEngine
import Vectors

/// Other vectors and other indexes for what is stored, seen by processes that have the collection open.
@Suite struct RestructuringTests {
    private static let count: UInt64 = 200

    private func filled(_ path: String) async throws -> EmbeddedStore {
        let store = try EmbeddedStore(directory: path)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 5)
        try await store.upsert(try (0..<Self.count).map { try Sample.point($0, &random) }, in: "c")
        return store
    }

    private static var wider: CollectionSchema {
        var schema = Sample.schema
        schema.dense["text"] = DenseVectorSchema(dimension: 3)
        return schema
    }

    private static func stage(_ store: EmbeddedStore, _ ids: Range<UInt64>) async throws {
        if try await !store.exists("stage") {
            try await store.createCollection(
                "stage", schema: CollectionSchema(dense: ["text": DenseVectorSchema(dimension: 3)]))
        }
        try await store.upsert(
            ids.map { id in
                Point(id: .number(id), vectors: PointVectors(dense: ["text": [Float(id), 1, 0]]))
            }, in: "stage")
    }

    @Test(arguments: [false, true])
    func whoHasTheCollectionOpenSeesTheNewVectorsAndWritesThem(isSealed: Bool) async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let store = try await filled(scratch.path)
        if isSealed { try await store.sealNow("c") }
        let follower = try EmbeddedStore(directory: scratch.path)
        #expect(try await follower.count(nil, in: "c") == Int(Self.count))
        try await Self.stage(store, 0..<Self.count)
        let outcome = try await store.replaceVectors(
            of: "c", schema: Self.wider, from: "stage", lookingAfter: 0, fits: { _, _ in true })
        #expect(outcome == .done(endedLog: false))
        let query = PointQuery(target: .dense(name: "text", [17, 1, 0]), limit: 1, parts: .all)
        for one in [store, follower] {
            let found = try #require(try await one.query([query], in: "c")[0].first)
            #expect(found.id == .number(17) && found.vectors?.dense["text"]?.count == 3)
            #expect(found.payload != nil && found.payload != .empty)
        }
        // A point of the old dimension is refused, of the new one taken, by the one that only followed as well.
        let old = Point(id: .number(1), vectors: PointVectors(dense: ["text": [Float](repeating: 1, count: 8)]))
        await #expect(throws: EngineError.self) { try await follower.upsert([old], in: "c") }
        let new = Point(id: .number(1), vectors: PointVectors(dense: ["text": [0, 0, 1]]))
        try await follower.upsert([new], in: "c")
        #expect(try await store.retrieve([.number(1)], with: .all, in: "c").first?.vectors.dense["text"] == [0, 0, 1])
        try await store.sealNow("c")
        #expect(try await store.verify("c").isSound)
        try await follower.close()
        try await store.close()
    }

    @Test func aPointWithoutAFittingVectorStopsTheReplacementAndIsNamed() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let store = try await filled(scratch.path)
        try await Self.stage(store, 0..<Self.count - 1)
        let outcome = try await store.replaceVectors(
            of: "c", schema: Self.wider, from: "stage", lookingAfter: 0, fits: { _, _ in true })
        #expect(outcome == .missing([.number(Self.count - 1)], sequence: Self.count))
        // Looking at what comes later alone finds nothing; the whole look still does.
        let late = try await store.replaceVectors(
            of: "c", schema: Self.wider, from: "stage", lookingAfter: Self.count, fits: { _, _ in true })
        #expect(late == .missing([.number(Self.count - 1)], sequence: Self.count))
        let unfit = try await store.replaceVectors(
            of: "c", schema: Self.wider, from: "stage", lookingAfter: 0, fits: { _, _ in false })
        #expect(unfit == .missing((0..<Self.count).map { .number($0) }, sequence: Self.count))
        #expect(try await store.describe("c")?.schema == Sample.schema, "nothing was changed")
        var other = Self.wider
        other.sparse = [:]
        await #expect(throws: EngineError.self) {
            try await store.replaceVectors(
                of: "c", schema: other, from: "stage", lookingAfter: 0, fits: { _, _ in true })
        }
        // Without a stage all vectors go.
        var bare = Sample.schema
        bare.dense = [:]
        let gone = try await store.replaceVectors(
            of: "c", schema: bare, from: nil, lookingAfter: 0, fits: { _, _ in true })
        #expect(gone == .done(endedLog: false))
        #expect(try await store.count(nil, in: "c") == Int(Self.count))
        try await store.close()
    }

    @Test func anAddedIndexKnowsWhatWasStoredBeforeAndAfterTheNextOpening() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let store = try EmbeddedStore(directory: scratch.path)
        var schema = Sample.schema
        schema.payloadIndexes = [:]
        try await store.createCollection("c", schema: schema)
        let points = (0..<Self.count).map { id in
            Point(id: .number(id), payload: Payload(["shade": .integer(Int64(id % 5)), "word": .string("w\(id % 3)")]))
        }
        try await store.upsert(Array(points.prefix(150)), in: "c")
        try await store.sealNow("c")
        try await store.delete(.ids([.number(7)]), in: "c")
        try await store.upsert(Array(points.dropFirst(150)), in: "c")
        #expect(try await store.addPayloadIndexes(["shade": .integer, "word": .keyword], to: "c"))
        #expect(try await !store.addPayloadIndexes(["word": .keyword], to: "c"), "it is there already")
        let filter = try Filter(must: [.match(path: "word", anyOf: [.keyword("w1")])])
        let order = PayloadOrder(path: "shade", descending: true)
        let wanted = (0..<Self.count).filter { $0 % 3 == 1 && $0 != 7 }
        for opened in 0..<2 {
            if opened == 1 { try await store.close() }
            let ids = try await store.scroll(ScrollRequest(filter: filter, limit: 1_000), in: "c").points.map(\.id)
            #expect(ids == wanted.map { .number($0) }, "opened \(opened)")
            let ordered = try await store.scroll(
                ScrollRequest(filter: filter, limit: 10, order: order, parts: .payload), in: "c")
            #expect(ordered.points.allSatisfy { $0.payload.object["shade"] == 4 } && ordered.points.count == 10)
        }
        #expect(try await store.verify("c").isSound)
        try await store.close()
    }

    @Test func oneAtATimeRestructuresAndAnotherIsTurnedAway() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let store = try await filled(scratch.path)
        let second = try EmbeddedStore(directory: scratch.path)
        let inner = try await store.restructuring("c") { try await second.restructuring("c") { true } == nil }
        #expect(inner == true)
        #expect(try await second.restructuring("c") { true } == true)
        #expect(try !store.isBeingSealed("c"))
        try await second.close()
        try await store.close()
    }
}
