import ArgumentParser
import Files
import Foundation
import JSON
import MCP
import Memory
import Operations

/// `cortex sync`: keeps the memories of a folder as the folder is.
struct SyncCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync", abstract: "Keep the memories of a folder of notes as the folder is.",
        discussion: """
            As `cortex store --from`: a changed section replaces the former one, which is kept as a version, a section \
            or file that is gone is retired, and a second run on an unchanged folder stores nothing. Files that git \
            ignores, binary files, node_modules and the like are passed over and named. With --watch it follows the \
            folder until it is interrupted. Exit code 4 when something was refused.
            """)

    @OptionGroup var house: HouseOptions

    @ArgumentParser.Argument(help: "A folder or a file.", completion: .file())
    var path: String = "."

    @Option(name: .customLong("tag"), help: ArgumentHelp("A tag; may be given several times.", valueName: "tag"))
    var tags: [String] = []

    @Flag(help: "Follow the folder: take each change soon after it is made.")
    var watch = false

    @Option(help: ArgumentHelp("With --watch: seconds between two looks.", valueName: "n"))
    var interval: Int = 2

    @Flag(help: "Print one JSON object; with --watch one for each change.")
    var json = false

    func validate() throws {
        guard (1...3_600).contains(interval) else { throw ValidationError("--interval is 1 to 3600") }
    }

    func run() async throws {
        let run = DocumentRun(path: path, kind: "observation", splitsLines: false, tags: tags, ttl: nil)
        var state = FolderState(run)
        let first = try read(run)
        try await House.visit(house) { house in
            let report = try await run.run(first, in: house, client: "cortex sync")
            try await house.index()
            say(report)
            guard watch else {
                if !report.isWhole { throw ExitCode(4) }
                return
            }
            Terminal.note("following \(path); Ctrl-C ends it")
            try ShutdownSignals.listen {
                Terminal.note("ended; everything that was said to be stored is kept")
                Foundation.exit(0)
            }
            while true {
                try await Task.sleep(for: .seconds(interval))
                guard state.hasChanged() else { continue }
                let report = try await run.run(try read(run), in: house, client: "cortex sync", showsProgress: false)
                if report.changesSomething || !report.isWhole { say(report) }
            }
        }
    }

    private func say(_ report: DocumentRun.Report) {
        if json { print(JSONWriter.text(.object(report.json))) } else { report.show() }
        TerminalFacts.flush()
    }

    private func read(_ run: DocumentRun) throws -> TextSource {
        do throws(MemoryError) {
            return try run.source()
        } catch {
            throw ValidationError(error.message)
        }
    }
}

/// Names, sizes and times of the files below a folder: cheap to compare with what they were.
private struct FolderState {
    private let path: String
    private var facts: [String: FileFacts] = [:]

    init(_ run: DocumentRun) {
        path = URL(fileURLWithPath: Environment.current.absolute(run.path)).standardizedFileURL.path
        facts = Self.facts(path)
    }

    mutating func hasChanged() -> Bool {
        let now = Self.facts(path)
        defer { facts = now }
        return now != facts
    }

    private static func facts(_ path: String) -> [String: FileFacts] {
        let names: [String]
        // A folder that cannot be read looks empty, and the run that follows says why.
        if let walk = try? FolderWalk(path, suffixes: TextSource.suffixes) {
            names = walk.files
        } else {
            names = [""]
        }
        var facts: [String: FileFacts] = [:]
        for name in names {
            // What is gone meanwhile is not there.
            facts[name] = try? FileFacts(name.isEmpty ? path : path + "/" + name)
        }
        return facts
    }
}
