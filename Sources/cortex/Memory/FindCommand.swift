import ArgumentParser
import Foundation
import JSON
import Memory
import Operations

/// `cortex find`: what the memory knows about a question.
struct FindCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find", abstract: "Find memories by meaning and by words.",
        discussion: "Exit code 0 when something was found, 3 when nothing was.")

    @OptionGroup var house: HouseOptions

    @ArgumentParser.Argument(help: "What to look for.")
    var query: [String]

    @Option(help: "Items to show, 1 to 100.")
    var limit = 10

    @Option(help: "fast (words), auto (words and meaning) or deep (wider).")
    var mode = "auto"

    @Option(
        name: .customLong("type"), help: ArgumentHelp("Only this kind; may be given several times.", valueName: "kind"))
    var types: [String] = []

    @Flag(help: "Only memories of the project and branch you stand in (or name).")
    var here = false

    @Flag(help: "Print the result as the memory_find tool gives it.")
    var json = false

    private static let shownCharacters: Int64 = 100_000

    func run() async throws {
        try await House.visit(house) { house in
            guard try await house.hasMemories else {
                Terminal.note("nothing found: there are no memories in \(house.directory) yet")
                throw ExitCode(3)
            }
            var arguments: JSONObject = [
                "query": .string(query.joined(separator: " ")), "limit": .integer(Int64(limit)),
                "search_strategy": .string(mode),
            ]
            if !types.isEmpty { arguments["types"] = .array(types.map { .string($0) }) }
            if here || self.house.project != nil || self.house.org != nil || self.house.branch != nil {
                arguments["scope"] = .object(house.scope.json)
            }
            // The tool withholds texts too long for a model; a terminal shows their beginning.
            if !json { arguments["formatting"] = ["max_content_length": .integer(Self.shownCharacters)] }
            let context = CallContext(clientName: "cortex find", defaultScope: house.scope)
            let result = try await house.memory.callFind(arguments: arguments, context: context)
            let items = result["items"]?.arrayValue ?? []
            if json { print(JSONWriter.text(result)) } else { show(items) }
            let meta = result["meta"]
            if meta?["degraded"]?.boolValue == true {
                Terminal.note("degraded: \(meta?["degraded_reason"]?.stringValue ?? "")")
            }
            if items.isEmpty { throw ExitCode(3) }
        }
    }

    private func show(_ items: [JSONValue]) {
        for item in items {
            let score = String(format: "%.2f", item["score"]?.doubleValue ?? 0)
            let kind = item["kind"]?.stringValue ?? ""
            let facts = [item["match_type"]?.stringValue, item["created_at"]?.stringValue].compactMap { $0 }
            print(Terminal.bold("\(score)  \(kind)"), Terminal.dim(facts.joined(separator: " · ")))
            let text = item["content"]?.stringValue ?? item["data"].map { JSONWriter.text($0) } ?? ""
            for line in Terminal.safe(text).split(separator: "\n", omittingEmptySubsequences: false).prefix(6) {
                print("      \(line.prefix(160))")
            }
            print(Terminal.dim("      memory://\(item["id"]?.stringValue ?? "")"))
        }
        if items.isEmpty { Terminal.note("nothing found") }
    }
}
