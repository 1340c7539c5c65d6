import Foundation
import Synchronization
import TestSupport
import Testing
import VectorEngine

/// Backups that are made by themselves: when they are due, and what becomes of them.
@Suite struct ScheduleTests {
    private static let minute: Int64 = 60_000_000
    private static let day: Int64 = 86_400_000_000

    /// A moment in local time, as cron counts.
    private func moment(_ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int) throws -> Int64 {
        let parts = DateComponents(year: year, month: month, day: day, hour: hour, minute: minute)
        let date = try #require(Calendar(identifier: .gregorian).date(from: parts))
        return Int64(date.timeIntervalSince1970) * 1_000_000
    }

    @Test func theNextMomentOfAScheduleComesAfterTheLastAndFitsEveryField() throws {
        let saturday = try moment(2026, 11, 21, 22, 15)
        let cases: [(String, Int64)] = [
            ("0 2 * * *", try moment(2026, 11, 22, 2, 0)), ("16 22 * * *", saturday + Self.minute),
            ("15 22 * * *", saturday + Self.day), ("*/20 * * * *", try moment(2026, 11, 21, 22, 20)),
            ("30 4 1 * *", try moment(2026, 12, 1, 4, 30)), ("0 0 29 2 *", try moment(2028, 2, 29, 0, 0)),
            ("0 12 * * 7", try moment(2026, 11, 22, 12, 0)), ("0 12 * * 1-5", try moment(2026, 11, 23, 12, 0)),
            // Either day field fits when both are restricted.
            ("0 0 24 * 1", try moment(2026, 11, 23, 0, 0)), ("5,50 23/1 * 11,12 *", try moment(2026, 11, 21, 23, 5)),
        ]
        for (text, wanted) in cases {
            #expect(try BackupSchedule(text).next(after: saturday) == wanted, "\(text)")
        }
        // Half a minute past is past.
        #expect(try BackupSchedule("15 22 * * *").next(after: saturday + Self.minute / 2) == saturday + Self.day)
    }

    @Test(arguments: [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *",
        "*/0 * * * *", "1, * * * *", "a * * * *", "1-2-3 * * * *", "1/2/3 * * * *", "0 0 30 2 *", "@daily",
    ])
    func whatIsNoScheduleIsRefused(text: String) {
        #expect { try BackupSchedule(text) } throws: { ($0 as? EngineError)?.code == .invalidArgument }
    }

    @Test func aFullIsMadeWhenItIsDueOnceAFirstOneStandsAndOldOnesGo() async throws {
        let scratch = ScratchDirectory()
        let place = scratch.path + "/backups"
        let clock = Mutex(try moment(2026, 11, 21, 12, 0))
        var settings = EngineSettings()
        settings.now = { clock.withLock { $0 } }
        settings.backupLocation = place
        settings.backupSchedule = try BackupSchedule(BackupSchedule.nightly)
        settings.backupRetentionDays = 2
        let store = try EmbeddedStore(directory: scratch.path, settings: settings)
        try await store.createCollection("c", schema: Sample.schema)
        #expect(try store.nextBackup(at: place) == nil)
        #expect(try await store.backUpIfDue(to: place) == nil, "nobody has asked for backups yet")
        let archive = BackupArchive(location: place)
        _ = try archive.create(ofDirectory: scratch.path, collections: ["c"], now: settings.now)
        #expect(try store.nextBackup(at: place) == moment(2026, 11, 22, 2, 0))
        #expect(try await store.backUpIfDue(to: place) == nil)
        for night in 1...4 as ClosedRange<Int64> {
            clock.withLock { $0 += Self.day }
            #expect(try await store.backUpIfDue(to: place) != nil, "night \(night)")
            #expect(try await store.backUpIfDue(to: place) == nil, "night \(night), once more")
        }
        #expect(try archive.list().count == 3)
        // The drill of the first night; the next is a week later.
        #expect(try BackupDrill.last(at: place)?.at == moment(2026, 11, 22, 12, 0))
        try await store.close()
    }

    @Test func whatFailsBehindTheBackIsToldByTheDescription() async throws {
        let scratch = ScratchDirectory()
        let place = scratch.path + "/backups"
        let clock = Mutex(try moment(2026, 11, 21, 12, 0))
        var settings = EngineSettings()
        settings.now = { clock.withLock { $0 } }
        settings.backupLocation = place
        settings.backupSchedule = try BackupSchedule("0 * * * *")
        let store = try EmbeddedStore(directory: scratch.path, settings: settings)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 1)
        try await store.upsert([try Sample.point(1, &random)], in: "c")
        _ = try BackupArchive(location: place).create(
            ofDirectory: scratch.path, collections: ["c"], now: settings.now)
        await store.keepUpNow()
        #expect(try await store.describe("c")?.upkeep?.shippedAt == clock.withLock { $0 })
        #expect(try await store.describe("c")?.scrub?.passes == 1)
        // The log loses its head: what is written from now on cannot be shipped.
        let log = try #require(FileManager.default.subpaths(atPath: place)?.first { $0.hasSuffix("head.json") })
        unlink(place + "/" + log)
        try await store.upsert([try Sample.point(2, &random)], in: "c")
        await store.keepUpNow()
        let failure = try #require(try await store.describe("c")?.upkeep?.shippingFailure)
        #expect(failure.contains("lost its head"))
        try await store.close()
    }
}
