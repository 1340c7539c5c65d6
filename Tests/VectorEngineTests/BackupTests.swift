import Files
import Foundation
import TestSupport
import Testing
import VectorEngine
import Vectors

/// Backups, the shipped log, and the way back to any moment.
@Suite struct BackupTests {
    private let scratch = ScratchDirectory()
    private var data: String { scratch.path + "/data" }
    private var archive: BackupArchive { BackupArchive(location: data + "/backups") }

    private func opened() async throws -> EmbeddedStore {
        let store = try EmbeddedStore(directory: data)
        try await store.createCollection("c", schema: Sample.schema)
        return store
    }

    private func put(_ ids: ClosedRange<UInt64>, _ seed: UInt64, _ store: EmbeddedStore) async throws -> UInt64 {
        var random = SplitMix(seed: seed)
        return try await store.upsert(ids.map { try Sample.point($0, &random) }, in: "c").sequence
    }

    private func contents(_ directory: String) async throws -> [PointID: Payload] {
        let store = try EmbeddedStore(directory: directory)
        let page = try await store.scroll(ScrollRequest(limit: 1000), in: "c")
        try await store.close()
        return Dictionary(page.points.map { ($0.id, $0.payload) }) { $1 }
    }

    private func create(_ now: Int64 = WallClock.microseconds()) throws -> BackupManifest {
        try archive.create(ofDirectory: data, collections: ["c"], now: { now })
    }

    @Test func everyChangeSinceTheFirstBackupCanBeReturnedTo() async throws {
        let store = try await opened()
        _ = try await put(1...10, 1, store)
        _ = try create()
        // Overwritten and deleted before they are shipped: the versions between must be in the log.
        var moments: [(UInt64, [PointID: Payload])] = []
        for step in 1...6 as ClosedRange<UInt64> {
            let last = try await put(step...step + 4, step * 10, store)
            moments.append((last, try await contents(data)))
            let deleted = try await store.delete(.ids([.number(step)]), in: "c").sequence
            moments.append((deleted, try await contents(data)))
            if step.isMultiple(of: 2) { try await store.shipLog(to: archive.location) }
        }
        try await store.close()
        for (i, (sequence, wanted)) in moments.enumerated() {
            let place = scratch.path + "/restored-\(i)"
            let restored = try Restoration(archive: archive, target: .sequence(Int64(sequence))).run(into: place)
            #expect(restored.map(\.isProven) == [true])
            #expect(try await contents(place) == wanted, "change \(sequence)")
        }
    }

    @Test func aMomentThatIsNotInTheLogIsRefused() async throws {
        let store = try await opened()
        let first = try await put(1...10, 1, store)
        _ = try create()
        try await store.close()
        for target in [RestoreTarget.sequence(Int64(first) - 1), .sequence(Int64(first) + 1), .time(1)] {
            #expect {
                try Restoration(archive: archive, target: target).run(into: scratch.path + "/r")
            } throws: {
                ($0 as? EngineError)?.code == .invalidArgument
            }
        }
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/r"))
    }

    @Test func aRestoreNeverWritesOverWhatIsThere() async throws {
        let store = try await opened()
        _ = try await put(1...3, 1, store)
        _ = try create()
        try await store.close()
        #expect {
            try Restoration(archive: archive, target: .latest).run(into: data)
        } throws: {
            ($0 as? EngineError)?.code == .invalidArgument
        }
        #expect(try await contents(data).count == 3)
    }

    @Test func pruningKeepsTheNewestVerifiedBackupWhateverItsAge() async throws {
        let store = try await opened()
        _ = try await put(1...3, 1, store)
        let day: Int64 = 86_400_000_000
        let names = try (1...4).map { try create(Int64($0) * day).name }
        // The newest two are damaged: one is listed as such, the other has not been looked at since.
        let newest = archive.location + "/" + names[3] + "/manifest.json"
        try Data("{}".utf8).write(to: URL(fileURLWithPath: newest))
        try await store.close()
        let removed = try archive.prune(keepDays: 30, now: 400 * day)
        #expect(removed == Array(names[..<2].reversed()) || Set(removed) == Set(names[..<2]))
        #expect(try archive.list().map(\.name) == Array(names[2...]))
    }

    @Test(arguments: ["c.collection.sqlite", "manifest.json"])
    func aDamagedBackupIsNamedAndPassedOver(file: String) async throws {
        let store = try await opened()
        _ = try await put(1...5, 1, store)
        _ = try create(WallClock.microseconds())
        _ = try await put(4...9, 2, store)
        let second = try create(WallClock.microseconds())
        try await store.shipLog(to: archive.location)
        let wanted = try await contents(data)
        try await store.close()
        let path = archive.location + "/" + second.name + "/" + file
        var bytes = try #require(FileManager.default.contents(atPath: path))
        bytes[bytes.count / 2] ^= 4
        try bytes.write(to: URL(fileURLWithPath: path))
        let found = try archive.verify(second.name, isDeep: false, now: 1)
        #expect(found.findings.count == 1)
        // The older one and the log give the same.
        _ = try Restoration(archive: archive, target: .latest).run(into: scratch.path + "/r")
        #expect(try await contents(scratch.path + "/r") == wanted)
    }

    @Test func aLogThatLostAFileOrItsEndIsNamed() async throws {
        let store = try await opened()
        _ = try create()
        for step in 1...3 as ClosedRange<UInt64> {
            _ = try await put(step...step, step, store)
            try await store.shipLog(to: archive.location)
        }
        try await store.close()
        #expect(try archive.verifyLogs().isEmpty)
        let directory = try #require(
            FileManager.default.subpaths(atPath: archive.location)?.first { $0.hasSuffix("head.json") })
        let log = archive.location + "/" + (directory as NSString).deletingLastPathComponent
        let files = try FileManager.default.contentsOfDirectory(atPath: log).filter { $0.hasSuffix(".clog") }.sorted()
        #expect(files.count == 3)
        for file in files[1...] {
            let aside = scratch.path + "/aside"
            try FileManager.default.moveItem(atPath: log + "/" + file, toPath: aside)
            #expect(try archive.verifyLogs().count == 1, "\(file)")
            #expect(throws: EngineError.self) {
                try Restoration(archive: archive, target: .latest).run(into: scratch.path + "/r")
            }
            try FileManager.default.moveItem(atPath: aside, toPath: log + "/" + file)
        }
        #expect(try archive.verifyLogs().isEmpty)
    }

    @Test func aDrillMeasuresBothObjectives() async throws {
        let store = try await opened()
        _ = try await put(1...50, 1, store)
        _ = try create()
        let (full, _) = try await BackupDrill.run(archive, live: store, now: WallClock.microseconds)
        #expect(full.isPassed && full.points == 50 && full.lossSeconds == 0 && full.recoverySeconds > 0)
        _ = try await put(51...51, 1, store)
        let (behind, _) = try await BackupDrill.run(archive, live: store, now: WallClock.microseconds)
        #expect(behind.points == 50 && behind.lossSeconds > 0)
        #expect(try BackupDrill.last(at: archive.location) == behind)
        try await store.close()
    }

    @Test func aSnapshotOfOneCollectionComesBackUnderAnyName() async throws {
        let store = try await opened()
        _ = try await put(1...30, 1, store)
        let path = scratch.path + "/one.snapshot"
        let (sha256, size) = try await store.writeSnapshot(of: "c", to: path)
        #expect(sha256.count == 64 && size > 0)
        try await store.restoreSnapshot(at: path, as: "d")
        #expect(try await store.count(nil, in: "d") == 30)
        _ = try await store.delete(.filter(Filter()), in: "c")
        try await store.restoreSnapshot(at: path, as: "c")
        #expect(try await store.count(nil, in: "c") == 30)
        #expect(try await store.upsert([], in: "c").affected == 0)
        try await store.close()
    }
}
