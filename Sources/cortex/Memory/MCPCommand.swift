import ArgumentParser
import Foundation
import MCP
import MCPServer
import Operations
import Memory
import VectorEngine

/// `cortex mcp`: the memory as an MCP server on stdin and stdout, for the client that started it.
struct MCPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp", abstract: "Serve the memory over MCP on stdin and stdout.",
        discussion: "An MCP client starts this; to connect one: cortex connect. It ends with its input.")

    @OptionGroup var house: HouseOptions

    /// What a client is shown; everything is answered when it is called.
    enum ShownTools: String, ExpressibleByArgument, CaseIterable { case common, all }

    @Option(help: "common shows the tools that agents need, all also the upkeep operations of system_status.")
    var tools = ShownTools.common

    func run() async throws {
        if isatty(STDIN_FILENO) == 1 {
            Terminal.note(
                "This is the server that an MCP client starts; it waits for messages on this terminal. Ctrl-D ends it. "
                    + "To connect a client: cortex connect claude-code (or another; cortex connect lists them)")
        }
        // Before anything may print: from here on stdout carries the protocol alone.
        let streams = try StandardStreams.take()
        let house: House
        do {
            house = try House.opened(self.house)
        } catch let error as EngineError {
            throw CommandFailure(code: error.code.rawValue, message: error.message)
        }
        let server = ServerDescription.cortex(
            memory: house.memory, scope: house.scope, version: BuildFacts.version, showsAll: tools == .all)
        // The collection opens while the client says hello; a failure shows in the first call that needs it.
        Task { _ = try? await house.points.describe(House.collection) }
        let tending = Task { await house.tend() }
        try await StdioServer.serve(server, on: streams)
        tending.cancel()
        try await house.close()
    }
}
