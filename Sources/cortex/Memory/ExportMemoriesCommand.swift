import ArgumentParser
import Foundation
import JSON
import Memory
import Operations

/// `cortex export`: every memory with its former versions, as JSON lines or as Markdown files.
struct ExportMemoriesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memories", abstract: "Write all memories as JSON lines, or as Markdown files.",
        discussion: "The lines can be imported again, here or into another store: ids, dates and versions are kept.")

    @OptionGroup var house: HouseOptions

    @Option(help: ArgumentHelp("Write the lines here instead of to stdout.", valueName: "file"))
    var out: String?

    @Option(help: ArgumentHelp("Write a Markdown file for each memory into this folder instead.", valueName: "dir"))
    var markdown: String?

    @Option(
        name: .customLong("type"), help: ArgumentHelp("Only this kind; may be given several times.", valueName: "kind"))
    var types: [String] = []

    func run() async throws {
        try await House.visit(house) { house in
            guard try await house.hasMemories else { return Terminal.note("0 exported") }
            let sink = try open()
            var cursor: JSONValue?
            var count = 0
            var degradedReason: String?
            repeat {
                var arguments: JSONObject = ["operation": "export", "limit": 500]
                arguments["cursor"] = cursor
                if !types.isEmpty { arguments["types"] = .array(types.map { .string($0) }) }
                let page = try await house.memory.callStatus(arguments: arguments, context: CallContext())
                for item in page["items"]?.arrayValue ?? [] {
                    try sink.write(item)
                    count += 1
                }
                cursor = page["next_cursor"]
                degradedReason = page["degraded_reason"]?.stringValue ?? degradedReason
            } while cursor != nil
            try sink.close()
            Terminal.note("\(count) exported")
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
