import Files
import Foundation
import GRDB
import JSON
import TestSupport
import Testing
import VectorEngine
import Vectors

/// Encryption at rest: nothing readable in any file, no answer without the key.
@Suite struct EncryptionTests {
    private let scratch = ScratchDirectory()
    private static let secret = "the heron waits in the reeds"

    private func key(_ digit: Character) throws -> EncryptionKey {
        try EncryptionKey(hex: String(repeating: digit, count: 64))
    }

    private func store(_ key: EncryptionKey?) throws -> EmbeddedStore {
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        settings.encryptionKey = key
        return try EmbeddedStore(directory: scratch.path, settings: settings)
    }

    private static let schema = CollectionSchema(
        dense: ["text": DenseVectorSchema(dimension: 8)], sparse: ["lexical": SparseVectorSchema()],
        payloadIndexes: ["word": .keyword])

    private func fill(_ store: EmbeddedStore) async throws -> [Point] {
        try await store.createCollection("c", schema: Self.schema)
        var random = SplitMix(seed: 4)
        let points = try (1...60 as ClosedRange<UInt64>).map { id in
            var point = try Sample.point(id, &random)
            point.payload = Payload(["word": .string(Self.secret), "n": .integer(Int64(id))])
            return point
        }
        try await store.upsert(points, in: "c")
        return points
    }

    private func canBeRead() throws -> Bool {
        let files = try #require(FileManager.default.subpaths(atPath: scratch.path))
        return files.contains { file in
            FileManager.default.contents(atPath: scratch.path + "/" + file)?.range(of: Data(Self.secret.utf8)) != nil
        }
    }

    private func refusal(_ key: EncryptionKey?) async throws -> EngineError.Code? {
        let store = try store(key)
        do {
            _ = try await store.count(nil, in: "c")
            try await store.close()
            return nil
        } catch {
            return (error as? EngineError)?.code
        }
    }

    @Test func everythingIsFoundWithTheKeyAndNothingIsReadableWithout() async throws {
        var store = try store(try key("a"))
        let points = try await fill(store)
        let archive = BackupArchive(location: scratch.path + "/backups")
        _ = try archive.create(ofDirectory: scratch.path, collections: ["c"], now: WallClock.microseconds)
        try await store.sealNow("c", threads: 1)
        try await store.mergePayload(Payload(["n": 0]), of: .ids([.number(3)]), in: "c")
        try await store.shipLog(to: archive.location)
        #expect(try !canBeRead())
        try await store.close()
        #expect(try !canBeRead())
        store = try self.store(try key("a"))
        let all = try await store.scroll(ScrollRequest(limit: 100, parts: .all), in: "c").points
        #expect(all.count == 60)
        #expect(all[9].payload == points[9].payload)
        #expect(all[9].vectors.sparse == points[9].vectors.sparse)
        let word = try Filter(must: [.match(path: "word", anyOf: [.keyword(Self.secret)])])
        #expect(try await store.count(word, in: "c") == 60)
        #expect(try await store.describe("c")?.damagedPointCount == 0)
        #expect(try await store.verify("c").isSound)
        let query = try #require(points[9].vectors.dense["text"])
        let found = try await store.query([PointQuery(target: .dense(name: "text", query), limit: 1)], in: "c")
        #expect(found[0].first?.id == .number(10))
        try await store.close()
        let (drill, _) = try await BackupDrill.run(archive, live: nil, key: key("a"), now: WallClock.microseconds)
        #expect(drill.isPassed && drill.points == 60)
    }

    @Test func theControlFindsTheSecretInAPlainStore() async throws {
        let store = try store(nil)
        _ = try await fill(store)
        #expect(try canBeRead())
        try await store.close()
    }

    @Test func aWrongOrMissingKeyIsRefusedAtOpen() async throws {
        let store = try store(try key("a"))
        _ = try await fill(store)
        try await store.close()
        #expect(try await refusal(try key("b")) == .keyRefused)
        #expect(try await refusal(nil) == .keyRefused)
        #expect(try await refusal(try key("a")) == nil)
        for text in ["", "ab", String(repeating: "g", count: 64), String(repeating: "a", count: 66)] {
            #expect(throws: EngineError.self) { try EncryptionKey(hex: text) }
        }
    }

    @Test func rotationChangesTheKeyAndNoRow() async throws {
        let first = try store(try key("a"))
        _ = try await fill(first)
        try await first.close()
        let keeper = try store(nil)
        #expect(try await keeper.rotateKey(from: key("a"), to: key("b")) == ["c"])
        #expect(try await refusal(try key("a")) == .keyRefused)
        #expect(try await refusal(try key("b")) == nil)
        await #expect(throws: EngineError.self) { try await keeper.rotateKey(from: key("a"), to: key("d")) }
        #expect(try await refusal(try key("b")) == nil)
    }

    @Test func aPlainStoreIsRefusedWithAKeyUntilItIsEncrypted() async throws {
        let plain = try store(nil)
        _ = try await fill(plain)
        try await plain.sealNow("c", threads: 1)
        try await plain.close()
        #expect(try await refusal(try key("a")) == .keyRefused)
        let sealing = try store(try key("a"))
        #expect(try await sealing.encrypt(with: key("a")) == ["c"])
        #expect(try await sealing.encrypt(with: key("a")).isEmpty)
        #expect(try !canBeRead())
        #expect(try await sealing.count(nil, in: "c") == 60)
        #expect(try await sealing.verify("c").isSound)
        try await sealing.close()
    }

    @Test func aSealedPayloadPutInAnotherRowIsDamage() async throws {
        let store = try store(try key("a"))
        _ = try await fill(store)
        try await store.close()
        let path = scratch.path + "/c.collection.sqlite"
        let queue = try DatabaseQueue(path: path)
        // The checksum is made right again, as an attacker would: the tag alone tells.
        let moved = try await queue.write { db -> Int in
            let rows = try Row.fetchAll(db, sql: "SELECT id, payload, sparse FROM points WHERE sequence <= 2")
            let (id, payload, sparse): (Data, Data, Data) = (rows[0][0], rows[1][1], rows[0][2])
            try db.execute(
                sql: "UPDATE points SET payload = ?, checksum = ? WHERE sequence = 1",
                arguments: [payload, Int64(crc32cBitByBit(id + payload + sparse))])
            return rows.count
        }
        try queue.close()
        #expect(moved == 2)
        await #expect { _ = try await store.retrieve([.number(1)], with: .payload, in: "c") } throws: {
            ($0 as? EngineError)?.code == .damaged
        }
        #expect(try await store.retrieve([.number(2)], with: .payload, in: "c").count == 1)
        try await store.close()
    }
}
