import Files
import Foundation
import GRDB
import Logging
import TestSupport
import Testing
import VectorEngine

/// Damaged rows are known by their ids as long as they are damaged, and come back where something still has them.
@Suite struct DamagedRowTests {
    private let scratch = ScratchDirectory()
    private var data: String { scratch.path + "/data" }
    private var backups: String { scratch.path + "/backups" }

    private func store(mending: Bool = false) throws -> EmbeddedStore {
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        settings.backupLocation = mending ? backups : nil
        return try EmbeddedStore(directory: data, settings: settings)
    }

    /// Twenty points with the ids 101 to 120.
    private func filled() async throws {
        let store = try store()
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 1)
        try await store.upsert((101...120).map { try Sample.point($0, &random) }, in: "c")
        try await store.close()
    }

    private func execute(_ sql: String) async throws {
        let queue = try DatabaseQueue(path: data + "/c.collection.sqlite")
        try await queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }

    @Test("A sound collection has no damaged rows", arguments: [false, true])
    func aSoundCollectionHasNone(mending: Bool) async throws {
        try await filled()
        let store = try store(mending: mending)
        #expect(try await store.damagedRows(in: "c").isEmpty)
        #expect(try await store.count(nil, in: "c") == 20)
        #expect(try await store.damagedRows(in: "c").isEmpty)
        try await store.close()
    }

    @Test(
        "A damaged row is named by the id that the index has, whatever of the row is damaged",
        arguments: [
            "UPDATE points SET payload = x'00' WHERE sequence = 3",
            "UPDATE points SET checksum = checksum + 1 WHERE sequence = 3",
            "UPDATE vectors SET dense = x'00' WHERE sequence = 3", "DELETE FROM vectors WHERE sequence = 3",
        ])
    func aDamagedRowIsNamed(sql: String) async throws {
        try await filled()
        try await execute(sql)
        let store = try store()
        _ = try await store.count(nil, in: "c")
        #expect(try await store.damagedRows(in: "c") == [DamagedRow(id: .number(103), sequence: 3)])
        #expect(try await store.describe("c")?.damagedPointCount == 1)
        try await store.close()
    }

    @Test("A new version of a damaged point takes its damage away")
    func aNewVersionTakesTheDamageAway() async throws {
        try await filled()
        try await execute("UPDATE points SET payload = x'00' WHERE sequence = 3")
        let store = try store()
        _ = try await store.count(nil, in: "c")
        #expect(try await store.damagedRows(in: "c").count == 1)
        var random = SplitMix(seed: 2)
        try await store.upsert([try Sample.point(103, &random)], in: "c")
        #expect(try await store.damagedRows(in: "c").isEmpty)
        #expect(try await store.count(nil, in: "c") == 20)
        try await store.close()
    }

    @Test("A read during which a row is met damaged and mended is repeated")
    func aReadIsRepeated() async throws {
        try await filled()
        _ = try BackupArchive(location: backups).create(
            ofDirectory: data, collections: ["c"], now: WallClock.microseconds)
        try await execute("UPDATE points SET payload = x'00' WHERE sequence = 3")
        let store = try store(mending: true)
        let (page, damaged) = try await store.knowingDamage(in: "c") {
            // Without a filter or an id the view alone answers, from which the damaged row is missing at first.
            try await store.count(nil, in: "c")
        }
        #expect(damaged.isEmpty ? page == 20 : damaged == [DamagedRow(id: .number(103), sequence: 3)])
        try await store.close()
    }

    @Test("A damaged row that a backup has is back when the store was closed, and the store verifies")
    func aDamagedRowComesBack() async throws {
        try await filled()
        let archive = BackupArchive(location: backups)
        _ = try archive.create(ofDirectory: data, collections: ["c"], now: WallClock.microseconds)
        try await execute(
            "UPDATE points SET payload = x'00' WHERE sequence = 3; UPDATE vectors SET dense = x'00' WHERE sequence = 9")
        let damaged = try store(mending: true)
        _ = try await damaged.count(nil, in: "c")
        try await damaged.close()
        #expect(try await damaged.verify("c").isSound)
        let store = try store()
        #expect(try await store.count(nil, in: "c") == 20)
        var random = SplitMix(seed: 1)
        for id in UInt64(101)...120 {
            let written = try Sample.point(id, &random)
            #expect(try await store.retrieve([.number(id)], with: .payload, in: "c").first?.payload == written.payload)
        }
        // The log goes on: it has the mended rows as changes of their own.
        _ = try await store.shipLog(to: backups)
        try await store.close()
        let restored = scratch.path + "/restored"
        _ = try Restoration(archive: archive, target: .latest).run(into: restored)
        let copy = try EmbeddedStore(directory: restored)
        #expect(try await copy.count(nil, in: "c") == 20)
        try await copy.close()
    }

    @Test("A backup that cannot be read while a damaged row is looked for is logged, and the row stays damaged")
    func anUnreadableBackupIsLogged() async throws {
        try await filled()
        _ = try BackupArchive(location: backups).create(
            ofDirectory: data, collections: ["c"], now: WallClock.microseconds)
        let files = FileManager.default.enumerator(atPath: backups)?.compactMap { $0 as? String } ?? []
        let copy = try #require(files.first { $0.hasSuffix(".sqlite") })
        try Data(repeating: 7, count: 5000).write(to: URL(fileURLWithPath: backups + "/" + copy))
        try await execute("UPDATE points SET payload = x'00' WHERE sequence = 3")
        var settings = EngineSettings()
        settings.backupLocation = backups
        let recorder = LogRecorder()
        settings.logger = Logger(label: "test") { _ in recorder }
        let store = try EmbeddedStore(directory: data, settings: settings)
        _ = try await store.count(nil, in: "c")
        let line = await recorder.first(containing: "a backup cannot be read")
        #expect(line.contains("older ones") && line.contains(copy))
        #expect(try await store.damagedRows(in: "c") == [DamagedRow(id: .number(103), sequence: 3)])
        try await store.close()
    }

    @Test("What no backup has stays where it is, and is told")
    func whatNoBackupHasStays() async throws {
        try await filled()
        _ = try BackupArchive(location: backups).create(
            ofDirectory: data, collections: ["c"], now: WallClock.microseconds)
        // Written after the backup, and not shipped.
        let writer = try store()
        var random = SplitMix(seed: 3)
        try await writer.upsert([try Sample.point(121, &random)], in: "c")
        try await writer.close()
        try await execute("UPDATE points SET payload = x'00' WHERE sequence = 21")
        var settings = EngineSettings()
        settings.backupLocation = backups
        let recorder = LogRecorder()
        settings.logger = Logger(label: "test") { _ in recorder }
        let store = try EmbeddedStore(directory: data, settings: settings)
        _ = try await store.describe("c")
        #expect(try await store.damagedRows(in: "c") == [DamagedRow(id: .number(121), sequence: 21)])
        let line = await recorder.first()
        #expect(line.contains("damaged") && line.contains("collection=c"))
        try await store.close()
        #expect(try await store.verify("c").setAsideCount == 0)
    }

    @Test("A message names the ids, in order and not all of a thousand, and counts the rows without one")
    func aMessageNamesTheIDs() {
        #expect([DamagedRow]().message == nil)
        let one = [DamagedRow(id: .number(7), sequence: 3)]
        #expect(one.message?.hasPrefix("1 point on disk is damaged and left out: id 7.") == true)
        let two = [DamagedRow(id: .number(9), sequence: 1), DamagedRow(id: nil, sequence: nil)]
        #expect(two.message?.hasPrefix("2 points on disk are damaged and left out: id 9; 1 without") == true)
        let many = (1...1000).map { DamagedRow(id: .number($0), sequence: $0) }
        #expect(many.message?.contains("id 1, 2, 3") == true && many.message?.contains("and 980 others") == true)
    }
}
