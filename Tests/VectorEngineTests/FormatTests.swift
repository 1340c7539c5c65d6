import Foundation
import TestSupport
import Testing
import VectorEngine

/// Files that released and unreleased programs have left: each format opens for ever.
@Suite struct FormatTests {
    private func opened(_ format: String) throws -> (ScratchDirectory, EmbeddedStore) {
        let scratch = ScratchDirectory()
        let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
        try FileManager.default.copyItem(
            at: fixtures.appendingPathComponent(format), to: URL(fileURLWithPath: scratch.path))
        return (scratch, try EmbeddedStore(directory: scratch.path))
    }

    @Test func aFileOfFormat1OpensIsBroughtToFormat2AndLeavesACopy() async throws {
        let (scratch, store) = try opened("format-1")
        #expect(try await store.verify("memories").format == 1)
        let page = try await store.scroll(ScrollRequest(limit: 10), in: "memories")
        #expect(
            page.points.map { $0.payload.object["content"]?.stringValue } == [
                "The harbour closes at nine", "Rust borrows, Swift copies",
                "Backups are only as good as their restores",
            ])
        let report = try await store.verify("memories")
        #expect(report.isSound && report.format == 2 && report.pointCount == 3)
        let copy = scratch.path + "/memories.collection.sqlite.format-1"
        try await store.close()
        // The copy is the old file, whole: in its place it opens again.
        for suffix in ["", "-wal", "-shm", ".mark"] { unlink(scratch.path + "/memories.collection.sqlite" + suffix) }
        try FileManager.default.moveItem(atPath: copy, toPath: scratch.path + "/memories.collection.sqlite")
        #expect(try await store.verify("memories").format == 1)
        #expect(try await store.count(nil, in: "memories") == 3)
        try await store.close()
    }

    @Test func aFileOfFormat2OpensWithItsGraphOverwritesAndDeletes() async throws {
        let (scratch, store) = try opened("format-2")
        defer { withExtendedLifetime(scratch) {} }
        let page = try await store.scroll(ScrollRequest(limit: 100), in: "c")
        let versions = page.points.map { $0.payload.object["version"]?.integerValue }
        #expect(versions == Array(repeating: 2, count: 10) + Array(repeating: 1, count: 25))
        let facts = try #require(try await store.describe("c"))
        #expect(facts.pointCount == 35 && facts.damagedPointCount == 0)
        #expect(try await store.verify("c").isSound)
        try await store.close()
    }

    @Test func anUpgradeIsUndoneByACommandAndTheNewerFileStays() async throws {
        let (scratch, store) = try opened("format-1")
        let file = scratch.path + "/memories.collection.sqlite"
        try await store.delete(.filter(Filter()), in: "memories")
        // Another one has it open.
        #expect { try Rollback(directory: scratch.path, now: 1).run() } throws: {
            ($0 as? EngineError)?.code == .notWritable
        }
        try await store.close()
        let receipts = try Rollback(directory: scratch.path, now: 1_000_000).run()
        #expect(receipts.map(\.collection) == ["memories"])
        #expect(receipts.map(\.format) == [1] && receipts.map(\.changesSince) == [3])
        let kept = try #require(receipts.first?.keptAt)
        #expect(FileManager.default.fileExists(atPath: kept))
        #expect(!FileManager.default.fileExists(atPath: file + ".mark"))
        #expect(try await store.verify("memories").format == 1)
        #expect(try Rollback(directory: scratch.path, now: 1).run().isEmpty)
        // A cut of the power between the two names: the copy is there, the file is not.
        let before = file + ".format-1"
        #expect(try await store.count(nil, in: "memories") == 3, "it is upgraded once more")
        try await store.close()
        for suffix in ["", "-wal", "-shm"] { unlink(file + suffix) }
        #expect(try Rollback(directory: scratch.path, now: 2).run().map(\.keptAt) == [nil])
        #expect(try await store.count(nil, in: "memories") == 3)
        try await store.close()
        // A copy that is not what was written takes nobody's place.
        try Data("rubbish".utf8).write(to: URL(fileURLWithPath: before))
        #expect(throws: EngineError.self) { try Rollback(directory: scratch.path, now: 3).run() }
        #expect(try await store.count(nil, in: "memories") == 3)
        try await store.close()
    }
}
