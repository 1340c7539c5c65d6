import Foundation
import GRDB
import JSON
import TestSupport
import Testing
import VectorEngine
import Vectors

/// Floats that stay in the file are read from its pages where they stand, and by statements where they do not.
struct FloatsOnDiskTests {
    static let count: UInt64 = 400

    /// Rows of a page: fifty, two, and one that does not fit.
    struct Layout: CustomTestStringConvertible, Sendable {
        let dimension: Int
        let isEncrypted: Bool
        var testDescription: String { "\(dimension) components\(isEncrypted ? ", encrypted" : "")" }

        static let all = [16, 384, 1100].flatMap { dimension in
            [false, true].map { Layout(dimension: dimension, isEncrypted: $0) }
        }
    }

    static func settings(_ layout: Layout) throws -> EngineSettings {
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        if layout.isEncrypted { settings.encryptionKey = try EncryptionKey(hex: String(repeating: "a", count: 64)) }
        return settings
    }

    /// A sealed collection of `count` points and a few more beside, closed.
    static func make(_ layout: Layout, in directory: String) async throws -> [UInt64: [Float]] {
        let store = try EmbeddedStore(directory: directory, settings: settings(layout))
        try await store.createCollection(
            "c",
            schema: CollectionSchema(
                dense: ["v": DenseVectorSchema(dimension: layout.dimension, metric: .dot, isOnDisk: true)]))
        var random = SplitMix(seed: UInt64(layout.dimension))
        var points: [UInt64: [Float]] = [:]
        for id in 0..<count { points[id] = random.floats(layout.dimension) }
        try await store.upsert(
            points.map { Point(id: .number($0), vectors: PointVectors(dense: ["v": $1])) }, in: "c")
        #expect(try await store.sealNow("c", threads: 1))
        for id in count..<count + 9 { points[id] = random.floats(layout.dimension) }
        let late = points.filter { $0.key >= count }
        try await store.upsert(late.map { Point(id: .number($0), vectors: PointVectors(dense: ["v": $1])) }, in: "c")
        try await store.close()
        return points
    }

    private static func product(_ a: [Float], _ b: [Float]) -> Double {
        zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }

    /// The nearest ten of several queries, exactly and by the graph, against a plain walk over `points`.
    static func check(_ store: EmbeddedStore, _ points: [UInt64: [Float]], _ layout: Layout) async throws {
        var random = SplitMix(seed: 77)
        for _ in 0..<8 {
            let query = random.floats(layout.dimension)
            let truth = points.map { id, vector in
                (id: id, score: Self.product(query, vector))
            }.sorted { $0.score > $1.score }.prefix(10)
            for isExact in [true, false] {
                let found = try await store.query(
                    [PointQuery(target: .dense(name: "v", query), limit: 10, breadth: 300, isExact: isExact)], in: "c"
                )[0]
                if isExact { #expect(found.map(\.id) == truth.map { .number($0.id) }) }
                // A graph may miss a row; what it finds has the score of its floats.
                #expect(truth.count { point in found.contains { $0.id == .number(point.id) } } >= 9)
                for hit in found {
                    guard case .number(let id) = hit.id, let vector = points[id] else {
                        Issue.record("\(hit.id) is not among the points")
                        continue
                    }
                    let score = Self.product(query, vector)
                    #expect(abs(Double(hit.score) - score) <= 1e-4 * max(1, abs(score)))
                }
            }
        }
    }

    @Test("Rows of every size are read as they were written", arguments: Layout.all)
    func layouts(_ layout: Layout) async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let points = try await Self.make(layout, in: scratch.path)
        let store = try EmbeddedStore(directory: scratch.path, settings: Self.settings(layout))
        try await Self.check(store, points, layout)
        // Once more, from where each row was found.
        try await Self.check(store, points, layout)
        #expect(try await store.describe("c")?.damagedPointCount == 0)
        try await store.close()
    }

    @Test("Rows are found after every page of the file has moved")
    func moved() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let layout = Layout(dimension: 384, isEncrypted: false)
        let points = try await Self.make(layout, in: scratch.path)
        let store = try EmbeddedStore(directory: scratch.path, settings: Self.settings(layout))
        try await Self.check(store, points, layout)
        let other = try DatabaseQueue(path: scratch.path + "/c.collection.sqlite")
        // All rows below the second hundred go, and come back: nothing stands where it stood.
        try await other.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA auto_vacuum = NONE")
            try db.execute(
                sql: """
                    CREATE TABLE moved AS SELECT * FROM vectors WHERE sequence < 200;
                    DELETE FROM vectors WHERE sequence < 200;
                    VACUUM;
                    INSERT INTO vectors SELECT * FROM moved;
                    DROP TABLE moved;
                    VACUUM;
                    """)
        }
        try other.close()
        try await Self.check(store, points, layout)
        try await store.close()
    }

    @Test("Rows that only the write-ahead log has are not overlooked")
    func logged() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let layout = Layout(dimension: 384, isEncrypted: false)
        var points = try await Self.make(layout, in: scratch.path)
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let reader = try DatabaseQueue(
            path: scratch.path + "/c.collection.sqlite", configuration: configuration)
        let store = try EmbeddedStore(directory: scratch.path, settings: Self.settings(layout))
        // As long as somebody reads an older moment, what comes after stays in the log.
        try await reader.writeWithoutTransaction { db in
            try db.execute(sql: "BEGIN; SELECT COUNT(*) FROM points")
        }
        var random = SplitMix(seed: 4)
        for id in stride(from: UInt64(0), to: Self.count, by: 3) { points[id] = random.floats(layout.dimension) }
        let changed = points.filter { $0.key < Self.count && $0.key % 3 == 0 }
        try await store.upsert(changed.map { Point(id: .number($0), vectors: PointVectors(dense: ["v": $1])) }, in: "c")
        #expect(try await store.sealNow("c", threads: 1))
        try await Self.check(store, points, layout)
        try await reader.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
        try reader.close()
        try await Self.check(store, points, layout)
        try await store.close()
    }

    @Test("A row whose floats were damaged is left out and counted, wherever it is read from")
    func damaged() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let layout = Layout(dimension: 384, isEncrypted: false)
        var points = try await Self.make(layout, in: scratch.path)
        let file = try DatabaseQueue(path: scratch.path + "/c.collection.sqlite")
        // The hundred-and-first change wrote some point; its floats become zeros without a new checksum.
        let id = try await file.write { db -> Int in
            try db.execute(
                sql: "UPDATE vectors SET dense = x'01' || zeroblob(length(dense) - 1) WHERE sequence = 101")
            let key = try #require(try Data.fetchOne(db, sql: "SELECT id FROM points WHERE sequence = 101"))
            return key.dropFirst(key.count - 8).reduce(0) { $0 << 8 | Int($1) }
        }
        try file.close()
        points[UInt64(id)] = nil
        let store = try EmbeddedStore(directory: scratch.path, settings: Self.settings(layout))
        try await Self.check(store, points, layout)
        #expect(try await store.describe("c")?.damagedPointCount == 1)
        try await store.close()
    }
}
