import Foundation
import JSON
import Memory
import Operations
import TestSupport
import Testing

@Suite("Settings of the memory, and the memory they make")
struct HouseSettingsTests {
    private let scratch = ScratchDirectory()

    private var settings: HouseSettings {
        var settings = HouseSettings(environment: Environment(["HOME": scratch.path]))
        settings.embedder = .none
        settings.workingDirectory = "/"
        return settings
    }

    @Test("The scope is the flags', then the environment's, then the checkout's")
    func scope() throws {
        let checkout = scratch.path + "/shop/.git"
        try FileManager.default.createDirectory(atPath: checkout, withIntermediateDirectories: true)
        try "ref: refs/heads/feature/a\n".write(toFile: checkout + "/HEAD", atomically: true, encoding: .utf8)
        var settings = settings
        #expect(settings.scope.json.isEmpty)
        settings.workingDirectory = scratch.path + "/shop"
        #expect(settings.scope.json == ["project": "shop", "branch": "feature/a"])
        settings.branch = "main"
        #expect(settings.scope.json["branch"] == "main")
        // What the environment says of one level leaves the others to the checkout.
        settings.environment = Environment(["CORTEX_ORG": "o"])
        #expect(settings.scope.json == ["project": "shop", "branch": "main", "org": "o"])
        settings.branch = nil
        #expect(settings.scope.json == ["project": "shop", "branch": "feature/a", "org": "o"])
        // The checkout's branch is none of another project.
        settings.project = "other"
        #expect(settings.scope.json == ["project": "other", "org": "o"])
        settings.project = "Shop"
        #expect(settings.scope.json == ["project": "Shop", "branch": "feature/a", "org": "o"])
    }

    @Test("A checkout is found from a folder below, in a worktree, and nowhere for a directory that is gone")
    func checkout() throws {
        let root = scratch.path + "/repository"
        try FileManager.default.createDirectory(atPath: root + "/.git/worktrees/w", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: root + "/a/b", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: scratch.path + "/w", withIntermediateDirectories: true)
        func write(_ text: String, _ path: String) throws {
            try text.write(toFile: scratch.path + "/" + path, atomically: true, encoding: .utf8)
        }
        try write("3b18e512dba79e4c8300dd08aeb37f8e728b8dad\n", "repository/.git/HEAD")
        try write("ref: refs/heads/w\n", "repository/.git/worktrees/w/HEAD")
        try write("gitdir: \(root)/.git/worktrees/w\n", "w/.git")
        let below = try #require(GitCheckout(containing: root + "/a/b"))
        #expect(below.project == "repository" && below.branch == nil)
        #expect(GitCheckout(containing: scratch.path + "/w")?.branch == "w")
        // A worktree belongs to its repository, however the repository's git directory is kept.
        try write("../..\n", "repository/.git/worktrees/w/commondir")
        let worktree = GitCheckout(containing: scratch.path + "/w")
        #expect(worktree?.project == "repository" && worktree?.branch == "w")
        for (common, name) in [("bare.git", "bare"), ("shop/.bare", "shop")] {
            let own = "\(scratch.path)/\(common)/worktrees/x"
            try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
            try FileManager.default.createDirectory(
                atPath: scratch.path + "/x-" + name, withIntermediateDirectories: true)
            try write("ref: refs/heads/x\n", common + "/worktrees/x/HEAD")
            try write("../..\n", common + "/worktrees/x/commondir")
            try write("gitdir: \(own)\n", "x-\(name)/.git")
            #expect(GitCheckout(containing: scratch.path + "/x-" + name)?.project == name)
        }
        // A submodule's git directory says where its checkout is; one that is kept apart has its own name.
        try FileManager.default.createDirectory(
            atPath: root + "/.git/modules/inner", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: root + "/library", withIntermediateDirectories: true)
        try write("ref: refs/heads/main\n", "repository/.git/modules/inner/HEAD")
        try write("[core]\n\tworktree = ../../../library\n", "repository/.git/modules/inner/config")
        try write("gitdir: ../.git/modules/inner\n", "repository/library/.git")
        #expect(GitCheckout(containing: root + "/library")?.project == "library")
        for directory in ["", "a", "/"] { #expect(GitCheckout(containing: directory) == nil, "\(directory)") }
    }

    @Test("A store is opened in the same directory for whatever use, and ~ means HOME")
    func directories() async throws {
        let environment = settings.environment
        #expect(environment.directory("~/a") == scratch.path + "/a")
        #expect(environment.directory("~") == scratch.path)
        #expect(environment.directory("/~/a") == "/~/a")
        #expect(environment.directory(nil) == environment.dataDirectory)
        for use in StoreUse.allCases {
            let store = try environment.store(in: environment.directory("~/a"), for: use)
            #expect(store.directory == scratch.path + "/a", "\(use)")
            try await store.close()
        }
        let sealed = Environment(["HOME": scratch.path, "ENCRYPTION_KEY": "no key"])
        for use in StoreUse.allCases where use != .keyless {
            #expect(throws: (any Error).self, "\(use)") { try sealed.store(in: scratch.path, for: use) }
        }
        try await sealed.store(in: scratch.path, for: .keyless).close()
    }

    @Test("A service without a model or an address is refused with the flag that is missing")
    func refusals() {
        var settings = settings
        settings.embedder = .openai
        settings.data = scratch.path + "/d"
        var error = #expect(throws: SettingsError.self) { try House(settings) }
        #expect(error?.message.contains("--embedding-model") == true)
        settings.embeddingModel = "m"
        error = #expect(throws: SettingsError.self) { try House(settings) }
        #expect(error?.message.contains("--embedding-url") == true)
    }

    @Test("A house opens nothing before it is asked, and finds again what it stored")
    func house() async throws {
        var settings = settings
        settings.data = "~/d"
        let house = try House(settings)
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/d"))
        #expect(try await !house.hasMemories)
        let stored = try await house.memory.callStore(
            arguments: ["items": [["kind": "observation", "content": "The export is slow."]]], context: CallContext())
        #expect(stored["summary"]?["stored"] == 1)
        #expect(try await house.hasMemories)
        try await house.close()
        #expect(FileManager.default.fileExists(atPath: scratch.path + "/d"))
        let again = try House(settings)
        let found = try await again.memory.callFind(arguments: ["query": "slow export"], context: CallContext())
        #expect(found["items"]?.arrayValue?.count == 1)
        try await again.close()
    }
}

@Suite("What the doctor checks")
struct HealthCheckTests {
    private let scratch = ScratchDirectory()

    private func checks(_ change: (inout HouseSettings) throws -> Void = { _ in }) async throws -> [HealthCheck] {
        try FileManager.default.createDirectory(atPath: scratch.path, withIntermediateDirectories: true)
        var settings = HouseSettings(environment: Environment(["HOME": scratch.path]))
        settings.embedder = .none
        settings.data = scratch.path + "/d"
        try change(&settings)
        return await HealthCheck.all(settings)
    }

    @Test("A machine on which all is well passes, has no remedy to offer, and nothing is left behind")
    func well() async throws {
        let checks = try await checks()
        #expect(checks.map(\.name) == ["sqlite", "blas", "data", "space", "model", "collections"])
        for check in checks where check.name != "space" {
            #expect(check.status == .pass && check.remedy == nil, "\(check)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
    }

    @Test("A file in the place of the data directory, a damaged collection and a setting that cannot be are failures")
    func ill() async throws {
        let file = try await checks { settings in
            try Data().write(to: URL(fileURLWithPath: scratch.path + "/file"))
            settings.data = scratch.path + "/file"
        }
        #expect(file.contains { $0.name == "settings" && $0.status == .fail && $0.remedy != nil })
        let unknown = try await checks { $0.embedder = .openai }
        #expect(unknown.last?.name == "settings" && unknown.last?.message.contains("--embedding-model") == true)
        let damaged = try await checks { settings in
            try FileManager.default.createDirectory(atPath: scratch.path + "/d", withIntermediateDirectories: true)
            try Data("no database".utf8).write(
                to: URL(fileURLWithPath: scratch.path + "/d/memories.collection.sqlite"))
        }
        #expect(damaged.contains { $0.name == "collection memories" && $0.status == .fail })
    }
}
