import Files
import Foundation
import TestSupport
import Testing
import VectorEngine

@Suite("Copies of a collection, and what killed processes leave of them")
struct CopyTests {
    private let scratch = ScratchDirectory()
    private var data: String { scratch.path + "/data" }

    @Test("A copy that would take the disk's reserve is refused and leaves nothing")
    func reserve() async throws {
        let store = try EmbeddedStore(directory: data)
        try await store.createCollection("c", schema: Sample.schema)
        let target = scratch.path + "/copy"
        try await store.copy("c", to: target)
        #expect(try RegularFile.remove(target))
        // The file says that it is larger than the disk, without taking room: what follows SQLite's pages is not read.
        let free = try #require(FreeSpace.now(at: data)).freeBytes
        let file = data + "/c.collection.sqlite"
        let handle = try #require(FileHandle(forUpdatingAtPath: file))
        let whole = try handle.seekToEnd()
        for size in [free, free + 1, 2 * free] {
            try handle.truncate(atOffset: UInt64(size))
            let error = await #expect(throws: EngineError.self) { try await store.copy("c", to: target) }
            #expect(error?.code == .diskFull)
            #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["data"])
        }
        try handle.truncate(atOffset: whole)
        try handle.close()
        try await store.copy("c", to: target)
        try await store.close()
    }

    @Test("Only the copies are removed whose process has ended")
    func leftovers() async throws {
        let store = try EmbeddedStore(directory: data)
        try await store.createCollection("c", schema: Sample.schema)
        let name = data + "/c.collection.sqlite.new-"
        let endings = ["", "-wal", "-shm", "-journal", ".mark", ".lease"]
        var (kept, leases): ([String], [Lease]) = ([], [])
        for i in 0..<8 {
            let (held, left, unlocked) = (name + UUID().uuidString, name + UUID().uuidString, name + UUID().uuidString)
            for ending in endings.prefix(1 + i % endings.count) {
                for path in [held, left, unlocked] { try PrivateFile.write([1], to: path + ending) }
                kept += [held + ending, unlocked + ending]
            }
            leases.append(try #require(try Lease(path: held + ".lock")))
            kept.append(held + ".lock")
            try #require(try Lease(path: left + ".lock")).release()
        }
        // Names that no copy has.
        for other in ["c.collection.sqlite.lock", "x.lock", ".lock", "c.new-\(UUID().uuidString).lock"] {
            try PrivateFile.write([], to: data + "/" + other)
            kept.append(data + "/" + other)
        }
        #expect(try await store.removeLeftovers() == 8)
        #expect(try await store.removeLeftovers() == 0)
        let names = try FileManager.default.contentsOfDirectory(atPath: data)
        #expect(
            Set(names.filter { $0.contains(".new-") || $0.hasSuffix(".lock") }.map { data + "/" + $0 }) == Set(kept))
        for lease in leases { lease.release() }
        #expect(try await store.removeLeftovers() == 8)
        #expect(try await store.collectionNames() == ["c"])
        try await store.close()
    }

    @Test("Opening a collection removes the copies of killed processes, and unfinished marks that are a day old")
    func leftoversAtOpening() async throws {
        var store = try EmbeddedStore(directory: data)
        try await store.createCollection("c", schema: Sample.schema)
        try await store.close()
        let name = data + "/c.collection.sqlite.new-"
        let (left, held) = (name + UUID().uuidString, name + UUID().uuidString)
        for path in [left, held] {
            try PrivateFile.write([1], to: path)
            try PrivateFile.write([1], to: path + "-wal")
        }
        try #require(try Lease(path: left + ".lock")).release()
        let lease = try #require(try Lease(path: held + ".lock"))
        let marks = (0..<2).map { _ in data + "/c.collection.sqlite.mark.new-" + UUID().uuidString }
        for path in marks { try PrivateFile.write([1], to: path) }
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -100_000)], ofItemAtPath: marks[0])
        store = try EmbeddedStore(directory: data)
        #expect(try await store.count(nil, in: "c") == 0)
        let names = try FileManager.default.contentsOfDirectory(atPath: data).filter { $0.contains(".new-") }
        let kept = [held, held + "-wal", held + ".lock", marks[1]]
        #expect(Set(names.map { data + "/" + $0 }) == Set(kept))
        lease.release()
        try await store.close()
    }

    @Test("Making a collection leaves nothing beside it", arguments: [true, false])
    func makingLeavesNothing(isNew: Bool) async throws {
        let store = try EmbeddedStore(directory: data)
        try await store.createCollection("c", schema: Sample.schema)
        if !isNew {
            await #expect(throws: EngineError.self) { try await store.createCollection("c", schema: Sample.schema) }
        }
        try await store.close()
        #expect(try FileManager.default.contentsOfDirectory(atPath: data).filter { $0.contains(".new-") } == [])
    }

    @Test(
        "A manifest that names something outside of its backup is damaged, and nothing is removed",
        arguments: ["../../data", "..", ".", "", "log", "full-/../../data", "full-\0", "full-/\u{301}x", "/etc"])
    func manifests(name: String) async throws {
        let store = try EmbeddedStore(directory: data)
        try await store.createCollection("c", schema: Sample.schema)
        let archive = BackupArchive(location: scratch.path + "/backups")
        let made = try archive.create(ofDirectory: data, collections: ["c"], now: { 1_000_000 })
        let text = try String(contentsOfFile: archive.location + "/\(made.name)/manifest.json", encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first)
        var values = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        values["name"] = name
        let folder = archive.location + "/full-forged"
        try PrivateFile.makeFolder(folder)
        let bytes = try JSONSerialization.data(withJSONObject: values)
        let sealed = Array(bytes) + Array("\n\(String(crc32cBitByBit(bytes), radix: 16))\n".utf8)
        try PrivateFile.write(sealed, to: folder + "/manifest.json")
        let listed = try archive.list()
        let forged = try #require(listed.first { $0.name == "full-forged" })
        #expect(throws: EngineError.self) { try forged.manifest.get() }
        let later = try archive.create(ofDirectory: data, collections: ["c"], now: { 4_000_000_000_000_000 })
        #expect(try archive.prune(keepDays: 1, now: 4_000_000_000_000_000) == [made.name])
        #expect(try archive.manifests().map(\.name) == [later.name])
        #expect(try await store.collectionNames() == ["c"])
        #expect(throws: EngineError.self) { try archive.verify("../" + name, isDeep: false, now: 1) }
        try await store.close()
    }
}
