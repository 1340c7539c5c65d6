import ArgumentParser
import Foundation
import JSON
import Memory
import Operations

/// `cortex list`: memories by date.
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List memories by date, the newest first.",
        discussion: """
            --project, --kind, --tag, --status and --session narrow the list. Exit code 3 when there is nothing.
            """)

    @OptionGroup var house: HouseOptions
    @OptionGroup var narrowing: ListOptions

    @Option(help: "newest, oldest or updated.", completion: .list(["newest", "oldest", "updated"]))
    var order = "newest"

    @Option(help: "Memories to show, 1 to 100.")
    var limit = 20

    @Option(help: "Memories to pass over, 0 to 10000.")
    var offset = 0

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        try MemoryList.check(limit: limit)
        guard ["newest", "oldest", "updated"].contains(order) else {
            throw ValidationError("--order is newest, oldest or updated")
        }
        guard (0...10_000).contains(offset) else {
            throw ValidationError("--offset is 0 to 10000; narrow a longer list, or write all of it: cortex export")
        }
    }

    func run() async throws {
        try await MemoryList.show(house, narrowing.arguments(house, order: order), limit, from: offset, json: json)
    }
}

/// `cortex recent`: what was stored or changed last.
struct RecentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recent", abstract: "Show what was stored or changed last.",
        discussion: "Exit code 3 when there is nothing.")

    @OptionGroup var house: HouseOptions
    @OptionGroup var narrowing: ListOptions

    @Option(help: "Memories to show, 1 to 100.")
    var limit = 10

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws { try MemoryList.check(limit: limit) }

    func run() async throws {
        try await MemoryList.show(house, narrowing.arguments(house, order: "updated"), limit, json: json)
    }
}

/// Which memories a list has.
struct ListOptions: ParsableArguments {
    @OptionGroup var kinds: KindOptions

    @Option(
        name: .customLong("tag"), help: ArgumentHelp("With this tag; may be given several times.", valueName: "tag"))
    var tags: [String] = []

    @Option(help: "With this status, such as pending or accepted.")
    var status: String?

    @Option(help: "Of this conversation.")
    var session: String?

    @Flag(help: "Only memories of the project you are in.")
    var here = false

    /// The arguments of `memory_list`.
    func arguments(_ house: HouseOptions, order: String) -> JSONObject {
        var arguments: JSONObject = ["order": .string(order)]
        arguments["project"] = house.narrowedScope(here: here)["project"]
        if !kinds.kinds.isEmpty { arguments["kinds"] = .array(kinds.kinds.map { .string($0) }) }
        if !tags.isEmpty { arguments["tags"] = .array(tags.map { .string($0) }) }
        arguments["status"] = status.map { .string($0) }
        arguments["session"] = session.map { .string($0) }
        return arguments
    }
}

/// One page of memories, as it is shown.
enum MemoryList {
    /// Lines of a text that a list shows.
    private static let lineLimit = 3

    static func check(limit: Int) throws {
        guard (1...100).contains(limit) else { throw ValidationError("--limit is 1 to 100") }
    }

    static func show(
        _ options: HouseOptions, _ arguments: JSONObject, _ limit: Int, from offset: Int = 0, json: Bool
    ) async throws {
        try await House.visit(options) { house in
            guard try await house.hasMemories else {
                if json { print(JSONWriter.text(["items": [], "total": 0])) }
                Terminal.note("there are no memories in \(house.directory) yet; begin with: cortex store TEXT")
                throw ExitCode(3)
            }
            var pages = MemoryPages(house, arguments)
            if offset > 0 { _ = try await pages.next(offset) }
            let items = try await pages.next(limit)
            if json {
                print(JSONWriter.text(["items": .array(items), "total": .integer(Int64(pages.total))]))
            } else {
                for item in items { Terminal.show(item, lineLimit: lineLimit) }
                let end = offset + items.count
                if end < pages.total, !items.isEmpty {
                    Terminal.note("\(end) of \(pages.total); more: --offset \(end)")
                }
            }
            for remark in pages.remarks { Terminal.note(Terminal.safe(remark)) }
            if items.isEmpty {
                if let project = options.project { try await sayProjects(house, project) }
                Terminal.note("nothing matches")
                throw ExitCode(3)
            }
        }
    }

    /// Projects that are named where one has no memories.
    private static let namedProjects = 20

    /// A name that matches nothing is often one that is spelled in another way.
    private static func sayProjects(_ house: House, _ project: String) async throws {
        var pages = MemoryPages(house, ["what": "projects"])
        let names = try await pages.next(namedProjects, of: "projects").compactMap { $0["name"]?.stringValue }
        guard !names.isEmpty, !names.contains(where: { $0.lowercased() == project.lowercased() }) else { return }
        Terminal.note(Terminal.safe("there is no project \(project); there are: \(names.joined(separator: ", "))"))
    }
}

/// `cortex projects` and `cortex tags`: names with their counts.
struct ProjectsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "projects", abstract: "List the projects that have memories, with their counts.",
        discussion: "Exit code 3 when there is none.")

    @OptionGroup var house: HouseOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws { try await NameList.show(house, "projects", json: json) }
}

struct TagsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tags", abstract: "List the tags of memories, with their counts.",
        discussion: "With --project those of one project. Exit code 3 when there is none.")

    @OptionGroup var house: HouseOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws { try await NameList.show(house, "tags", json: json) }
}

/// Names with their counts, as they are shown.
enum NameList {
    static func show(_ options: HouseOptions, _ what: String, json: Bool) async throws {
        try await House.visit(options) { house in
            var rows: [JSONValue] = []
            if try await house.hasMemories {
                var arguments: JSONObject = ["what": .string(what)]
                arguments["project"] = options.project.map { .string($0) }
                var pages = MemoryPages(house, arguments)
                rows = try await pages.next(of: what)
            }
            if json {
                print(JSONWriter.text([what: .array(rows), "total": .integer(Int64(rows.count))]))
            } else {
                for row in rows {
                    let digits = String(row["count"]?.integerValue ?? 0)
                    print(
                        String(repeating: " ", count: max(0, 7 - digits.count)) + digits + "  "
                            + Terminal.safe(row["name"]?.stringValue ?? ""))
                }
            }
            if rows.isEmpty {
                Terminal.note("there are no \(what)")
                throw ExitCode(3)
            }
        }
    }
}
