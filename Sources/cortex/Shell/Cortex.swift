import ArgumentParser
import Bench

/// The command line: each command is a type in a file of its own, listed here.
@main
struct Cortex: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cortex",
        abstract: "A memory for AI agents and a vector store, in one binary.",
        version: BuildFacts.version,
        subcommands: [
            QuickstartCommand.self, MCPCommand.self, ServeCommand.self, StoreCommand.self, FindCommand.self,
            StatusCommand.self, ImportCommand.self, ExportCommand.self, BackupCommand.self, RestoreCommand.self,
            RollbackCommand.self, VerifyCommand.self, ReembedCommand.self, KeyCommand.self, DoctorCommand.self,
            BenchmarkCommand.self, VersionCommand.self,
        ]
    )
}
