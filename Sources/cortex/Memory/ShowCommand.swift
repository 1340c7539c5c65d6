import ArgumentParser
import Files
import Foundation
import JSON
import Memory
import Operations
import VectorEngine

/// `cortex show`: whole memories by id.
struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show whole memories by id.",
        discussion:
            """
            An id is given as find and list print it, with or without memory://. --as-of shows what was known then; \
            with it, or with --versions, a section that has left its file is shown too. Exit code 1 when there is none.
            """)

    @OptionGroup var house: HouseOptions

    @ArgumentParser.Argument(help: "Ids of memories.")
    var ids: [String]

    @Flag(help: "Also show former versions.")
    var versions = false

    @Option(name: .customLong("as-of"), help: ArgumentHelp("What was known then: ISO 8601.", valueName: "moment"))
    var moment: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        try await House.visit(house) { house in
            try await house.needMemories()
            var arguments: JSONObject = ["versions": .bool(versions)]
            arguments["as_of"] = moment.map { .string($0) }
            let answer = try await ReadMemories(ids.map(MemoryID.read), arguments, in: house)
            if json {
                var members: JSONObject = ["items": .array(answer.items)]
                if !answer.missing.isEmpty { members["missing"] = .array(answer.missing.map { .string($0) }) }
                print(JSONWriter.text(.object(members)))
            } else {
                for item in answer.items { Self.show(item) }
            }
            answer.sayRemarks()
            if !answer.missing.isEmpty { throw ExitCode(1) }
        }
    }

    private static func show(_ item: JSONValue) {
        Terminal.show(item, lineLimit: .max)
        func row(_ name: String, _ value: JSONValue?) {
            guard let value, value != [:], value != [] else { return }
            let text = value.stringValue ?? JSONWriter.text(value)
            print("  \(Terminal.dim(name + ":")) \(Terminal.safe(text))")
        }
        var data = item["data"]?.objectValue ?? [:]
        // The text above is one of these already.
        for name in ["body_md", "body_text"] where item["content"] == nil { data[name] = nil }
        for (name, value) in data { row(name, value) }
        for name in [
            "scope", "tags", "metadata", "source", "created_at", "updated_at", "expires_at", "version", "retired_at",
        ] { row(name, item[name]) }
        for version in item["versions"]?.arrayValue ?? [] {
            print(
                Terminal.bold("  version \(version["version"]?.integerValue ?? 0)"),
                Terminal.dim("until \(version["valid_until"]?.stringValue ?? "")"))
            for line in ShownMemory(version, now: WallClock.microseconds(), folder: "").lines(width: nil, limit: .max) {
                print("    \(Terminal.safe(line))")
            }
        }
    }
}

/// `cortex versions`: what a memory said before, and what earlier releases lost.
struct VersionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "versions", abstract: "Show the former versions of a memory.",
        discussion: """
            `cortex edit ID --restore N` brings a version back. Of a section that has left its file the versions are \
            left. With --lost it lists the texts that earlier releases \
            replaced by near copies and that no memory has now; with --bring-back they are stored again. A text whose \
            words were all contained in the older one was never stored and cannot be listed. Exit code 3 when there is \
            nothing.
            """)

    @OptionGroup var house: HouseOptions

    @ArgumentParser.Argument(help: "The id of a memory.")
    var id: String?

    @Flag(help: "List what near-copy merging of earlier releases replaced.")
    var lost = false

    @Flag(help: "With --lost: store these texts again, as memories of their own.")
    var bringBack = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard (id != nil) != lost else { throw ValidationError("give the id of a memory, or --lost") }
        if bringBack, !lost { throw ValidationError("--bring-back goes with --lost") }
    }

    func run() async throws {
        try await House.visit(house) { house in
            try await house.needMemories()
            if let id { try await show(id, house) } else { try await showLost(house) }
        }
    }

    private func show(_ id: String, _ house: House) async throws {
        let id = try MemoryID.read(id)
        let answer = try await ReadMemories([id], ["versions": true], in: house)
        let versions = answer.items.first?["versions"]?.arrayValue ?? []
        if json {
            print(JSONWriter.text(["id": .string(id.description), "versions": .array(versions)]))
        } else {
            for version in versions {
                print(
                    Terminal.bold("version \(version["version"]?.integerValue ?? 0)"),
                    Terminal.dim(
                        "\(version["valid_from"]?.stringValue ?? "") until \(version["valid_until"]?.stringValue ?? "")"
                    ))
                let shown = ShownMemory(version, now: WallClock.microseconds(), folder: "")
                for line in shown.lines(width: Terminal.width, limit: .max) { print("  \(Terminal.safe(line))") }
            }
        }
        answer.sayRemarks()
        if versions.isEmpty {
            if answer.missing.isEmpty { Terminal.note("there is no former version of \(id)") }
            throw ExitCode(3)
        }
    }

    private func showLost(_ house: House) async throws {
        let lost = try await house.memory.lostTexts()
        var facts: JSONObject = ["lost": .array(lost.map { .object($0.json) })]
        if !json {
            for text in lost {
                print(
                    Terminal.bold("\(text.kind.rawValue)"),
                    Terminal.dim("version \(text.version) of memory://\(text.memory)"))
                print("  \(Terminal.safe(text.text))")
            }
        }
        if lost.isEmpty {
            if json { print(JSONWriter.text(.object(facts))) }
            Terminal.note("nothing is lost")
            throw ExitCode(3)
        }
        if bringBack {
            let stored = try await house.memory.bringBack(
                lost, context: CallContext(clientName: "cortex versions", defaultScope: house.scope))
            let count = stored.count { $0.status == .stored }
            facts["stored"] = .integer(Int64(count))
            if !json { print("\(count) stored again") }
        }
        if json { print(JSONWriter.text(.object(facts))) }
    }
}

extension House {
    /// - Throws: a failure that says how to begin, where nothing was stored yet.
    func needMemories() async throws {
        guard try await hasMemories else {
            throw CommandFailure(
                code: "E2000", message: "there are no memories in \(directory) yet; begin with: cortex store TEXT")
        }
    }
}

/// Memories by id, as `memory_get` answers them, however many.
struct ReadMemories {
    /// What the tool takes at most.
    private static let idsAtOnce = 50

    private(set) var items: [JSONValue] = []
    /// Ids that no memory has.
    private(set) var missing: [String] = []
    private var remarks: [String] = []

    init(_ ids: [UUIDBytes], _ arguments: JSONObject, in house: House) async throws {
        let context = CallContext(clientName: "cortex show", defaultScope: house.scope)
        for start in stride(from: 0, to: ids.count, by: Self.idsAtOnce) {
            let some = ids[start..<min(ids.count, start + Self.idsAtOnce)].map(\.description)
            var arguments = arguments
            arguments["ids"] = .array(some.map { .string($0) })
            do throws(MemoryError) {
                let page = try await house.memory.callGet(arguments: arguments, context: context)
                items += page["items"]?.arrayValue ?? []
                missing += (page["missing"]?.arrayValue ?? []).compactMap(\.stringValue)
                remarks += (page["notes"]?.arrayValue ?? []).compactMap(\.stringValue)
                if let reason = page["degraded_reason"]?.stringValue { remarks.append("degraded: \(reason)") }
            } catch {
                guard error.code == .notFound else { throw error }
                missing += some
                if some.count == 1 { remarks.append(error.message) }
            }
        }
    }

    func sayRemarks() {
        for id in missing { Terminal.note("there is no memory \(id); cortex list shows those there are") }
        for remark in remarks { Terminal.note(Terminal.safe(remark)) }
    }
}

/// An id as people copy it.
enum MemoryID {
    /// - Throws: what an id is, where this is none.
    static func read(_ text: String) throws -> UUIDBytes {
        let bare = text.hasPrefix(MemoryResources.scheme) ? String(text.dropFirst(MemoryResources.scheme.count)) : text
        guard let id = UUIDBytes(bare) else {
            throw ValidationError("\(text) is no id of a memory; find and list print them: memory://…")
        }
        return id
    }
}
