import ArgumentParser
import Foundation
import JSON
import Memory
import Operations

/// `cortex store`: texts, files and folders into the memory.
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Store a text, a file or a folder of Markdown and text.",
        discussion: """
            Without a text and without --from the text is read from stdin. Exact copies in one scope are kept once, so \
            a store can be repeated. With --from, Markdown is stored by headings, a text file whole, and a .jsonl file \
            holds one memory item a line. Files own the memories of their sections: stored again, a changed section \
            replaces the former one, which is kept as a version, and a section or file that is gone is retired. \
            Exit code 4 when an item was refused.
            """)

    @OptionGroup var house: HouseOptions

    @ArgumentParser.Argument(help: "The text.")
    var text: [String] = []

    @Option(help: ArgumentHelp("A file or a folder.", valueName: "path"), completion: .file())
    var from: String?

    @OptionGroup var item: ItemOptions

    @Flag(help: "Each line of a text is a memory.")
    var lines = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if from != nil, !text.isEmpty { throw ValidationError("give a text or --from, not both") }
    }

    func run() async throws {
        if let from { return try await store(from) }
        let items = try read()
        guard !items.isEmpty else { throw ValidationError("there is no text to store") }
        try await House.visit(house) { house in
            var outcome = StoreOutcome()
            var bar = ProgressBar("storing")
            let interruption = try Interruption(total: items.count, verb: "stored")
            let context = CallContext(clientName: "cortex store", defaultScope: house.scope)
            for start in stride(from: 0, to: items.count, by: ItemDressing.batchSize) {
                let end = min(items.count, start + ItemDressing.batchSize)
                try await house.memory.storeReadable(
                    Array(items[start..<end]), context, places: Array(start..<end), &outcome)
                bar.show(end, of: items.count)
                interruption.advance(to: end)
            }
            bar.finish()
            try await house.index()
            if json {
                print(JSONWriter.text(.object(outcome.json)))
            } else {
                show(outcome)
            }
            if !outcome.isWhole { throw ExitCode(4) }
        }
    }

    private func show(_ outcome: StoreOutcome) {
        for line in outcome.lines { print(line.hasPrefix("memory://") ? Terminal.dim(line) : line) }
        // What is not stored is named in full, however much there is.
        for line in outcome.refused { Terminal.note(Terminal.safe(line)) }
        DocumentRun.Report.note(outcome.remarks.map(Terminal.safe))
    }

    private func store(_ path: String) async throws {
        let run = DocumentRun(path: path, kind: item.kind, splitsLines: lines, tags: item.tags, ttl: item.ttl)
        let source: TextSource
        do throws(MemoryError) {
            source = try run.source()
        } catch {
            throw ValidationError(error.message)
        }
        try await House.visit(house) { house in
            let interruption = try Interruption(total: source.count, verb: "taken")
            let report = try await run.run(source, in: house, client: "cortex store") { done, total in
                interruption.advance(to: done, of: total)
            }
            try await house.index()
            if json { print(JSONWriter.text(.object(report.json))) } else { report.show() }
            if !report.isWhole { throw ExitCode(4) }
        }
    }

    private func read() throws -> [JSONValue] {
        var content = text.joined(separator: " ")
        if text.isEmpty || text == ["-"] {
            do throws(MemoryError) {
                content = try TextFile.text(
                    of: Array(FileHandle.standardInput.readDataToEndOfFile()), named: "the text on stdin")
            } catch {
                throw ValidationError(error.message)
            }
        }
        let dressing = ItemDressing(kind: item.kind, tags: item.tags, ttl: item.ttl)
        let texts =
            lines ? TextSource.lines(content).map(\.text) : [content.trimmingCharacters(in: .whitespacesAndNewlines)]
        return texts.filter { !$0.isEmpty }.map { dressing.dressed(["content": .string($0)]) }
    }
}
