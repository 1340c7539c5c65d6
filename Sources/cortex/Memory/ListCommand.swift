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

    func run() async throws {
        var query = narrowing.query(house)
        guard let order = ListQuery.Order(rawValue: order) else {
            throw ValidationError("--order is newest, oldest or updated")
        }
        query.order = order
        query.limit = limit
        query.offset = offset
        try await MemoryList.show(house, query, json: json)
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

    func run() async throws {
        var query = narrowing.query(house)
        query.order = .updated
        query.limit = limit
        try await MemoryList.show(house, query, json: json)
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

    func query(_ house: HouseOptions) -> ListQuery {
        var query = ListQuery()
        query.project = house.project ?? (here ? house.settings.scope.values["project"] : nil)
        query.kinds = kinds.kinds
        query.tags = tags
        query.status = status
        query.session = session
        return query
    }
}

/// One page of memories, as it is shown.
enum MemoryList {
    /// Lines of a text that a list shows.
    private static let lineLimit = 3

    static func show(_ options: HouseOptions, _ query: ListQuery, json: Bool) async throws {
        try await House.visit(options) { house in
            guard try await house.hasMemories else {
                if json { print(JSONWriter.text(["items": [], "total": 0])) }
                Terminal.note("there are no memories in \(house.directory) yet; begin with: cortex store TEXT")
                throw ExitCode(3)
            }
            let (items, total) = try await house.memory.listed(query)
            if json {
                print(
                    JSONWriter.text([
                        "items": .array(items.map { .object($0) }), "total": .integer(Int64(total)),
                    ]))
            } else {
                for item in items { Terminal.show(.object(item), lineLimit: lineLimit) }
                let end = query.offset + items.count
                if end < total, !items.isEmpty { Terminal.note("\(end) of \(total); more: --offset \(end)") }
            }
            if items.isEmpty {
                if let project = query.project { try await sayProjects(house, project) }
                Terminal.note("nothing matches")
                throw ExitCode(3)
            }
        }
    }

    /// A name that matches nothing is often one that is spelled in another way.
    private static func sayProjects(_ house: House, _ project: String) async throws {
        let names = try await house.memory.projects().map(\.name)
        guard !names.isEmpty, !names.contains(where: { $0.lowercased() == project.lowercased() }) else { return }
        Terminal.note("there is no project \(project); there are: \(names.prefix(20).joined(separator: ", "))")
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
            var names: [(name: String, count: Int)] = []
            if try await house.hasMemories {
                names =
                    what == "projects"
                    ? try await house.memory.projects().map { ($0.name, $0.count) }
                    : try await house.memory.tagCounts(project: options.project)
            }
            if json {
                let rows = names.map {
                    JSONValue.object(["name": .string($0.name), "count": .integer(Int64($0.count))])
                }
                print(JSONWriter.text([what: .array(rows), "total": .integer(Int64(names.count))]))
            } else {
                for (name, count) in names {
                    let digits = String(count)
                    print(
                        String(repeating: " ", count: max(0, 7 - digits.count)) + digits + "  "
                            + Terminal.safe(name))
                }
            }
            if names.isEmpty {
                Terminal.note("there are no \(what)")
                throw ExitCode(3)
            }
        }
    }
}
