import Foundation
import GRDB
import TestSupport
import Testing
import VectorEngine
import Vectors

/// Bad input and bad disks: each a clear error, nothing lost.
@Suite struct RefusalTests {
    private func opened() async throws -> (ScratchDirectory, EmbeddedStore) {
        let scratch = ScratchDirectory()
        let store = try EmbeddedStore(directory: scratch.path)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 1)
        try await store.upsert((1...20).map { try Sample.point($0, &random) }, in: "c")
        return (scratch, store)
    }

    private func expect(_ code: EngineError.Code, _ body: () async throws -> Void) async {
        await #expect { try await body() } throws: { ($0 as? EngineError)?.code == code }
    }

    private func point(_ vectors: PointVectors) -> Point { Point(id: .number(99), vectors: vectors) }

    @Test func aPointThatDoesNotFitTheSchemaIsRefusedAndItsCallWithIt() async throws {
        let (scratch, store) = try await opened()
        defer { withExtendedLifetime(scratch) {} }
        let good = Point(id: .number(98))
        await expect(.wrongDimension) {
            try await store.upsert([good, point(PointVectors(dense: ["text": [1, 2]]))], in: "c")
        }
        for bad in [Float.nan, .infinity, -.infinity] {
            await expect(.notFinite) {
                try await store.upsert(
                    [good, point(PointVectors(dense: ["text": [bad] + Array(repeating: 0, count: 7)]))], in: "c")
            }
            await expect(.notFinite) {
                try await store.upsert(
                    [point(PointVectors(sparse: ["lexical": SparseVector(sorting: [(1, bad)])]))], in: "c")
            }
        }
        await expect(.unknownVector) { try await store.upsert([point(PointVectors(dense: ["other": [1]]))], in: "c") }
        #expect(throws: EngineError.self) { try Payload(text: Array("[1]".utf8)) }
        #expect(throws: EngineError.self) { try Payload(text: Array("{".utf8)) }
        #expect(try await store.count(nil, in: "c") == 20)
        #expect(try await store.retrieve([.number(98)], with: .all, in: "c").isEmpty)
    }

    @Test func aBadQueryIsRefused() async throws {
        let (scratch, store) = try await opened()
        defer { withExtendedLifetime(scratch) {} }
        await expect(.wrongDimension) {
            _ = try await store.query([PointQuery(target: .dense(name: "text", [1]))], in: "c")
        }
        await expect(.notFinite) {
            _ = try await store.query(
                [PointQuery(target: .dense(name: "text", Array(repeating: .nan, count: 8)))], in: "c")
        }
        for limit in [Int.min, -1, 0, EngineLimits.resultCount + 1, .max] {
            await expect(.invalidArgument) {
                let target = PointQuery.Target.dense(name: "text", Array(repeating: 1, count: 8))
                _ = try await store.query([PointQuery(target: target, limit: limit)], in: "c")
            }
            await expect(.invalidArgument) { _ = try await store.scroll(ScrollRequest(limit: limit), in: "c") }
        }
        for path in ["", ".", "a.", "a[", "\"a"] {
            await expect(.invalidArgument) {
                _ = try await store.count(try Filter(must: [.isEmpty(path: path)]), in: "c")
            }
        }
    }

    @Test func absentAndTakenNamesAreToldApart() async throws {
        let (scratch, store) = try await opened()
        defer { withExtendedLifetime(scratch) {} }
        await expect(.collectionNotFound) { _ = try await store.count(nil, in: "absent") }
        #expect(try await store.describe("absent") == nil)
        await expect(.collectionExists) { try await store.createCollection("c", schema: Sample.schema) }
        await expect(.invalidArgument) { try await store.createCollection("", schema: Sample.schema) }
        await expect(.invalidArgument) {
            try await store.createCollection(
                "d", schema: CollectionSchema(dense: ["v": DenseVectorSchema(dimension: 0)]))
        }
        let odd = "a/../b %\u{0}é"
        try await store.createCollection(odd, schema: Sample.schema)
        #expect(try await store.collectionNames() == [odd, "c"].sorted())
    }

    @Test func aDeletedCollectionIsGoneForEveryOpenStore() async throws {
        let (scratch, store) = try await opened()
        let other = try EmbeddedStore(directory: scratch.path)
        #expect(try await other.count(nil, in: "c") == 20)
        try await store.deleteCollection("c")
        await expect(.collectionNotFound) { _ = try await other.count(nil, in: "c") }
        try await other.createCollection("c", schema: Sample.schema)
        #expect(try await store.count(nil, in: "c") == 0)
    }

    @Test func foreignAndNewerFilesAreRefusedByName() async throws {
        let (scratch, store) = try await opened()
        try await store.close()
        let path = scratch.path + "/c.collection.sqlite"
        try await DatabaseQueue(path: path).write { try $0.execute(sql: "PRAGMA user_version = 99") }
        await expect(.unsupportedFormat) { _ = try await store.count(nil, in: "c") }
        try Data("not a database, but long enough to be read as one".utf8).write(
            to: URL(fileURLWithPath: scratch.path + "/x.collection.sqlite"))
        await expect(.damaged) { _ = try await store.count(nil, in: "x") }
    }

    /// Damages one stored value and opens the collection again.
    private func damage(_ sql: String) async throws -> (ScratchDirectory, EmbeddedStore) {
        let (scratch, store) = try await opened()
        try await store.sealNow("c", threads: 1)
        try await store.close()
        try await DatabaseQueue(path: scratch.path + "/c.collection.sqlite").write { try $0.execute(sql: sql) }
        return (scratch, store)
    }

    @Test(arguments: [
        "DELETE FROM graph_parts", "UPDATE graph_parts SET bytes = zeroblob(length(bytes))",
        "UPDATE graph_parts SET bytes = x'00'", "DELETE FROM graph_parts WHERE part = 1", "DROP TABLE graph_parts",
        "UPDATE segments SET rows = substr(rows, 1, 20)", "UPDATE segments SET indexes = zeroblob(40)",
        "UPDATE segments SET row_count = 3",
    ])
    func aDamagedCacheCostsTimeNotAnswers(sql: String) async throws {
        let (scratch, store) = try await damage(sql)
        defer { withExtendedLifetime(scratch) {} }
        var random = SplitMix(seed: 1)
        let point = try Sample.point(1, &random)
        let query = try #require(point.vectors.dense["text"])
        let found = try await store.query([PointQuery(target: .dense(name: "text", query), limit: 20)], in: "c")
        #expect(found[0].count == 20)
        #expect(found[0].first?.id == .number(1))
        #expect(
            try await store.count(try Filter(must: [.range(path: "weight", NumericRange(atLeast: 0))]), in: "c") == 20)
        try await store.sealNow("c", threads: 1)
        let healed = try #require(try await store.describe("c"))
        #expect(healed.indexedPointCount == 20)
    }

    @Test(arguments: [
        "UPDATE points SET payload = '{\"n\":1}' WHERE sequence = 3",
        "UPDATE points SET checksum = 1 WHERE sequence = 3",
        "UPDATE vectors SET dense = zeroblob(length(dense)) WHERE sequence = 3",
        "DELETE FROM vectors WHERE sequence = 3",
    ])
    func aDamagedRowIsNamedAndNeverReturned(sql: String) async throws {
        let (scratch, store) = try await damage(sql)
        defer { withExtendedLifetime(scratch) {} }
        await expect(.damaged) { _ = try await store.retrieve([.number(3)], with: .all, in: "c") }
        let good = try await store.retrieve([.number(2), .number(4)], with: .all, in: "c")
        #expect(good.count == 2)
        let target = PointQuery.Target.dense(name: "text", Array(repeating: 1, count: 8))
        let query = PointQuery(target: target, limit: 20, parts: .payload)
        #expect(try await store.query([query], in: "c")[0].map(\.id).contains(.number(3)) == false)
    }

    @Test func aDirectoryThatCannotBeMadeIsNamed() async throws {
        let scratch = ScratchDirectory()
        try FileManager.default.createDirectory(atPath: scratch.path, withIntermediateDirectories: true)
        let file = scratch.path + "/file"
        try Data().write(to: URL(fileURLWithPath: file))
        func isNamed(_ error: any Error) -> Bool {
            guard let error = error as? EngineError else { return false }
            return error.code == .notWritable && error.message.contains(file)
        }
        #expect {
            _ = try EmbeddedStore(directory: file)
        } throws: {
            isNamed($0)
        }
        let store = try EmbeddedStore(directory: file + "/data")
        await #expect {
            try await store.createCollection("c", schema: Sample.schema)
        } throws: {
            isNamed($0)
        }
    }

    @Test func manyWritersShareTransactionsAndLoseNothing() async throws {
        let (scratch, store) = try await opened()
        defer { withExtendedLifetime(scratch) {} }
        try await withThrowingTaskGroup(of: UInt64.self) { group in
            for id in 1000..<1200 {
                group.addTask {
                    var random = SplitMix(seed: UInt64(id))
                    return try await store.upsert([Sample.point(UInt64(id), &random)], in: "c").sequence
                }
            }
            var sequences: Set<UInt64> = []
            for try await sequence in group { sequences.insert(sequence) }
            #expect(sequences.max() == 220)
        }
        #expect(try await store.count(nil, in: "c") == 220)
    }
}
