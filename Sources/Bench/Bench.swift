import ArgumentParser

/// Benchmarks of every room. Each subcommand is one file; figures mean nothing without the machine and the data beside
/// them, so every report names both.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "Bench", abstract: "Measures kernels, indexes and engines.",
        subcommands: [
            KernelsCommand.self, IndexCommand.self, EmbedCommand.self, RetrievalCommand.self, ReadinessCommand.self,
            VectorsCommand.self, WorkerCommand.self, SessionCommand.self, DurabilityCommand.self,
        ])
}
