import ArgumentParser
import Foundation
import JSON
import Memory
import Operations

/// `cortex find`: what the memory knows about a question.
struct FindCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find", abstract: "Find memories by meaning and by words.",
        discussion: """
            Each memory is shown with its relevance, kind, project, age and file. Exit code 0 when something is found, \
            3 when nothing was, or nothing that is close to the question.
            """)

    @OptionGroup var house: HouseOptions

    @ArgumentParser.Argument(help: "What to look for.")
    var query: [String]

    @Option(help: "Items to show, 1 to 100.")
    var limit = 10

    @Option(
        help: "fast (words), auto (words and meaning) or deep (wider).", completion: .list(Shown.modes))
    var mode = "auto"

    @OptionGroup var kinds: KindOptions

    @Option(
        name: .customLong("tag"), help: ArgumentHelp("With this tag; may be given several times.", valueName: "tag"))
    var tags: [String] = []

    @Flag(help: "Only memories of the project you are in.")
    var here = false

    @Option(name: .customLong("as-of"), help: ArgumentHelp("What was known then: ISO 8601.", valueName: "moment"))
    var moment: String?

    @Flag(help: "Print the result as the memory_find tool gives it.")
    var json = false

    private static let shownCharacters: Int64 = 100_000
    /// Lines of a text that are shown.
    private static let lineLimit = 6

    func run() async throws {
        try await House.visit(house) { house in
            guard try await house.hasMemories else {
                Terminal.note(
                    "nothing found: there are no memories in \(house.directory) yet; begin with: cortex store TEXT")
                throw ExitCode(3)
            }
            var arguments: JSONObject = [
                "query": .string(query.joined(separator: " ")), "limit": .integer(Int64(limit)),
                "search_strategy": .string(mode),
            ]
            if !kinds.kinds.isEmpty { arguments["types"] = .array(kinds.kinds.map { .string($0) }) }
            if !tags.isEmpty { arguments["filters"] = ["tags": .array(tags.map { .string($0) })] }
            let scope = self.house.narrowedScope(here: here)
            if !scope.isEmpty { arguments["scope"] = .object(scope) }
            arguments["as_of"] = moment.map { .string($0) }
            // The tool withholds texts too long for a model; a terminal shows their beginning.
            if !json { arguments["formatting"] = ["max_content_length": .integer(Self.shownCharacters)] }
            let context = CallContext(clientName: "cortex find", defaultScope: house.scope)
            let result = try await house.memory.callFind(arguments: arguments, context: context)
            let items = result["items"]?.arrayValue ?? []
            let nothingClose = result["note"]?.stringValue
            if json {
                print(JSONWriter.text(result))
            } else {
                if let nothingClose, !items.isEmpty { print(nothingClose) }
                let asked = query.joined(separator: " ")
                for item in items { Terminal.show(item, lineLimit: Self.lineLimit, query: asked) }
                if items.isEmpty { sayNothing(result) }
            }
            let meta = result["meta"]
            if meta?["degraded"]?.boolValue == true {
                Terminal.note("degraded: \(meta?["degraded_reason"]?.stringValue ?? "")")
            }
            for note in result["notes"]?.arrayValue ?? [] { Terminal.note(Terminal.safe(note.stringValue ?? "")) }
            if items.isEmpty || nothingClose != nil { throw ExitCode(3) }
        }
    }

    /// That nothing was found, and which projects there are where the scope has nothing.
    private func sayNothing(_ result: JSONValue) {
        Terminal.note("nothing found")
        let projects = (result["projects"]?.arrayValue ?? []).compactMap(\.stringValue)
        if !projects.isEmpty {
            Terminal.note(Terminal.safe("projects with memories: \(projects.joined(separator: ", "))"))
        }
    }
}
