import Foundation
import TestSupport
import Testing
import VectorEngine
import Vectors

/// What a write leaves in the files beside others that write, open and delete.
@Suite struct WritePathTests {
    private let scratch = ScratchDirectory()
    private var file: String { scratch.path + "/c.collection.sqlite" }

    private func store(_ key: EncryptionKey? = nil) throws -> EmbeddedStore {
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        settings.encryptionKey = key
        return try EmbeddedStore(directory: scratch.path, settings: settings)
    }

    private func size(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
    }

    // MARK: The log

    @Test func theLogBeginsAnewWhileCommitsFollowEachOtherAndNoRowIsLost() async throws {
        let dimension = 1900  // A row fills a page.
        let store = try store()
        try await store.createCollection(
            "c", schema: CollectionSchema(dense: ["": DenseVectorSchema(dimension: dimension, metric: .dot)]))
        let (batches, batch) = (30, 300)
        for first in 0..<batches {
            let points = (0..<batch).map { i in
                let id = first * batch + i
                return Point(
                    id: .number(UInt64(id)),
                    vectors: PointVectors(dense: ["": [Float](repeating: Float(id), count: dimension)]))
            }
            try await store.upsert(points, in: "c")
        }
        // 9 000 pages and more went through the log; beyond its limit there may be what came while a copy was made.
        let limitBytes = 3 * Checkpointer.maximumPageCount / 2 * 8192
        #expect(try size(file + "-wal") < limitBytes)
        #expect(try size(file) > batches * batch * 8192 - limitBytes)
        try await store.close()
        let reopened = try self.store()
        #expect(try await reopened.count(nil, in: "c") == batches * batch)
        let last = UInt64(batches * batch - 1)
        let found = try await reopened.retrieve([.number(last)], with: .all, in: "c")
        #expect(found.first?.vectors.dense[""]?.first == Float(last))
        #expect(try await reopened.verify("c").isSound)
        try await reopened.close()
    }

    // MARK: Rows

    @Test(arguments: [false, true])
    func aPointOverwrittenInOneCallIsThereOnceAndAsItCameLast(_ isEncrypted: Bool) async throws {
        let key = isEncrypted ? try EncryptionKey(hex: String(repeating: "5a", count: 32)) : nil
        let store = try store(key)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 3)
        let points = try (0..<40).map { try Sample.point($0 % 10, &random) }
        let receipt = try await store.upsert(points, in: "c")
        #expect(receipt.affected == 40)
        for store in [store, try self.store(key)] {
            #expect(try await store.count(nil, in: "c") == 10)
            let kept = try await store.retrieve((0..<10).map { .number($0) }, with: .all, in: "c")
            for (point, wanted) in zip(kept, points.suffix(10)) {
                #expect(point.id == wanted.id && point.payload == wanted.payload)
                #expect(point.vectors.sparse == wanted.vectors.sparse)
                let (found, given) = (point.vectors.dense["text"] ?? [], wanted.vectors.dense["text"] ?? [])
                let length = given.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
                #expect(found.count == given.count)
                for (a, b) in zip(found, given) { #expect(abs(Double(a) - Double(b) / length) < 1e-6) }
            }
            #expect(try await store.verify("c").isSound)
            try await store.close()
        }
    }

    @Test func aPointMayLackSomeVectorsAndHasNoneThatTheSchemaDoesNotKnow() async throws {
        let store = try store()
        let names = ["a", "b", "c"]
        let schema = CollectionSchema(
            dense: Dictionary(uniqueKeysWithValues: names.map { ($0, DenseVectorSchema(dimension: 2, metric: .dot)) }))
        try await store.createCollection("c", schema: schema)
        let points = (0..<8).map { bits in
            let present = names.enumerated().filter { bits >> $0.offset & 1 == 1 }.map(\.element)
            let dense = Dictionary(uniqueKeysWithValues: present.map { ($0, [Float(bits), 1]) })
            return Point(id: .number(UInt64(bits)), vectors: PointVectors(dense: dense))
        }
        try await store.upsert(points, in: "c")
        #expect(try await store.retrieve(points.map(\.id), with: .all, in: "c") == points)
        for name in names {
            let query = PointQuery(target: .dense(name: name, [0, 1]), limit: 10)
            let found = try await store.query([query], in: "c")[0]
            #expect(Set(found.map(\.id)) == Set(points.filter { $0.vectors.dense[name] != nil }.map(\.id)))
        }
        let unknown = Point(id: .number(9), vectors: PointVectors(dense: ["a": [1, 1], "z": [1, 1]]))
        await #expect { try await store.upsert([unknown], in: "c") } throws: {
            ($0 as? EngineError)?.code == .unknownVector
        }
        try await store.close()
    }

    // MARK: Deleting

    @Test func aCollectionThatIsDeletedWhileOthersOpenItLeavesNoFile() async throws {
        for _ in 0..<12 {
            let (deleter, opener) = (try store(), try store())
            try await deleter.createCollection("c", schema: Sample.schema)
            async let opened: Void = {
                for _ in 0..<3 {
                    // There or not; nothing else may be said of it.
                    do { _ = try await opener.count(nil, in: "c") } catch let error as EngineError {
                        #expect(error.code == .collectionNotFound, "\(error)")
                    }
                }
            }()
            async let shipped = opener.shipLog(to: scratch.path + "/backups")
            try await deleter.deleteCollection("c")
            _ = try await (opened, shipped)
            #expect(try await deleter.collectionNames() == [])
            try await opener.close()
        }
    }

    @Test func anEmptyFileIsADamagedCollectionAndIsLeftAsItIs() async throws {
        let store = try store()
        try await store.createCollection("other", schema: Sample.schema)
        #expect(FileManager.default.createFile(atPath: file, contents: nil))
        #expect(try await store.collectionNames() == ["c", "other"])
        for _ in 0..<2 {
            await #expect { _ = try await store.count(nil, in: "c") } throws: {
                ($0 as? EngineError)?.code == .damaged
            }
        }
        await #expect { try await store.createCollection("c", schema: Sample.schema) } throws: {
            ($0 as? EngineError)?.code == .collectionExists
        }
        #expect(FileManager.default.contents(atPath: file)?.isEmpty == true)
        try await store.close()
    }
}
