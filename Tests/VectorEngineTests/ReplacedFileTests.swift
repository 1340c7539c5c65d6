import Files
import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing
import VectorEngine

private func points(_ ids: ClosedRange<UInt64>) throws -> [Point] {
    var random = SplitMix(seed: ids.lowerBound)
    return try ids.map { try Sample.point($0, &random) }
}

/// Files that are deleted, replaced or encrypted while another store has them open. Two stores on one directory stand
/// for two processes: they share nothing but the files.
@Suite struct ReplacedFileTests {
    private let scratch = ScratchDirectory()
    private var file: String { scratch.path + "/c.collection.sqlite" }

    private func store(_ key: EncryptionKey? = nil) throws -> EmbeddedStore {
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        settings.encryptionKey = key
        return try EmbeddedStore(directory: scratch.path, settings: settings)
    }

    private func key() throws -> EncryptionKey { try EncryptionKey(hex: String(repeating: "a", count: 64)) }

    private func execute(_ sql: String) async throws {
        let queue = try DatabaseQueue(path: file)
        try await queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }

    /// Writes points, one after the other, from `first` on, until `isEnded` or until a write is refused.
    ///
    /// - Returns: the number of acknowledged points, and the refusal.
    private func write(
        to store: EmbeddedStore, from first: UInt64, until isEnded: @escaping @Sendable () -> Bool
    ) -> Task<(count: Int, refusal: EngineError?), any Error> {
        Task {
            var id = first
            while !isEnded() {
                do {
                    try await store.upsert(try points(id...id), in: "c")
                } catch let error as EngineError {
                    return (Int(id - first), error)
                }
                id += 1
            }
            return (Int(id - first), nil)
        }
    }

    private func waitForPoints(_ count: Int, in store: EmbeddedStore) async throws {
        while try await store.count(nil, in: "c") < count { await Task.yield() }
    }

    @Test("A delete by a store that has the former collection open deletes the one that has the name now, wholly")
    func deletingThroughAStaleHandle() async throws {
        let (a, b) = (try store(), try store())
        for _ in 0..<3 {
            try await a.createCollection("c", schema: Sample.schema)
            try await b.upsert(try points(1...1), in: "c")
            try await a.deleteCollection("c")
            try await a.createCollection("c", schema: Sample.schema)
            try await a.upsert(try points(2...2), in: "c")
            try await b.deleteCollection("c")
            #expect(try await a.collectionNames().isEmpty)
            try await a.createCollection("c", schema: Sample.schema)
            try await a.upsert(try points(3...4), in: "c")
            for store in [a, b] { #expect(try await store.count(nil, in: "c") == 2) }
            try await b.deleteCollection("c")
        }
        try await a.close()
        try await b.close()
    }

    @Test("A write never goes into a file that has lost its name")
    func writingToAMovedFile() async throws {
        let (a, b) = (try store(), try store())
        try await a.createCollection("c", schema: Sample.schema)
        try await a.upsert(try points(1...20), in: "c")
        try await a.close()
        let copy = scratch.path + "/copy"
        try FileManager.default.copyItem(atPath: file, toPath: copy)
        #expect(try await b.count(nil, in: "c") == 20)
        for suffix in ["-wal", "-shm"] { unlink(file + suffix) }
        #expect(rename(copy, file) == 0)
        try await b.upsert(try points(21...21), in: "c")
        #expect(try await b.count(nil, in: "c") == 21)
        #expect(try await a.count(nil, in: "c") == 21)
        try await a.close()
        try await b.close()
    }

    @Test("A file that was removed refuses writes")
    func writingToARemovedFile() async throws {
        let store = try store()
        try await store.createCollection("c", schema: Sample.schema)
        try await store.upsert(try points(1...20), in: "c")
        for suffix in ["", "-wal", "-shm", ".mark"] { unlink(file + suffix) }
        await #expect(throws: EngineError.self) { try await store.upsert(try points(21...21), in: "c") }
        try await store.close()
    }

    // MARK: Encrypting

    @Test("Encrypting loses no write that was acknowledged while it ran, and refuses later ones")
    func encryptingWhileAnotherWrites() async throws {
        let (writer, sealing) = (try store(), try store(key()))
        try await writer.createCollection("c", schema: Sample.schema)
        try await writer.upsert(try points(1...300), in: "c")
        let writing = write(to: writer, from: 1000, until: { false })
        let reader = try store()
        try await waitForPoints(320, in: reader)
        try await reader.close()
        #expect(try await sealing.encrypt(with: key()) == ["c"])
        let (count, refusal) = try await writing.value
        #expect(refusal?.code == .keyRefused)
        #expect(try await sealing.count(nil, in: "c") == 300 + count)
        #expect(try await sealing.verify("c").isSound)
        await #expect(throws: EngineError.self) { _ = try await writer.count(nil, in: "c") }
        try await sealing.close()
        try await writer.close()
    }

    @Test("A collection with a damaged row is not encrypted and stays as it was")
    func encryptingADamagedCollection() async throws {
        let plain = try store()
        try await plain.createCollection("c", schema: Sample.schema)
        try await plain.upsert(try points(1...200), in: "c")
        try await plain.close()
        try await execute("UPDATE points SET payload = x'00' WHERE sequence = 150")
        await #expect { _ = try await plain.encrypt(with: key()) } throws: { ($0 as? EngineError)?.code == .damaged }
        #expect(try await plain.count(nil, in: "c") > 0)
        #expect(try await plain.retrieve([.number(3)], with: .payload, in: "c").count == 1)
        try await plain.close()
    }

    @Test("An encryption that ended before plain bytes were removed is ended by the next one")
    func encryptingAgain() async throws {
        let plain = try store()
        try await plain.createCollection("c", schema: Sample.schema)
        try await plain.upsert(try points(1...20), in: "c")
        #expect(try await plain.encrypt(with: key()) == ["c"])
        #expect(try await plain.encrypt(with: key()).isEmpty)
        let remains = try await DatabaseQueue(path: file).read {
            try Int.fetchOne($0, sql: "SELECT value FROM meta WHERE key = 'plain_bytes'")
        }
        #expect(remains == 0)
        try await plain.close()
    }

    // MARK: Repairing

    /// A collection whose log of deletes is damaged, which a repair answers with a new file; it can be read and
    /// written.
    private func damaged() async throws {
        let store = try store()
        let notes = ["owner": "me", "settings": #"{"strict":true}"#]
        try await EmbeddedStore.blocking {
            try store.makeCollection("c", CollectionDefinition(schema: Sample.schema, notes: notes))
        }
        try await store.upsert(try points(1...300), in: "c")
        try await store.delete(.ids([.number(1), .number(2)]), in: "c")
        try await store.close()
        try await execute("UPDATE deletions SET id = x'000000000000000063' WHERE sequence = 301")
    }

    @Test("A store that has the damaged file open goes on with the new one after a repair")
    func repairingUnderAnOpenStore() async throws {
        try await damaged()
        let (other, repairing) = (try store(), try store())
        #expect(try await other.count(nil, in: "c") == 298)
        let receipt = try await repairing.repair("c", try await repairing.verify("c"), backups: nil)
        #expect(receipt.keptFile != nil && receipt.lostChanges == 0)
        try await other.upsert(try points(400...400), in: "c")
        #expect(try await other.count(nil, in: "c") == 299)
        #expect(try await repairing.count(nil, in: "c") == 299)
        #expect(try await repairing.verify("c").isSound)
        try await other.close()
        try await repairing.close()
    }

    @Test("A repair loses no write that was acknowledged while it ran")
    func repairingWhileAnotherWrites() async throws {
        try await damaged()
        let (writer, repairing) = (try store(), try store())
        let isEnded = Mutex(false)
        let report = try await repairing.verify("c")
        let writing = write(to: writer, from: 1000) { isEnded.withLock { $0 } }
        let reader = try store()
        try await waitForPoints(310, in: reader)
        try await reader.close()
        _ = try await repairing.repair("c", report, backups: nil)
        isEnded.withLock { $0 = true }
        let (count, refusal) = try await writing.value
        #expect(refusal == nil)
        #expect(try await repairing.count(nil, in: "c") == 298 + count)
        #expect(try await repairing.verify("c").isSound)
        try await writer.close()
        try await repairing.close()
    }

    private func notes(of store: EmbeddedStore) async throws -> [String: String] {
        try await store.definition(of: "c").notes
    }

    @Test("A repair that makes a new file keeps the notes and the payload indexes")
    func repairingKeepsNotes() async throws {
        try await damaged()
        let store = try store()
        let receipt = try await store.repair("c", try await store.verify("c"), backups: nil)
        #expect(receipt.keptFile != nil && receipt.doubts.isEmpty)
        #expect(try await notes(of: store) == ["owner": "me", "settings": #"{"strict":true}"#])
        #expect(try await store.definition(of: "c").schema == Sample.schema)
        try await store.close()
    }

    @Test("A repair says that the notes were not checked, and names one that cannot be read")
    func repairingSaysWhatIsMissing() async throws {
        try await damaged()
        try await execute("UPDATE meta SET value = x'00ff' WHERE key = 'note:owner'")
        let store = try store()
        let receipt = try await store.repair("c", try await store.verify("c"), backups: nil)
        #expect(receipt.doubts.count == 2)
        #expect(receipt.doubts.last?.contains("note:owner") == true)
        #expect(try await notes(of: store) == ["settings": #"{"strict":true}"#])
        #expect(try await store.verify("c").isSound)
        try await store.close()
    }

    @Test("A repair from a backup takes over notes that are newer than the backup")
    func repairingFromABackupKeepsNotes() async throws {
        try await damaged()
        let (store, backups) = (try store(), scratch.path + "/backups")
        try await execute("DELETE FROM deletions")
        _ = try BackupArchive(location: backups).create(
            ofDirectory: scratch.path, collections: ["c"], now: WallClock.microseconds)
        try await store.redefine("c") { $0.notes["owner"] = "you" }
        try await store.delete(.ids([.number(3)]), in: "c")
        try await store.close()
        try await execute("UPDATE deletions SET id = x'000000000000000063'")
        let receipt = try await store.repair("c", try await store.verify("c"), backups: backups)
        #expect(receipt.keptFile != nil && receipt.doubts.isEmpty)
        #expect(try await notes(of: store)["owner"] == "you")
        #expect(try await store.verify("c").isSound)
        try await store.close()
    }
}
