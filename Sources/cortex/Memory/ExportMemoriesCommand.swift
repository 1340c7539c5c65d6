import ArgumentParser
import Foundation
import JSON
import Memory
import Operations

/// `cortex export`: every memory with its former versions, as JSON lines or as Markdown files.
struct ExportMemoriesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memories", abstract: "Write all memories as JSON lines, or as Markdown files.",
        discussion: """
            The lines can be imported again, here or into another store: ids, dates and versions are kept. --project, \
            --branch, --org and --kind say which memories. A Markdown file can be edited and imported again.
            """)

    @OptionGroup var house: HouseOptions

    @Option(help: ArgumentHelp("Write the lines here instead of to stdout.", valueName: "file"))
    var out: String?

    @Option(help: ArgumentHelp("Write a Markdown file for each memory into this folder instead.", valueName: "dir"))
    var markdown: String?

    @OptionGroup var kinds: KindOptions

    func run() async throws {
        try await House.visit(house) { house in
            guard try await house.hasMemories else { return Terminal.note("0 exported") }
            let scope = self.house.narrowedScope()
            let sink = try open()
            var cursor: JSONValue?
            var count = 0
            var degradedReason: String?
            repeat {
                var arguments: JSONObject = ["operation": "export", "limit": 500]
                arguments["cursor"] = cursor
                if !kinds.kinds.isEmpty { arguments["types"] = .array(kinds.kinds.map { .string($0) }) }
                if !scope.isEmpty { arguments["scope"] = .object(scope) }
                let page = try await house.memory.callStatus(arguments: arguments, context: CallContext())
                for item in page["items"]?.arrayValue ?? [] {
                    try sink.write(item)
                    count += 1
                }
                cursor = page["next_cursor"]
                degradedReason = page["degraded_reason"]?.stringValue ?? degradedReason
            } while cursor != nil
            try sink.close()
            let place = self.house.project.map { " of the project \($0)" } ?? ""
            Terminal.note("\(count) exported\(count == 0 && !place.isEmpty ? ": there are no memories\(place)" : "")")
            if let degradedReason { Terminal.note("degraded: \(degradedReason)") }
        }
    }

    private func open() throws -> ExportSink {
        do {
            return try ExportSink(file: out, folder: markdown, output: .standardOutput)
        } catch let error as MemoryError {
            throw ValidationError(error.message)
        }
    }
}
