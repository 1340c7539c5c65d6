import ArgumentParser
import Files
import Foundation
import JSON
import Operations

/// `cortex quickstart`: stores and finds real memories through a real MCP session, then shows how to connect a client.
struct QuickstartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quickstart", abstract: "See it work: store over MCP, restart, find by meaning; connect a client.")

    @Option(help: ArgumentHelp("Keep the memories in this directory instead of a temporary one.", valueName: "dir"))
    var data: String?

    @Option(help: ArgumentHelp("Where vectors come from: builtin, openai, none.", valueName: "source"))
    var embedder: EmbedderChoice = .builtin

    /// What is stored, and what is asked: in other words, and for a server without a model in some of the same.
    private static let memories: [(kind: String, content: String)] = [
        ("decision", "We keep sessions in PostgreSQL, not in Redis: losing them on a restart logged everybody out."),
        ("incident", "The payment gateway timed out for twenty minutes after the TLS certificate had expired."),
        ("runbook", "To roll back a release, point the load balancer at the previous image and drain the new one."),
        ("todo", "Ana will write the migration guide for the billing service before the end of May."),
        ("observation", "The nightly export is slow because it reads every invoice twice."),
        ("assumption", "Customers upload pictures of at most ten megabytes."),
    ]

    private static let questions: [(inOtherWords: String, byWords: String)] = [
        ("why did we move away from an in-memory cache", "why do we keep sessions in PostgreSQL"),
        ("outage caused by an old certificate", "the expired certificate"),
        ("how do I undo a deployment", "how do I roll back"),
    ]

    func run() async throws {
        let directory =
            data.map(Environment.current.absolute)
            ?? NSTemporaryDirectory() + "cortex-quickstart-\(UUID().uuidString)"
        defer {
            if data == nil {
                // A leftover in the temporary directory does no harm.
                try? FileManager.default.removeItem(atPath: directory)
            }
        }
        print(Terminal.bold("1. An MCP client starts `cortex mcp` and stores \(Self.memories.count) memories"))
        let first = try QuickstartSession(directory: directory, embedder: embedder)
        let items = Self.memories.map { JSONValue.object(["kind": .string($0.kind), "content": .string($0.content)]) }
        let stored = try first.call("memory_store", ["items": .array(items)])
        for (item, memory) in zip(stored["items"]?.arrayValue ?? [], Self.memories) {
            let status = item["status"]?.stringValue ?? item["error"]?["message"]?.stringValue ?? "?"
            let column = status.padding(toLength: 14, withPad: " ", startingAt: 0)
            print("   \(column) \(memory.kind): \(memory.content.prefix(70))…")
        }
        try first.end()

        let second = try QuickstartSession(directory: directory, embedder: embedder)
        let health = try second.call("system_status", ["operation": "health"])
        var degradedReason = health["health"]?["degraded_reason"]?.stringValue
        let manner = degradedReason == nil ? "in other words" : "by words alone"
        print(Terminal.bold("2. The server ends, a new one starts, and the client asks \(manner)"))
        for (inOtherWords, byWords) in Self.questions {
            let question = degradedReason == nil ? inOtherWords : byWords
            let result = try second.call("memory_find", ["query": .string(question), "limit": 1])
            guard let best = result["items"]?.arrayValue?.first else {
                throw CommandFailure(code: "failed", message: "nothing was found for “\(question)”")
            }
            let score = String(format: "%.2f", best["score"]?.doubleValue ?? 0)
            let facts = "\(best["match_type"]?.stringValue ?? ""), score \(score)"
            print("   \(question)?")
            print("     → \(best["content"]?.stringValue ?? "") \(Terminal.dim("(\(facts))"))")
            degradedReason = result["meta"]?["degraded_reason"]?.stringValue ?? degradedReason
        }
        try second.end()
        let location = health["health"]?["location"]?.stringValue ?? directory
        print(Terminal.dim("   kept in \(location)"))
        if let degradedReason { print("   degraded: \(degradedReason)") }
        print(Terminal.bold("3. Connect your client"))
        print(ClientConfiguration.text(binary: RunningProgram.path))
    }
}

/// What to paste where, for the clients people use.
enum ClientConfiguration {
    static func text(binary: String) -> String {
        """
           Claude Code:     claude mcp add cortex -- \(binary) mcp
           Claude Desktop:  claude_desktop_config.json
           Cursor:          ~/.cursor/mcp.json
             { "mcpServers": { "cortex": { "command": "\(binary)", "args": ["mcp"] } } }
           VS Code:         .vscode/mcp.json
             { "servers": { "cortex": { "type": "stdio", "command": "\(binary)", "args": ["mcp"] } } }
        """
    }
}
