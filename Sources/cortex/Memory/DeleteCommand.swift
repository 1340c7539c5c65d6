import ArgumentParser
import Foundation
import JSON
import Memory
import Operations
import VectorEngine

/// `cortex delete`: memories by id, or what matches.
struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete memories by id, or what matches; with --erase their bytes too.",
        discussion: """
            Ids are deleted at once, with their former versions; so are the versions of a section that has left its \
            file. --project, --branch, --org, --kind and --tag delete what all of them match: \
            first it says how many, then it asks; in a pipe --yes is needed. --erase also zeroes the bytes in the \
            files and the log, and names the backups that still hold them. Exit code 1 when there is nothing to delete.
            """)

    @OptionGroup var house: HouseOptions

    @ArgumentParser.Argument(help: "Ids of memories.")
    var ids: [String] = []

    @OptionGroup var kinds: KindOptions

    @Option(
        name: .customLong("tag"), help: ArgumentHelp("With this tag; may be given several times.", valueName: "tag"))
    var tags: [String] = []

    @Flag(help: "Also zero the bytes on disk.")
    var erase = false

    @Flag(name: [.customShort("y"), .customLong("yes")], help: "Delete what matches without asking.")
    var isConfirmed = false

    @Flag(help: "Print one JSON object.")
    var json = false

    private var narrows: Bool {
        !kinds.kinds.isEmpty || !tags.isEmpty || !house.narrowedScope().isEmpty
    }

    func validate() throws {
        if ids.isEmpty, !narrows { throw ValidationError("give ids, or --project, --branch, --org, --kind or --tag") }
        if !ids.isEmpty, !kinds.kinds.isEmpty || !tags.isEmpty {
            throw ValidationError("give ids, or --kind and --tag, not both")
        }
    }

    func run() async throws {
        try await House.visit(house) { house in
            try await house.needMemories()
            var wanted = try ids.map(MemoryID.read)
            var missing: [String] = []
            if ids.isEmpty {
                wanted = try await matching(house)
            } else {
                let known = try await house.memory.known(wanted)
                missing = wanted.filter { !known.contains($0) }.map(\.description)
            }
            var result = JSONObject()
            if erase {
                result = try await house.memory.erase(wanted).json
            } else {
                result["deleted"] = .integer(Int64(try await house.memory.delete(wanted)))
            }
            if !missing.isEmpty { result["missing"] = .array(missing.map { .string($0) }) }
            if json { print(JSONWriter.text(.object(result))) } else { show(result) }
            for id in missing { Terminal.note("there is no memory \(id); cortex list shows those there are") }
            if !missing.isEmpty { throw ExitCode(1) }
        }
    }

    /// The ids of what matches, after the person agreed.
    private func matching(_ house: House) async throws -> [UUIDBytes] {
        var arguments = JSONObject()
        arguments["project"] = self.house.project.map { .string($0) }
        if !kinds.kinds.isEmpty { arguments["kinds"] = .array(kinds.kinds.map { .string($0) }) }
        if !tags.isEmpty { arguments["tags"] = .array(tags.map { .string($0) }) }
        // A list is narrowed by the project alone; the rest is compared here.
        var elsewhere = self.house.narrowedScope()
        elsewhere["project"] = nil
        var pages = MemoryPages(house, arguments)
        let wanted = elsewhere
        let found = try await pages.next().filter { item in
            wanted.allSatisfy { name, value in
                guard let stored = item["scope"]?[name]?.stringValue, let named = value.stringValue else {
                    return false
                }
                return stored.hasSameBytes(as: named)
            }
        }
        for remark in pages.remarks { Terminal.note(Terminal.safe(remark)) }
        guard !found.isEmpty else {
            Terminal.note("nothing matches")
            throw ExitCode(1)
        }
        Terminal.note("\(found.count) \(found.count == 1 ? "memory matches" : "memories match")")
        guard isConfirmed || Terminal.confirms("Delete them?", unlessSaid: false) == true else {
            throw ValidationError("nothing was deleted; to delete what matches add --yes")
        }
        return found.compactMap { $0["id"]?.stringValue.flatMap { UUIDBytes($0) } }
    }

    private func show(_ result: JSONObject) {
        print("\(result["deleted"]?.integerValue ?? 0) deleted" + (erase ? ", and their bytes zeroed" : ""))
        Erasure.note(result)
    }
}

/// `cortex compact`: gives back the space of what was deleted, and zeroes its bytes.
struct CompactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Give the space of deleted memories back to the volume, and zero their bytes.",
        discussion: """
            The file is written again without what was deleted. Others may read and write meanwhile, but wait for it. \
            A shipped log of changes ends; the next full backup begins another.
            """)

    @OptionGroup var house: HouseOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        try await House.visit(house) { house in
            try await house.needMemories()
            let result = try await house.memory.compact().json
            if json { return print(JSONWriter.text(.object(result))) }
            print("\((result["freed_bytes"]?.integerValue ?? 0) / 1024) KiB given back")
            Erasure.note(result)
        }
    }
}

/// What an erasure leaves to be known.
private enum Erasure {
    static func note(_ result: JSONObject) {
        for backup in result["backups"]?.arrayValue ?? [] {
            let until = backup["kept_until"]?.stringValue.map { " until \($0)" } ?? ""
            Terminal.note("the backup \(backup["name"]?.stringValue ?? "") still holds it\(until)")
        }
        if result["ended_log"]?.boolValue == true {
            Terminal.note("the shipped log of changes ended here; begin another: cortex backup create")
        }
        if result["incomplete"]?.boolValue == true {
            Terminal.note(
                "another cortex process is still reading the old pages; end it, and run: cortex compact")
        }
    }
}
