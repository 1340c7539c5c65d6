import ArgumentParser
import Foundation
import JSON
import Memory
import Operations

/// `cortex import`: what `cortex export` and other memories wrote, and folders of notes.
struct ImportMemoriesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memories",
        abstract: "Take memories from an export, from another memory's export, or from notes.",
        discussion: """
            JSON lines and Markdown files of `cortex export` keep their ids, dates and versions: importing twice \
            changes nothing, `cortex export --data A | cortex import --data B -` merges two stores, and an edited file \
            is an update whose former version is kept. Also read are the knowledge-graph memory server's lines, the \
            JSON exports of mem0, mcp-memory-service and claude-mem, notes of basic-memory, Obsidian vaults and other \
            folders of Markdown. What is good is kept; every bad line is named with its number and reason, and then \
            the exit code is 5.
            """)

    /// When something could not be imported and the rest was.
    static let faultCode: Int32 = 5

    @OptionGroup var house: HouseOptions

    @ArgumentParser.Argument(
        help: "A file or a folder; - reads lines from stdin.", completion: .file())
    var path: String

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let source = try read()
        try await House.visit(house) { house in
            var bar = ProgressBar("importing")
            let interruption = try Interruption(total: source.count, verb: "imported")
            let report = try await house.memory.take(source, scope: house.scope, client: "cortex import") { done, all in
                bar.show(done, of: all)
                interruption.advance(to: done, of: all)
            }
            bar.finish()
            try await house.index()
            show(report, source.skipped)
            if !report.faults.isEmpty { throw ExitCode(Self.faultCode) }
        }
    }

    private func read() throws -> ImportSource {
        do throws(MemoryError) {
            guard path == "-" else { return try ImportSource(Environment.current.absolute(path)) }
            return try ImportSource(lines: FileHandle.standardInput.readDataToEndOfFile(), named: "stdin")
        } catch {
            throw ValidationError(error.message)
        }
    }

    private func show(_ report: ImportReport, _ skipped: [FolderWalk.Skipped]) {
        guard !json else { return print(JSONWriter.text(.object(report.json))) }
        print(
            "\(report.added) added, \(report.updated) updated, \(report.unchanged) unchanged, "
                + "\(report.versions) former versions"
                + (report.faults.isEmpty ? "" : ", \(report.faults.count) could not be imported"))
        DocumentRun.Report.note(skipped.map { "passed over: \($0.path) \($0.reason)" })
        // All of them: each is a memory that is not there.
        for fault in report.faults { Terminal.note(Terminal.safe(fault.text)) }
        if let reason = report.degradedReason { Terminal.note("degraded: \(reason)") }
    }
}
