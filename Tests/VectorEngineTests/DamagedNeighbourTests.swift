import Files
import Foundation
import GRDB
import TestSupport
import Testing
import VectorEngine

/// One damaged collection among sound ones: looking after the others goes on, and the damage is named.
@Suite struct DamagedNeighbourTests {
    private let scratch = ScratchDirectory()
    private var data: String { scratch.path + "/data" }
    private var archive: BackupArchive { BackupArchive(location: scratch.path + "/backups") }

    /// Collections `aa` and `bb` with a log; a change of `aa` that is not shipped yet is damaged.
    private func store() async throws -> EmbeddedStore {
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        let filling = try EmbeddedStore(directory: data, settings: settings)
        for name in ["aa", "bb"] {
            try await filling.createCollection(name, schema: Sample.schema)
            try await upsert(1...10, name, filling)
        }
        _ = try create(10)
        for name in ["aa", "bb"] { try await upsert(11...12, name, filling) }
        try await filling.close()
        let queue = try DatabaseQueue(path: data + "/aa.collection.sqlite")
        try await queue.write { try $0.execute(sql: "UPDATE points SET payload = x'00' WHERE sequence = 11") }
        try queue.close()
        settings.backupLocation = archive.location
        return try EmbeddedStore(directory: data, settings: settings)
    }

    private func upsert(_ ids: ClosedRange<UInt64>, _ name: String, _ store: EmbeddedStore) async throws {
        var random = SplitMix(seed: 1)
        try await store.upsert(try ids.map { try Sample.point($0, &random) }, in: name)
    }

    private func create(_ day: Int64) throws -> BackupManifest {
        try archive.create(ofDirectory: data, collections: ["aa", "bb"], now: { day * 86_400_000_000 })
    }

    @Test("A collection that cannot be shipped does not keep the others from it, and is named")
    func shipping() async throws {
        let store = try await store()
        await #expect { try await store.shipLog(to: archive.location) } throws: {
            ($0 as? EngineError)?.code == .damaged && ($0 as? EngineError)?.message.contains("aa") == true
        }
        await store.keepUpNow()
        let shipped = try await DatabaseQueue(path: data + "/bb.collection.sqlite").read {
            try Int.fetchOne($0, sql: "SELECT value FROM meta WHERE key = 'shipped'")
        }
        #expect(shipped == 12)
        #expect(Array(store.upkeepStatus.shippingFailures.keys) == ["aa"])
        #expect(store.upkeepStatus.shippingFailure?.contains("change 11 ") == true)
        try await store.close()
    }

    @Test("A backup is made without a damaged collection, whose last copy is kept and restored")
    func backingUp() async throws {
        let store = try await store()
        let first = try #require(try archive.list().first?.name)
        let manifest = try create(100)
        #expect(manifest.copies.map(\.collection) == ["bb"])
        #expect(manifest.missing?.map(\.collection) == ["aa"])
        #expect(manifest.complaint?.message.contains("'aa'") == true)
        #expect(try archive.verify(manifest.name, isDeep: true, now: 1).isSound)
        #expect(try archive.prune(keepDays: 1, now: 200 * 86_400_000_000).isEmpty)
        #expect(try archive.list().map(\.name) == [first, manifest.name])
        let restored = try Restoration(archive: archive, target: .latest).run(into: scratch.path + "/restored")
        #expect(restored.map(\.collection).sorted() == ["aa", "bb"])
        #expect(restored.first { $0.collection == "bb" }?.points == 12)
        #expect(restored.first { $0.collection == "aa" }?.points == 10)
        try await store.close()
    }
}
