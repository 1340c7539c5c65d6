import ArgumentParser
import Foundation
import JSON
import Memory
import Operations

/// `cortex import`: what `cortex export` wrote, the official knowledge-graph server's file, or Markdown with front
/// matter.
struct ImportMemoriesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memories",
        abstract: "Take memories from an export, a knowledge graph's JSONL, or Markdown files.",
        discussion: """
            JSON lines of `cortex export` keep their ids, dates and versions: importing twice changes nothing, and \
            `cortex export --data A | cortex import --data B -` merges two stores. Lines of the knowledge-graph memory \
            server (entities with observations, and relations) and Markdown become new memories.
            """)

    @OptionGroup var house: HouseOptions

    @ArgumentParser.Argument(help: "A JSONL file, a Markdown file or a folder of them; - reads lines from stdin.")
    var path: String

    @Flag(help: "Print one JSON object.")
    var json = false

    private static let batch = 100

    func run() async throws {
        let source = try read()
        try await House.visit(house) { house in
            var total = ImportResult()
            for start in stride(from: 0, to: source.exported.count, by: Self.batch) {
                let rows = source.exported[start..<min(source.exported.count, start + Self.batch)]
                let result = try await house.memory.importItems(Array(rows))
                total.added += result.added
                total.updated += result.updated
                total.unchanged += result.unchanged
                total.versions += result.versions
            }
            for start in stride(from: 0, to: source.new.count, by: Self.batch) {
                let items = source.new[start..<min(source.new.count, start + Self.batch)]
                let result = try await house.memory.callStore(
                    arguments: ["items": .array(Array(items))],
                    context: CallContext(clientName: "cortex import", defaultScope: house.scope))
                for item in result["items"]?.arrayValue ?? [] {
                    switch item["status"]?.stringValue {
                    case "stored": total.added += 1
                    case "updated", "merged": total.updated += 1
                    case "skipped_dedupe": total.unchanged += 1
                    default:
                        let message = item["error"]?["message"]?.stringValue ?? "was refused"
                        Terminal.note("an item \(message)")
                    }
                }
            }
            show(total)
        }
    }

    private func read() throws -> ImportSource {
        do {
            guard path == "-" else { return try ImportSource(path) }
            return try ImportSource(lines: FileHandle.standardInput.readDataToEndOfFile(), named: "stdin")
        } catch let error as MemoryError {
            throw ValidationError(error.message)
        }
    }

    private func show(_ total: ImportResult) {
        if json {
            print(
                JSONWriter.text([
                    "added": .integer(Int64(total.added)), "updated": .integer(Int64(total.updated)),
                    "unchanged": .integer(Int64(total.unchanged)), "versions": .integer(Int64(total.versions)),
                ]))
        } else {
            print(
                "\(total.added) added, \(total.updated) updated, \(total.unchanged) unchanged, "
                    + "\(total.versions) former versions")
        }
    }
}
