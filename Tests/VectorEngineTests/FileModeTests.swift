import Files
import Foundation
import TestSupport
import Testing
import VectorEngine

@Suite("Modes of files")
struct FileModeTests {
    private let scratch = ScratchDirectory()

    private func mode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    @Test("Everything a store makes is its owner's alone, though the umask would let others read and write it")
    func everything() async throws {
        let former = umask(0)
        defer { umask(former) }
        let data = scratch.path + "/made/on/the/way"
        var settings = EngineSettings()
        settings.backupLocation = data + "/backups"
        settings.sealThreshold = 50
        settings.sealShare = 0
        let store = try EmbeddedStore(directory: data, settings: settings)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 1)
        let archive = BackupArchive(location: data + "/backups")
        _ = try archive.create(ofDirectory: data, collections: ["c"], now: { WallClock.microseconds() })
        try await store.upsert((1...200).map { try Sample.point($0, &random) }, in: "c")
        try await store.sealNow("c")
        try await store.shipLog(to: archive.location)
        for name in ["copied", "snapshot"] {
            try FileManager.default.createDirectory(
                atPath: data + "/copies", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let path = "\(data)/copies/\(name)"
            if name == "copied" { try await store.copy("c", to: path) }
            if name == "snapshot" { _ = try await store.writeSnapshot(of: "c", to: path) }
        }
        try await store.copy("c", to: data + "/copies/adopted")
        try await store.adopt(data + "/copies/adopted", as: "d")
        try await store.restoreSnapshot(at: data + "/copies/snapshot", as: "e")
        for name in ["d", "e"] { #expect(try await store.count(nil, in: name) == 200) }
        _ = try await store.repair("e", try await store.verify("e"), backups: archive.location)
        _ = try Restoration(archive: archive, target: .latest).run(into: data + "/restored/here")
        // Sidecars are there while the files are open, and afterwards.
        for isOpen in [true, false] {
            if !isOpen { try await store.close() }
            let paths = try #require(FileManager.default.enumerator(atPath: scratch.path)).compactMap { $0 as? String }
            for ending in [".sqlite", "-wal", "-shm", ".mark", ".lease", ".clog", "manifest.json"] {
                #expect(paths.contains { $0.hasSuffix(ending) }, "the walk met no \(ending)")
            }
            for path in paths {
                let whole = scratch.path + "/" + path
                var isFolder: ObjCBool = false
                _ = FileManager.default.fileExists(atPath: whole, isDirectory: &isFolder)
                let wanted = isFolder.boolValue ? 0o700 : 0o600
                let found = try mode(whole)
                #expect(found == wanted, "\(path) has mode \(String(found, radix: 8))")
            }
        }
    }

    @Test("A file of an earlier version that others could read is closed to them when it is opened")
    func tightened() async throws {
        let data = scratch.path + "/data"
        let store = try EmbeddedStore(directory: data)
        try await store.createCollection("c", schema: Sample.schema)
        let path = data + "/c.collection.sqlite"
        chmod(path, 0o644)
        #expect(try await store.count(nil, in: "c") == 0)
        #expect(try mode(path) == 0o600)
        try await store.close()
    }
}
