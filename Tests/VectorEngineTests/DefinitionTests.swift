import Foundation
import JSON
import TestSupport
import Testing
import VectorEngine
import Vectors

/// What a collection is beside its points changes in one transaction, for every process on the directory.
@Suite struct DefinitionTests {
    private let scratch = ScratchDirectory()
    private struct Refused: Error {}

    private func store(_ key: EncryptionKey? = nil) throws -> EmbeddedStore {
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        settings.encryptionKey = key
        return try EmbeddedStore(directory: scratch.path, settings: settings)
    }

    /// Any vectors of the schema, each name present or not.
    private static func point(_ id: UInt64, _ schema: CollectionSchema, _ random: inout SplitMix) -> Point {
        func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -1...1, using: &random) } }
        var vectors = PointVectors()
        for (name, vector) in schema.dense where Bool.random(using: &random) {
            vectors.dense[name] = floats(vector.dimension)
        }
        for name in schema.sparse.keys where Bool.random(using: &random) {
            vectors.sparse[name] = SparseVector(sorting: [(UInt32(id), 1), (UInt32(id) + 1, 2)])
        }
        for (name, vector) in schema.multi where Bool.random(using: &random) {
            vectors.multi[name] = MultiVector(dimension: vector.dimension, values: floats(2 * vector.dimension))
        }
        return Point(id: .number(id), vectors: vectors, payload: Payload(["id": .integer(Int64(id))]))
    }

    private static func expect(
        _ store: EmbeddedStore, _ model: [UInt64: Point], _ schema: CollectionSchema, _ comment: Comment
    ) async throws {
        let page = try await store.scroll(ScrollRequest(limit: 1000, parts: .all), in: "c")
        #expect(page.points == model.sorted { $0.key < $1.key }.map(\.value), comment)
        #expect(try await store.describe("c")?.schema == schema, comment)
        for (name, vector) in schema.dense {
            let query = PointQuery(
                target: .dense(name: name, [Float](repeating: 1, count: vector.dimension)), limit: 1000)
            let having = model.filter { $0.value.vectors.dense[name] != nil }.map { PointID.number($0.key) }
            #expect(try await Set(store.query([query], in: "c")[0].map(\.id)) == Set(having), comment)
        }
        for name in schema.sparse.keys {
            let filter = Filter(must: [.hasVector(name)])
            #expect(
                try await store.count(filter, in: "c") == model.count { $0.value.vectors.sparse[name] != nil }, comment)
        }
    }

    @Test(
        "names of every kind come and go, and the points keep what they have of the others",
        arguments: [false, true])
    func namesComeAndGo(isEncrypted: Bool) async throws {
        let key = isEncrypted ? try EncryptionKey(hex: String(repeating: "5a", count: 32)) : nil
        let (store, follower) = (try store(key), try store(key))
        let seed = UInt64.random(in: 0...(.max))
        var random = SplitMix(seed: seed)
        var schema = CollectionSchema(dense: ["m": DenseVectorSchema(dimension: 3, metric: .dot)])
        try await store.createCollection("c", schema: schema)
        var model: [UInt64: Point] = [:]
        for round in 0..<24 {
            let stores = [store, follower].shuffled(using: &random)
            let name = ["a", "m", "z"].randomElement(using: &random) ?? "a"
            let kind = Int.random(in: 0..<3, using: &random)
            var next = schema
            if schema.dense[name] != nil || schema.sparse[name] != nil || schema.multi[name] != nil {
                (next.dense[name], next.sparse[name], next.multi[name]) = (nil, nil, nil)
                for id in model.keys {
                    model[id]?.vectors.dense[name] = nil
                    model[id]?.vectors.sparse[name] = nil
                    model[id]?.vectors.multi[name] = nil
                }
            } else {
                switch kind {
                case 0: next.dense[name] = DenseVectorSchema(dimension: 2 + round % 3, metric: .dot)
                case 1: next.sparse[name] = SparseVectorSchema()
                default: next.multi[name] = DenseVectorSchema(dimension: 2, metric: .dot)
                }
            }
            let wanted = next
            try await stores[0].redefine("c") { $0.schema = wanted }
            schema = next
            let points = (0..<5).map { _ in Self.point(.random(in: 0..<60, using: &random), schema, &random) }
            try await stores[1].upsert(points, in: "c")
            for point in points { if case .number(let id) = point.id { model[id] = point } }
            if round % 5 == 4 { try await stores[round % 2].sealNow("c") }
            for (i, one) in stores.enumerated() {
                try await Self.expect(one, model, schema, "seed \(seed), round \(round), store \(i)")
            }
        }
        let report = try await store.verify("c")
        #expect(report.isSound, "seed \(seed): \(report.summary)")
        try await store.close()
        try await follower.close()
        let opened = try self.store(key)
        try await Self.expect(opened, model, schema, "seed \(seed), opened again")
        try await opened.close()
    }

    @Test("a sealed collection stays sealed when a sparse name comes, and no row is damaged when a dense one does")
    func sealedSegmentsStay() async throws {
        let store = try store()
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 9)
        try await store.upsert(try (0..<200).map { try Sample.point($0, &random) }, in: "c")
        try await store.sealNow("c")
        try await store.redefine("c") { $0.schema.sparse["s"] = SparseVectorSchema() }
        #expect(try await store.describe("c")?.indexedPointCount == 200)
        try await store.redefine("c") { $0.schema.dense["b"] = DenseVectorSchema(dimension: 4) }
        let facts = try #require(try await store.describe("c"))
        #expect(facts.damagedPointCount == 0 && facts.pointCount == 200)
        try await store.sealNow("c")
        #expect(try await store.describe("c")?.indexedPointCount == 200)
        #expect(try await store.verify("c").isSound)
        try await store.close()
    }

    @Test("a change that throws leaves schema and notes as they were, and its error reaches the caller")
    func aRefusedChangeChangesNothing() async throws {
        let store = try store()
        try await store.createCollection("c", schema: Sample.schema)
        try await store.redefine("c") { $0.notes["n"] = "1" }
        let before = try await store.definition(of: "c")
        await #expect(throws: Refused.self) {
            try await store.redefine("c") { definition in
                definition.notes["n"] = "2"
                definition.schema.dense["b"] = DenseVectorSchema(dimension: 4)
                throw Refused()
            }
        }
        await #expect(throws: EngineError.self) {
            try await store.redefine("c") { $0.schema.dense["text"] = DenseVectorSchema(dimension: 4) }
        }
        #expect(try await store.definition(of: "c") == before && before.notes == ["n": "1"])
        try await store.close()
    }

    @Test("notes that two stores change at the same time are all kept, and each store sees the other's")
    func notesAreShared() async throws {
        let stores = [try store(), try store()]
        try await stores[0].createCollection("c", schema: Sample.schema)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (i, store) in stores.enumerated() {
                for k in 0..<10 {
                    group.addTask { try await store.redefine("c") { $0.notes["\(i)-\(k)"] = "x" } }
                }
            }
            try await group.waitForAll()
        }
        for store in stores {
            #expect(try await store.definition(of: "c").notes.count == 20)
            #expect(store.settledDefinition(of: "c")?.notes.count == 20, "known without asking the file")
        }
        for store in stores { try await store.close() }
    }

    // MARK: Adopting

    @Test(
        "a copy takes the place of a collection that another store has open, which follows and writes on",
        arguments: [false, true])
    func anAdoptedCopyIsFollowed(isSealed: Bool) async throws {
        let (store, follower) = (try store(), try store())
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 4)
        let first = try (0..<100).map { try Sample.point($0, &random) }
        try await store.upsert(first, in: "c")
        if isSealed { try await store.sealNow("c") }
        let copy = scratch.path + "/copy"
        try await store.copy("c", to: copy)
        try await follower.upsert(try (200..<230).map { try Sample.point($0, &random) }, in: "c")
        try await store.redefine("c") { $0.schema.dense["b"] = DenseVectorSchema(dimension: 4) }
        #expect(try await follower.count(nil, in: "c") == 130)
        try await store.adopt(copy, as: "c")
        #expect(!FileManager.default.fileExists(atPath: copy))
        try await follower.upsert([try Sample.point(500, &random)], in: "c")
        for one in [store, follower] {
            let page = try await one.scroll(ScrollRequest(limit: 1000), in: "c")
            #expect(page.points.map(\.id) == (0..<100).map { .number($0) } + [.number(500)])
            #expect(try await one.describe("c")?.schema == Sample.schema)
            #expect(try await one.verify("c").isSound)
        }
        try await store.close()
        try await follower.close()
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: scratch.path).filter { $0.contains(".new-") } == [])
    }

    @Test("after a kill between the adopting and its mark the new collection opens")
    func theMarkOfTheReplacedStoreIsNoDamage() async throws {
        var store = try store()
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 4)
        try await store.upsert([try Sample.point(1, &random)], in: "c")
        let copy = scratch.path + "/copy"
        try await store.copy("c", to: copy)
        try await store.upsert(try (2..<50).map { try Sample.point($0, &random) }, in: "c")
        let mark = scratch.path + "/c.collection.sqlite.mark"
        let old = try #require(FileManager.default.contents(atPath: mark))
        try await store.adopt(copy, as: "c")
        try await store.close()
        try old.write(to: URL(fileURLWithPath: mark))
        store = try self.store()
        #expect(try await store.verify("c").isSound)
        #expect(try await store.count(nil, in: "c") == 1)
        try await store.close()
    }

    @Test("a damaged copy is refused and the collection stays as it is")
    func aDamagedCopyIsRefused() async throws {
        let store = try store()
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 4)
        try await store.upsert(try (0..<20).map { try Sample.point($0, &random) }, in: "c")
        let copy = scratch.path + "/copy"
        try Data("no collection".utf8).write(to: URL(fileURLWithPath: copy))
        await #expect(throws: EngineError.self) { try await store.adopt(copy, as: "c") }
        await #expect(throws: EngineError.self) { try await store.adopt(scratch.path + "/absent", as: "d") }
        #expect(try await store.count(nil, in: "c") == 20)
        #expect(try await store.collectionNames() == ["c"])
        try await store.close()
    }

    // MARK: Names and aliases

    @Test("names of 67, 68 and 255 bytes are kept and listed, and longer ones and none are refused")
    func namesHaveUpTo255Bytes() async throws {
        let store = try store()
        let names = ["n", "%", "ü"].flatMap { letter in
            [67, 68, 255].map { String(repeating: letter, count: $0 / letter.utf8.count) }
        }
        for name in Set(names) { try await store.createCollection(name, schema: Sample.schema) }
        let other = try self.store()
        #expect(try await other.collectionNames() == Set(names).sorted())
        for name in names { #expect(try await other.count(nil, in: name) == 0) }
        for name in ["", String(repeating: "n", count: 256)] {
            await #expect(throws: EngineError.self) { try await store.createCollection(name, schema: Sample.schema) }
        }
        try await other.close()
        try await store.close()
    }

    @Test("aliases that two stores change at the same time are all kept")
    func aliasesAreShared() async throws {
        let stores = [try store(), try store()]
        #expect(try await stores[0].aliases() == [:] && stores[0].settledAliases == [:])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (i, store) in stores.enumerated() {
                for k in 0..<10 { group.addTask { try await store.changeAliases { $0[text: "\(i)-\(k)"] = "c" } } }
            }
            try await group.waitForAll()
        }
        for store in stores { #expect(try await store.aliases().count == 20) }
        await #expect(throws: Refused.self) {
            try await stores[0].changeAliases { aliases in
                aliases = [:]
                throw Refused()
            }
        }
        try await stores[1].changeAliases { $0["0-0"] = nil }
        #expect(try await stores[0].aliases().count == 19)
        for store in stores { try await store.close() }
    }
}
