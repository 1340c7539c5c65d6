import ArgumentParser
import Bench
import Foundation
import Logging
import Operations

/// The command line: each command is a type in a file of its own, listed here.
@main
struct Cortex: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cortex",
        abstract: "A memory for AI agents and a vector store, in one binary.",
        version: BuildFacts.version,
        subcommands: [
            QuickstartCommand.self, MCPCommand.self, ServeCommand.self, StoreCommand.self, FindCommand.self,
            ListCommand.self, RecentCommand.self, ShowCommand.self, EditCommand.self, DeleteCommand.self,
            VersionsCommand.self, ProjectsCommand.self, TagsCommand.self, CompactCommand.self,
            SyncCommand.self, ConnectCommand.self, HookCommand.self,
            StatusCommand.self, ImportCommand.self, ExportCommand.self, BackupCommand.self, RestoreCommand.self,
            RollbackCommand.self, VerifyCommand.self, ReembedCommand.self, KeyCommand.self, DoctorCommand.self,
            BenchmarkCommand.self, VersionCommand.self, CompletionsCommand.self,
        ]
    )

    /// What is logged goes to standard error: standard output belongs to answers.
    static func main() async {
        // Whatever this process and those it starts create is their user's alone.
        umask(0o077)
        let asked = Environment.current.logLevel
        let level = asked.map { Logger.Level(rawValue: $0.lowercased()) } ?? .notice
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level ?? .notice
            return handler
        }
        if level == nil {
            let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            Terminal.note("LOG_LEVEL is one of \(levels); notice is used")
        }
        if let refusal = UnknownCommand.refusal(Array(CommandLine.arguments.dropFirst()), of: Cortex.self) {
            Terminal.note("Error: \(refusal)")
            Foundation.exit(ExitCode.validationFailure.rawValue)
        }
        await main(nil)
    }
}
