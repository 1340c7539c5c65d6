import ArgumentParser

/// The command line: each command is a type in a file of its own, listed here.
@main
struct Cortex: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cortex",
        abstract: "A memory for AI agents and a vector store, in one binary.",
        version: BuildFacts.version,
        subcommands: [DoctorCommand.self, VersionCommand.self]
    )
}
