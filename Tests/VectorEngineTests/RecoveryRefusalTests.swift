import Files
import Foundation
import GRDB
import TestSupport
import Testing
import VectorEngine

/// What backing up, shipping, verifying and repairing say when they cannot: by name, with nothing half done.
@Suite struct RecoveryRefusalTests {
    private let scratch = ScratchDirectory()
    private var data: String { scratch.path + "/data" }
    private var file: String { data + "/c.collection.sqlite" }
    private var archive: BackupArchive { BackupArchive(location: scratch.path + "/backups") }

    private func filled(_ count: UInt64 = 20) async throws -> EmbeddedStore {
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        let store = try EmbeddedStore(directory: data, settings: settings)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 1)
        try await store.upsert((1...count).map { try Sample.point($0, &random) }, in: "c")
        return store
    }

    private func execute(_ sql: String, on path: String? = nil) async throws {
        let queue = try DatabaseQueue(path: path ?? file)
        try await queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }

    private func create() throws -> BackupManifest {
        try archive.create(ofDirectory: data, collections: ["c"], now: WallClock.microseconds)
    }

    private func refusal(_ body: () async throws -> Void) async -> EngineError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? EngineError
        }
    }

    /// Holds a lock as another process would.
    private func holding(_ path: String, _ body: () async throws -> Void) async throws {
        let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
        #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        defer { Foundation.close(descriptor) }
        try await body()
    }

    // MARK: Backups

    @Test func aDamagedCollectionIsNotBackedUpAndItsDamageIsNamed() async throws {
        let store = try await filled()
        try await store.close()
        try await execute("UPDATE points SET payload = x'00' WHERE sequence < 8")
        let error = await refusal { _ = try create() }
        #expect(error?.code == .damaged)
        #expect(error?.message.contains("7 damaged points") == true && error?.message.contains("2 more") == true)
        #expect(try archive.list().isEmpty)
        let snapshot = await refusal { _ = try await store.writeSnapshot(of: "c", to: scratch.path + "/one") }
        #expect(snapshot?.code == .damaged)
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/one"))
    }

    @Test func oneAtATimeMakesOrPrunesBackups() async throws {
        let store = try await filled()
        try await store.close()
        _ = try create()
        try await holding(archive.location + "/.lease") {
            #expect(await refusal { _ = try create() }?.code == .notWritable)
            #expect(await refusal { _ = try archive.prune(keepDays: 0, now: .max / 2) }?.code == .notWritable)
        }
        #expect(try archive.list().count == 1)
    }

    @Test func aPlaceThatIsAFileIsRefusedByName() async throws {
        let store = try await filled()
        try await store.close()
        let place = scratch.path + "/backups"
        try Data("a file".utf8).write(to: URL(fileURLWithPath: place))
        #expect(await refusal { _ = try create() }?.code == .notWritable)
        #expect(await refusal { _ = try archive.list() }?.code == .notWritable)
        let snapshot = await refusal { _ = try await store.writeSnapshot(of: "c", to: place + "/one") }
        #expect(snapshot?.code == .notWritable)
    }

    @Test func aBackupWithoutItsFileOrWithAFolderInItsPlaceIsNamed() async throws {
        let store = try await filled()
        try await store.close()
        let name = try create().name
        let copy = archive.location + "/" + name + "/c.collection.sqlite"
        unlink(copy)
        #expect(try archive.verify(name, isDeep: true, now: 1).findings == ["c.collection.sqlite is missing"])
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: false)
        let found = try archive.verify(name, isDeep: true, now: 1)
        #expect(found.findings.count == 1)
        let missing = await refusal {
            guard try archive.verify("full-none", isDeep: false, now: 1).isSound else {
                throw EngineError(.damaged, "it is not sound")
            }
        }
        #expect(missing != nil)
    }

    @Test func whatNoBackupHoldsCannotBeRestored() async throws {
        let store = try await filled()
        try await store.close()
        let target = scratch.path + "/r"
        let none = await refusal { _ = try Restoration(archive: archive, target: .latest).run(into: target) }
        #expect(none?.code == .invalidArgument)
        _ = try create()
        let error = await refusal {
            _ = try Restoration(archive: archive, target: .latest).run(into: target, collections: ["other"])
        }
        #expect(error?.code == .invalidArgument)
        let named = await refusal {
            _ = try Restoration(archive: archive, target: .latest).run(into: target, backup: "full-none")
        }
        #expect(named?.message.contains("full-none") == true)
        #expect(!FileManager.default.fileExists(atPath: target))
    }

    @Test func aDamagedSnapshotDoesNotTakeTheCollectionsPlace() async throws {
        let store = try await filled()
        let path = scratch.path + "/one"
        _ = try await store.writeSnapshot(of: "c", to: path)
        try await execute("UPDATE vectors SET dense = x'00' WHERE sequence = 3", on: path)
        #expect(await refusal { try await store.restoreSnapshot(at: path, as: "d") }?.code == .damaged)
        #expect(try await store.collectionNames() == ["c"])
        try await store.close()
    }

    // MARK: The shipped log

    @Test func aChangeThatCannotBeShippedIsNamedAndNothingIsSkipped() async throws {
        let store = try await filled()
        _ = try create()
        var random = SplitMix(seed: 2)
        try await store.upsert((21...30).map { try Sample.point($0, &random) }, in: "c")
        try await execute("UPDATE points SET payload = x'00' WHERE sequence = 25")
        let error = await refusal { try await store.shipLog(to: archive.location) }
        #expect(error?.code == .damaged && error?.message.contains("change 25 ") == true)
        #expect(try archive.verifyLogs().isEmpty)
        try await execute("DELETE FROM points WHERE sequence = 25")
        #expect(await refusal { try await store.shipLog(to: archive.location) }?.message.contains("change 25 ") == true)
        let head = try #require(
            FileManager.default.subpaths(atPath: archive.location)?.first { $0.hasSuffix("head.json") })
        for damaged in ["{}\n0\n", "{}\n\(String(0x297b_5d65, radix: 16))\n"] {
            try Data(damaged.utf8).write(to: URL(fileURLWithPath: archive.location + "/" + head))
            #expect(await refusal { try await store.shipLog(to: archive.location) }?.code == .damaged)
        }
        try await store.close()
    }

    @Test func aBackupThatLacksAPointIsRestoredAndTheStoreTellsOfIt() async throws {
        let store = try await filled()
        let manifest = try create()
        try await store.delete(.ids([.number(1)]), in: "c")
        try await store.shipLog(to: archive.location)
        try await store.close()
        // A copy that lost a point in a way its own tally does not show, with a manifest that vouches for it.
        let copy = archive.location + "/" + manifest.name + "/c.collection.sqlite"
        let old = try BackupArchive.sha256(copy)
        try await execute("DELETE FROM points WHERE sequence = 2; DELETE FROM vectors WHERE sequence = 2", on: copy)
        let path = archive.location + "/" + manifest.name + "/manifest.json"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let line = String(text.split(separator: "\n")[0]).replacing(old, with: try BackupArchive.sha256(copy))
        try DurableFile.write(Array("\(line)\n\(String(crc32cBitByBit(Data(line.utf8)), radix: 16))\n".utf8), to: path)
        #expect(try archive.verify(manifest.name, isDeep: false, now: 1).isSound)
        #expect(try !archive.verify(manifest.name, isDeep: true, now: 1).isSound)
        // What there is comes back, and the store says that a point is missing.
        _ = try Restoration(archive: archive, target: .latest).run(into: scratch.path + "/r")
        let restored = try EmbeddedStore(directory: scratch.path + "/r")
        #expect(try await restored.describe("c")?.damagedPointCount == 1)
        #expect(try await restored.count(nil, in: "c") == 18)
        #expect(try await !restored.verify("c").isSound)
        try await restored.close()
    }

    // MARK: Verify and repair

    @Test func aRepairWaitsForNobodyAndSaysSo() async throws {
        let store = try await filled()
        try await store.close()
        try await execute("UPDATE points SET payload = x'00' WHERE sequence = 3")
        let report = try await store.verify("c")
        try await holding(file + ".lease") {
            let error = await refusal { _ = try await store.repair("c", report, backups: nil) }
            #expect(error?.code == .notWritable)
        }
    }

    @Test func aFileWithoutADescriptionOrABackupKeepsItsRowsUntouched() async throws {
        let store = try await filled()
        try await store.close()
        try await execute("DELETE FROM meta")
        let report = try await store.verify("c")
        #expect(!report.isSound)
        #expect(await refusal { _ = try await store.repair("c", report, backups: nil) }?.code == .damaged)
        let rows = try await DatabaseQueue(path: file).read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM points") }
        #expect(rows == 20)
        #expect(await refusal { _ = try await store.count(nil, in: "c") }?.code == .damaged)
    }

    @Test func aDescriptionComesBackFromABackupAndEveryLaterRowWithIt() async throws {
        let store = try await filled()
        _ = try create()
        var random = SplitMix(seed: 9)
        try await store.upsert([try Sample.point(21, &random)], in: "c")
        try await store.delete(.ids([.number(4)]), in: "c")
        try await store.close()
        try await execute("DELETE FROM meta WHERE key = 'schema'")
        let report = try await store.verify("c")
        let receipt = try await store.repair("c", report, backups: archive.location)
        #expect(receipt.keptFile != nil)
        #expect(try await store.verify("c").isSound)
        #expect(try await store.count(nil, in: "c") == 20)
        #expect(try await store.retrieve([.number(4)], with: .payload, in: "c").isEmpty)
        try await store.close()
    }

    @Test func aTableThatIsGoneIsALostLayout() async throws {
        let store = try await filled()
        try await store.close()
        try await execute("DROP TABLE vectors")
        let error = await refusal { _ = try await store.retrieve([.number(3)], with: .all, in: "c") }
        #expect(error?.code == .damaged)
        let report = try await store.verify("c")
        #expect(!report.isSound)
    }

    @Test func damagedDeletesAndAForeignMarkAreFoundByVerify() async throws {
        let store = try await filled()
        try await store.delete(.ids([.number(1), .number(2)]), in: "c")
        try await store.close()
        try await execute("UPDATE deletions SET id = x'000000000000000063' WHERE sequence = 21")
        let other = try EmbeddedStore(directory: scratch.path + "/other")
        try await other.createCollection("c", schema: Sample.schema)
        // The first process that opens it makes the mark.
        #expect(try await other.count(nil, in: "c") == 0)
        try await other.close()
        unlink(file + ".mark")
        try FileManager.default.copyItem(
            atPath: scratch.path + "/other/c.collection.sqlite.mark", toPath: file + ".mark")
        let findings = try await store.verify("c").findings
        #expect(findings.contains { $0.contains("log of deletes") })
        #expect(findings.contains { $0.contains("another store") })
    }

    @Test func aPageOfRubbishLosesItsRowsAndNoOthers() async throws {
        let store = try await filled(400)
        _ = try create()
        try await store.delete(.ids([.number(400)]), in: "c")
        try await store.shipLog(to: archive.location)
        try await store.close()
        let leaf = try await DatabaseQueue(path: file).read {
            try Int.fetchOne(
                $0, sql: "SELECT pageno FROM dbstat WHERE name = 'points' AND pagetype = 'leaf' LIMIT 1 OFFSET 3")
        }
        let page = try #require(leaf)
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
        try handle.seek(toOffset: UInt64((page - 1) * 8192))
        try handle.write(contentsOf: Data((0..<8192).map { UInt8(truncatingIfNeeded: $0 &* 37) }))
        try handle.close()
        for suffix in ["-wal", "-shm"] { unlink(file + suffix) }
        let report = try await store.verify("c")
        #expect(!report.isSound)
        // With the backup and the log nothing is lost.
        let receipt = try await store.repair("c", report, backups: archive.location)
        #expect(receipt.keptFile != nil && receipt.lostChanges == 0)
        #expect(try await store.count(nil, in: "c") == 399)
        #expect(try await store.verify("c").isSound)
        try await store.close()
    }

    @Test func aFileThatIsCutShortIsSaidToBeUnreadable() async throws {
        let store = try await filled(400)
        try await store.close()
        for suffix in ["-wal", "-shm"] { unlink(file + suffix) }
        let size = try #require(FileManager.default.contents(atPath: file)?.count)
        #expect(truncate(file, off_t(size / 2)) == 0)
        let report = try await store.verify("c")
        #expect(!report.isSound)
        #expect(await refusal { _ = try await store.verify("none") }?.code == .collectionNotFound)
    }
}
