import Files
import Foundation
import GRDB
import TestSupport
import Testing
import VectorEngine
import Vectors

/// What the files say of themselves: damage is named, and repaired as far as anything holds the bytes.
@Suite struct DurabilityTests {
    private let scratch = ScratchDirectory()
    private var file: String { scratch.path + "/c.collection.sqlite" }
    private var backups: String { scratch.path + "/backups" }

    private func settings() -> EngineSettings {
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        return settings
    }

    private func filled(_ count: UInt64 = 20) async throws -> EmbeddedStore {
        let store = try EmbeddedStore(directory: scratch.path, settings: settings())
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 1)
        try await store.upsert((1...count).map { try Sample.point($0, &random) }, in: "c")
        return store
    }

    private func execute(_ sql: String) async throws {
        let queue = try DatabaseQueue(path: file)
        try await queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }

    private func backup() throws -> BackupManifest {
        try BackupArchive(location: backups).create(
            ofDirectory: scratch.path, collections: ["c"], now: WallClock.microseconds)
    }

    private func refusal(_ body: () async throws -> Void) async -> EngineError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? EngineError
        }
    }

    // MARK: The mark

    @Test func aFileOlderThanItsMarkIsRefusedAndRepairAcceptsTheLoss() async throws {
        var store = try await filled()
        try await store.close()
        try FileManager.default.copyItem(atPath: file, toPath: file + ".old")
        store = try EmbeddedStore(directory: scratch.path, settings: settings())
        try await store.delete(.ids([.number(1), .number(2)]), in: "c")
        try await store.close()
        for suffix in ["", "-wal", "-shm"] { unlink(file + suffix) }
        #expect(rename(file + ".old", file) == 0)
        let reopened = try EmbeddedStore(directory: scratch.path, settings: settings())
        let error = await refusal { _ = try await reopened.count(nil, in: "c") }
        #expect(error?.code == .damaged)
        #expect(error?.message.contains("lost its last 2 changes") == true)
        let report = try await reopened.verify("c")
        #expect(!report.isSound)
        let receipt = try await reopened.repair("c", report, backups: nil)
        #expect(receipt.lostChanges == 2)
        #expect(try await reopened.count(nil, in: "c") == 20)
        #expect(try await reopened.verify("c").isSound)
        // No change is numbered twice.
        #expect(try await reopened.delete(.ids([.number(5)]), in: "c").sequence == 23)
        try await reopened.close()
    }

    @Test func aMissingFileIsNotTakenForANewStore() async throws {
        let store = try await filled()
        try await store.close()
        for suffix in ["", "-wal", "-shm"] { unlink(file + suffix) }
        #expect(try await store.collectionNames() == ["c"])
        #expect(await refusal { _ = try await store.count(nil, in: "c") }?.code == .damaged)
        #expect(await refusal { try await store.createCollection("c", schema: Sample.schema) }?.code == .damaged)
        #expect(try await store.verify("c").findings == ["the file is missing"])
    }

    @Test func anotherStoresFileIsToldByItsMark() async throws {
        let store = try await filled()
        try await store.close()
        let other = ScratchDirectory()
        let stranger = try EmbeddedStore(directory: other.path, settings: settings())
        try await stranger.createCollection("c", schema: Sample.schema)
        try await stranger.close()
        for suffix in ["-wal", "-shm", ""] { unlink(file + suffix) }
        try FileManager.default.copyItem(atPath: other.path + "/c.collection.sqlite", toPath: file)
        let error = await refusal { _ = try await store.count(nil, in: "c") }
        #expect(error?.message.contains("another store") == true)
    }

    @Test func aLostOrDamagedMarkIsMadeAnew() async throws {
        let store = try await filled()
        for bytes in [Data?.none, Data("rubbish".utf8)] {
            try await store.close()
            unlink(file + ".mark")
            if let bytes { try bytes.write(to: URL(fileURLWithPath: file + ".mark")) }
            #expect(try await store.count(nil, in: "c") == 20)
            #expect(FileManager.default.contents(atPath: file + ".mark")?.count == 40)
        }
        try await store.close()
    }

    // MARK: Rows

    @Test(arguments: [
        "DELETE FROM points WHERE sequence = 3", "UPDATE meta SET value = 7 WHERE key = 'sealed'",
        "UPDATE meta SET value = value + 1 WHERE key = 'count'", "DELETE FROM meta WHERE key = 'check'",
    ])
    func whatDoesNotAddUpIsFoundByVerify(sql: String) async throws {
        let store = try await filled()
        try await store.close()
        try await execute(sql)
        #expect(try await !store.verify("c").isSound)
        let error = await refusal {
            let facts = try #require(try await store.describe("c"))
            #expect(facts.damagedPointCount > 0)
        }
        #expect(error == nil || error?.code == .damaged)
    }

    @Test func damagedRowsAreNamedSetAsideAndGone() async throws {
        let store = try await filled()
        try await store.close()
        try await execute("UPDATE points SET payload = x'00' WHERE sequence = 3")
        try await execute("UPDATE vectors SET dense = zeroblob(33) WHERE sequence = 7")
        let report = try await store.verify("c")
        #expect(report.damagedRows.map(\.id) == [.number(3), .number(7)])
        #expect(report.findings.isEmpty)
        let receipt = try await store.repair("c", report, backups: nil)
        #expect(receipt.setAside == [.number(3), .number(7)])
        let after = try await store.verify("c")
        #expect(after.isSound)
        #expect(after.setAsideCount == 2)
        #expect(try await store.count(nil, in: "c") == 18)
        #expect(try await store.retrieve([.number(3)], with: .all, in: "c").isEmpty)
        try await store.close()
    }

    @Test func damagedRowsComeBackFromABackup() async throws {
        let store = try await filled()
        _ = try backup()
        try await store.close()
        try await execute("UPDATE points SET payload = x'00' WHERE sequence = 3")
        let report = try await store.verify("c")
        let receipt = try await store.repair("c", report, backups: backups)
        #expect(receipt.restored == 1)
        #expect(receipt.setAside.isEmpty)
        var random = SplitMix(seed: 1)
        let points = try (1...20 as ClosedRange<UInt64>).map { try Sample.point($0, &random) }
        let found = try await store.retrieve([.number(3)], with: .payload, in: "c")
        #expect(found.first?.payload == points[2].payload)
        try await store.close()
    }

    @Test func aFileWithoutItsHeadIsRebuiltOfBackupAndLog() async throws {
        let store = try await filled()
        _ = try backup()
        try await store.delete(.ids([.number(1)]), in: "c")
        try await store.shipLog(to: backups)
        try await store.close()
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
        try handle.write(contentsOf: Data(count: 200))
        try handle.close()
        let report = try await store.verify("c")
        #expect(!report.isSound)
        let receipt = try await store.repair("c", report, backups: backups)
        #expect(receipt.lostChanges == 0)
        #expect(receipt.keptFile != nil)
        #expect(try await store.count(nil, in: "c") == 19)
        #expect(try await store.verify("c").isSound)
        try await store.close()
    }

    @Test func aDamagedIndexOfIdsIsMadeAnewWhenTheCollectionOpens() async throws {
        let store = try await filled(200)
        try await store.close()
        let bytes = try #require(FileManager.default.contents(atPath: file))
        // The index's leaf holds every key; the table's pages hold them too, so all but the table's are changed.
        let root = try await DatabaseQueue(path: file).read {
            try Int.fetchOne($0, sql: "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_points_1'")
        }
        let page = try #require(root)
        var changed = bytes
        let key = Data([0, 0, 0, 0, 0, 0, 0, 0, 77])
        let start = (page - 1) * 8192
        let at = try #require(changed.range(of: key, in: start..<start + 8192))
        changed[at.upperBound - 1] = 250
        for suffix in ["-wal", "-shm"] { unlink(file + suffix) }
        try changed.write(to: URL(fileURLWithPath: file))
        #expect(try await !store.verify("c").isSound)
        #expect(try await store.retrieve([.number(77)], with: .payload, in: "c").count == 1)
        #expect(try await store.retrieve([.number(250)], with: .payload, in: "c").isEmpty)
        try await store.close()
        #expect(try await store.verify("c").isSound)
    }

    @Test func theScrubFindsWhatNobodyAsksFor() async throws {
        var watched = settings()
        watched.backupLocation = backups
        let store = try EmbeddedStore(directory: scratch.path, settings: watched)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 1)
        try await store.upsert((1...20).map { try Sample.point($0, &random) }, in: "c")
        await store.keepUpNow()
        #expect(store.scrubStatus["c"]?.passes == 1)
        #expect(store.scrubStatus["c"]?.damagedRows == 0)
        try await execute("UPDATE points SET payload = x'00' WHERE sequence = 3")
        await store.keepUpNow()
        #expect(store.scrubStatus["c"]?.damagedRows == 1)
        #expect(store.scrubStatus["c"]?.rowsChecked == 40)
        #expect(try await store.describe("c")?.damagedPointCount == 1)
        try await store.close()
    }
}
