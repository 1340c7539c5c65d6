import GRDB
import JSON
import TestSupport
import Testing
import VectorEngine
import Vectors

/// Views, schemas and remembered answers that must belong to one moment, however many processes change them.
@Suite struct OneMomentTests {
    private let scratch = ScratchDirectory()

    private func store(_ change: (inout EngineSettings) -> Void = { _ in }) throws -> EmbeddedStore {
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        change(&settings)
        return try EmbeddedStore(directory: scratch.path, settings: settings)
    }

    /// "é" as one scalar and as two, which Swift's strings take for the same.
    private static let composed = "caf\u{e9}"
    private static let decomposed = "cafe\u{301}"

    @Test(
        "Filters whose texts differ in bytes are different filters, whatever they test",
        arguments: [
            { .text($0) }, { .textAny($0) }, { .phrase($0) }, { .prefix($0) }, { .substring($0) },
            { .anyOf([.keyword($0)]) }, { .noneOf([.keyword($0)]) },
        ] as [@Sendable (String) -> FieldTest])
    func filtersAreToldByBytes(test: @Sendable (String) -> FieldTest) async throws {
        let path = try PayloadPath("t")
        func filter(_ text: String) -> Filter { Filter(must: [.field(path, test(text))]) }
        #expect(filter(Self.composed) == filter(Self.composed))
        #expect(filter(Self.composed) != filter(Self.decomposed))
        let named = Filter(must: [.hasVector(Self.composed)])
        #expect(named != Filter(must: [.hasVector(Self.decomposed)]))

        let store = try store()
        try await store.createCollection("c", schema: CollectionSchema())
        try await store.upsert(
            [Self.composed, Self.decomposed].enumerated().map { number, text in
                Point(
                    id: .number(UInt64(number)), vectors: PointVectors(), payload: Payload(["t": .string(text)]))
            }, in: "c")
        // The same filter alone, on a store that remembers nothing, says what is right.
        let alone = try self.store()
        let right = try await alone.scroll(ScrollRequest(filter: filter(Self.decomposed)), in: "c").points.map(\.id)
        _ = try await store.count(filter(Self.composed), in: "c")
        let found = try await store.scroll(ScrollRequest(filter: filter(Self.decomposed)), in: "c").points.map(\.id)
        #expect(found == right)
    }

    @Test("A store that seals knows the vectors that another store has given up", arguments: [false, true])
    func sealingFollowsTheSchema(comes: Bool) async throws {
        let (store, other) = (try store(), try store())
        try await store.createCollection(
            "c",
            schema: CollectionSchema(dense: [
                "m": DenseVectorSchema(dimension: 4, metric: .dot), "z": DenseVectorSchema(dimension: 8, metric: .dot),
            ]))
        var random = SplitMix(seed: 3)
        var vectors: [UInt64: [Float]] = [:]
        for id in 0..<UInt64(120) { vectors[id] = random.floats(8) }
        try await store.upsert(
            vectors.map { id, vector in
                Point(
                    id: .number(id), vectors: PointVectors(dense: ["m": Array(vector.prefix(4)), "z": vector]))
            }, in: "c")
        // Nothing asks `store` for anything between the change and its sealing.
        try await other.redefine("c") { definition in
            if comes {
                definition.schema.dense["a"] = DenseVectorSchema(dimension: 2, metric: .dot)
            } else {
                definition.schema.dense["m"] = nil
            }
        }
        try await store.sealNow("c")
        // `other` goes on with the rows that it has read until it opens the collection again.
        let opened = try self.store()
        for one in [store, opened] { #expect(try await one.describe("c")?.indexedPointCount == 120) }
        for one in [store, other, opened] {
            #expect(try await one.verify("c").isSound)
            let query = PointQuery(target: .dense(name: "z", vectors[7] ?? []), limit: 5, isExact: false)
            let exact = PointQuery(target: .dense(name: "z", vectors[7] ?? []), limit: 5, isExact: true)
            let found = try await one.query([query, exact], in: "c")
            #expect(found[0].map(\.id) == found[1].map(\.id))
        }
    }

    @Test("A delete whose bytes are damaged keeps nobody from the points that are there", arguments: [false, true])
    func aDamagedDeleteIsSurvived(isFollowed: Bool) async throws {
        let store = try store()
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 4)
        try await store.upsert(try (0..<60).map { try Sample.point($0, &random) }, in: "c")
        try await store.sealNow("c")
        let follower = try self.store()
        #expect(try await follower.count(nil, in: "c") == 60)
        try await store.delete(.ids([.number(7)]), in: "c")
        if !isFollowed { try await follower.close() }
        try await store.close()
        let queue = try DatabaseQueue(path: scratch.path + "/c.collection.sqlite")
        try await queue.write { try $0.execute(sql: "UPDATE deletions SET checksum = checksum + 1") }
        try queue.close()
        let reader = isFollowed ? follower : try self.store()
        #expect(try await reader.count(nil, in: "c") == 59)
        #expect(try await reader.retrieve([.number(7), .number(8)], with: .idOnly, in: "c").map(\.id) == [.number(8)])
        #expect(try await reader.damagedRows(in: "c").isEmpty)
    }

    @Test("Graphs stay when a vector name comes or goes beside a multivector")
    func graphsStayBesideMultivectors() async throws {
        let store = try store()
        try await store.createCollection(
            "c",
            schema: CollectionSchema(
                dense: ["d": DenseVectorSchema(dimension: 4, metric: .dot)], sparse: ["s": SparseVectorSchema()],
                multi: ["m": DenseVectorSchema(dimension: 2, metric: .dot)]))
        var random = SplitMix(seed: 5)
        try await store.upsert(
            (0..<80).map { id in
                var vectors = PointVectors(dense: ["d": random.floats(4)])
                if id % 2 == 0 { vectors.multi["m"] = MultiVector(dimension: 2, values: random.floats(4)) }
                return Point(id: .number(UInt64(id)), vectors: vectors)
            }, in: "c")
        try await store.sealNow("c")
        for change in [
            { $0.sparse["s"] = nil }, { $0.sparse["new"] = SparseVectorSchema() },
        ] as [@Sendable (inout CollectionSchema) -> Void] {
            try await store.redefine("c") { change(&$0.schema) }
            #expect(try await store.describe("c")?.indexedPointCount == 80)
            // Opening the file reads the stored graphs.
            let opened = try self.store()
            #expect(try await opened.describe("c")?.indexedPointCount == 80)
            try await opened.close()
        }
    }

    @Test("Exact searches of floats on disk go on while vector names come and go")
    func searchesGoOnWhileVectorsChange() async throws {
        let store = try store()
        try await store.createCollection(
            "c", schema: CollectionSchema(dense: ["m": DenseVectorSchema(dimension: 16, metric: .dot, isOnDisk: true)]))
        var random = SplitMix(seed: 6)
        try await store.upsert(
            (0..<300).map { Point(id: .number($0), vectors: PointVectors(dense: ["m": random.floats(16)])) }, in: "c")
        try await store.sealNow("c")
        let asked = random.floats(16)
        let query = PointQuery(target: .dense(name: "m", asked), limit: 3, isExact: true)
        let right = try await store.query([query], in: "c")[0].map(\.id)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<60 {
                        let found = try await store.query([query], in: "c")[0].map(\.id)
                        #expect(found == right)
                    }
                }
            }
            group.addTask {
                for round in 0..<12 {
                    try await store.redefine("c") { definition in
                        definition.schema.dense["a"] =
                            round.isMultiple(of: 2) ? DenseVectorSchema(dimension: 3, metric: .dot) : nil
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
