import ArgumentParser

/// Benchmarks of every room: `cortex bench`, and the program Bench, which needs neither a network nor a server.
///
/// Each subcommand is one file; figures mean nothing without the machine and the data beside them, so every report
/// names both.
package struct BenchmarkCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure kernels, indexes and engines.",
        subcommands: [
            KernelsCommand.self, IndexCommand.self, EmbedCommand.self, RetrievalCommand.self, ReadinessCommand.self,
            VectorsCommand.self, WorkerCommand.self, SessionCommand.self, DurabilityCommand.self,
        ])

    package init() {}
}
