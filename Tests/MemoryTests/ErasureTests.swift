import Foundation
import JSON
import Memory
import TestSupport
import Testing
import VectorEngine

/// Deleted means gone: the files are searched for the bytes.
@Suite struct ErasureTests {
    let world = TestWorld()

    /// The files below `directory` that hold `text`.
    private func files(holding text: String, below directory: String) throws -> [String] {
        let wanted = Data(text.utf8)
        let names = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []
        return try names.filter { name in
            let path = directory + "/" + name
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue else {
                return false
            }
            return try Data(contentsOf: URL(fileURLWithPath: path)).range(of: wanted) != nil
        }.sorted()
    }

    private func memory(over engine: EmbeddedStore) -> MemoryStore {
        MemoryStore(
            points: engine, embedder: WordHashEmbedder(), lexical: PlainWords.encoding, now: { world.now },
            random: { world.draw() },
            eraser: Eraser(
                compact: { try await engine.compact($0) }, backups: { try await engine.backups(since: $0) }))
    }

    @Test(
        "an erased memory's text is in no file of the store: not its former versions, its chunks, nor the shipped log")
    func nothingIsLeft() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let (data, backups) = (scratch.path + "/data", scratch.path + "/backups")
        var settings = EngineSettings()
        settings.backupLocation = backups
        let engine = try EmbeddedStore(directory: data, settings: settings)
        let memory = memory(over: engine)
        let secret = "xylophonequartz"
        let filler = (0..<200).map { "filler number \($0) of the herd." }.joined(separator: " ")
        let items: [JSONValue] = (0..<50).map { ["kind": "todo", "content": .string("plain text \($0)")] }
        _ = try await memory.storeItems(items)
        // A full backup begins the log; what is stored after it is in the log alone.
        _ = try BackupArchive(location: backups).create(
            ofDirectory: data, collections: ["memories"], beginsLog: true, now: { self.world.now })
        world.advance(seconds: 60)
        let id = try #require(
            try await memory.storeItems([
                ["kind": "section", "content": .string("the \(secret) one. \(filler)"), "tags": [.string(secret)]]
            ])[0]["id"]?.stringValue.flatMap { UUIDBytes($0) })
        var update = MemoryUpdate(id)
        update.content = "the \(secret) two"
        _ = try await memory.update(update)
        try await engine.sealNow("memories")
        _ = try await engine.shipLog(to: backups)
        #expect(try files(holding: secret, below: scratch.path).count >= 3, "file, history and shipped log hold it")
        let report = try await memory.erase([id])
        #expect(report.deleted == 1 && report.endedLog && !report.isIncomplete && report.backups.isEmpty)
        #expect(try files(holding: secret, below: scratch.path) == [])
        // The other memories are whole, here and for another process.
        #expect(
            try await memory.findItems("plain text 7", ["limit": 1])["items"]?.strings("content") == ["plain text 7"])
        #expect(try await engine.verify("memories").isSound)
        let other = try EmbeddedStore(directory: data)
        #expect(try await other.count(nil, in: "memories") == 50)
        _ = try await memory.storeItems([["kind": "todo", "content": "after"]])
        #expect(try await other.count(nil, in: "memories") == 51)
        try await engine.close()
        try await other.close()
    }

    @Test("backups that were made after a memory was stored are named with the moment until which they are kept")
    func backupsAreNamed() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let (data, backups) = (scratch.path + "/data", scratch.path + "/backups")
        var settings = EngineSettings()
        settings.backupLocation = backups
        settings.backupRetentionDays = 30
        let engine = try EmbeddedStore(directory: data, settings: settings)
        let memory = memory(over: engine)
        let results = try await memory.storeItems([["kind": "todo", "content": "early"]])
        world.advance(seconds: 60)
        let manifest = try BackupArchive(location: backups).create(
            ofDirectory: data, collections: ["memories"], beginsLog: false, now: { self.world.now })
        let made = world.now
        world.advance(seconds: 60)
        let late = try await memory.storeItems([["kind": "todo", "content": "late"]])
        func id(_ results: [JSONValue]) throws -> UUIDBytes {
            try #require(results[0]["id"]?.stringValue.flatMap { UUIDBytes($0) })
        }
        #expect(try await memory.erase([try id(late)]).backups.isEmpty)
        let report = try await memory.erase([try id(results)])
        #expect(
            report.backups == [
                ErasureReport.Backup(name: manifest.name, keptUntil: made + 30 * 86_400_000_000)
            ])
        try await engine.close()
    }

    @Test("an erasure by filter names the backups too, and leaves no bytes")
    func backupsAreNamedByFilter() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let (data, backups) = (scratch.path + "/data", scratch.path + "/backups")
        var settings = EngineSettings()
        settings.backupLocation = backups
        let engine = try EmbeddedStore(directory: data, settings: settings)
        let memory = memory(over: engine)
        _ = try await memory.storeItems([["content": "the xylophonequartz", "tags": ["secret"]], ["content": "plain"]])
        world.advance(seconds: 60)
        let manifest = try BackupArchive(location: backups).create(
            ofDirectory: data, collections: ["memories"], beginsLog: false, now: { self.world.now })
        func delete(_ arguments: JSONObject, of memory: MemoryStore) async throws -> JSONValue {
            let answer = try await memory.callDelete(
                arguments: arguments.merging(["filter": ["tags": ["secret"]], "erase": true]) { $1 },
                context: CallContext())
            _ = try memory.contract.delete.result.checked(answer, at: "")
            return answer
        }
        let token = try #require(try await delete([:], of: memory)["token"])
        let answer = try await delete(["token": token], of: memory)
        #expect(answer["count"] == 1 && answer["erasure"]?["backups"]?.strings("name") == [manifest.name])
        #expect(try files(holding: "xylophonequartz", below: data) == [])
        // A store that cannot erase says so before it deletes.
        let plain = world.memory()
        _ = try await plain.storeItems([["content": "secret", "tags": ["secret"]]])
        await #expect { try await delete([:], of: plain) } throws: { ($0 as? MemoryError)?.code == .unavailable }
        try await engine.close()
    }

    @Test("erasing a retired section leaves no bytes of its versions")
    func retiredSectionsAreErased() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let engine = try EmbeddedStore(directory: scratch.path)
        let memory = memory(over: engine)
        func take(_ text: String) async throws -> DocumentsResult {
            world.advance(seconds: 60)
            return try await memory.take(
                [OwnedDocument(id: "/r/a.md", name: "a.md", text: text, isMarkdown: true)], scope: .empty)
        }
        _ = try await take("# A\nkept\n# B\nthe xylophonequartz\n")
        let retired = try await take("# A\nkept\n").retiredIDs
        #expect(try !files(holding: "xylophonequartz", below: scratch.path).isEmpty)
        #expect(try await memory.erase(retired).deleted == 1)
        #expect(try files(holding: "xylophonequartz", below: scratch.path) == [])
        #expect(try await memory.findItems("kept")["total"] == 1)
        try await engine.close()
    }

    @Test("compacting a store that was filled and emptied gives the space back")
    func spaceComesBack() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let engine = try EmbeddedStore(directory: scratch.path)
        let memory = memory(over: engine)
        let filler = String(repeating: "many words about the zebra ", count: 40)
        for round in 0..<4 {
            let ids = try await memory.storeItems(
                (0..<60).map { ["kind": "todo", "content": .string("\(round) \($0) \(filler)")] })
            _ = try await memory.delete(JSONValue.array(ids).strings("id").compactMap { UUIDBytes($0) })
        }
        _ = try await memory.storeItems([["kind": "todo", "content": "kept"]])
        let before = try #require(try await engine.describe("memories")).sizeBytes
        let report = try await memory.compact()
        let after = try #require(try await engine.describe("memories")).sizeBytes
        #expect(after * 2 < before && report.freedBytes > 0)
        #expect(try await memory.findItems("kept")["total"] == 1)
        try await engine.close()
    }
}
