import ArgumentParser
import Foundation

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
            BenchCommand.self, VersionCommand.self,
        ]
    )

    static func main() async {
        // Whatever this process and those it starts create is their user's alone.
        umask(0o077)
        await main(nil)
    }
}
