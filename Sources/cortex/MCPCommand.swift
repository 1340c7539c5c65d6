import ArgumentParser
import MCPServer
import Memory
import VectorEngine

/// `cortex mcp`: the memory as an MCP server on stdin and stdout, for the client that started it.
struct MCPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp", abstract: "Serve the memory over MCP on stdin and stdout.")

    @OptionGroup var house: HouseOptions

    func run() async throws {
        // Before anything may print: from here on stdout carries the protocol alone.
        let streams = try StandardStreams.take()
        let house: House
        do {
            house = try House(self.house)
        } catch let error as EngineError {
            throw CommandFailure(code: error.code.rawValue, message: error.message)
        }
        let server = ServerDescription.cortex(
            memory: house.memory, scope: house.scope, version: BuildFacts.version)
        // The collection opens while the client says hello; a failure shows in the first call that needs it.
        Task { _ = try? await house.points.describe(House.collection) }
        let sweeper = Task { await Self.sweep(house.memory) }
        try await StdioServer.serve(server, on: streams)
        sweeper.cancel()
        try await house.close()
    }

    /// How long after the start, and how often, what has expired is removed. It is never found before that either.
    private static let sweepInterval: Duration = .seconds(600)

    private static func sweep(_ memory: MemoryStore) async {
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: sweepInterval)
                try await memory.sweep()
            } catch is CancellationError {
                return
            } catch {
                // The next round tries again; a store that cannot be written says so to the calls that write.
                continue
            }
        }
    }
}
