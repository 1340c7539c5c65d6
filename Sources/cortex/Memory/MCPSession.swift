import Foundation
import JSON

/// A small MCP client: starts this very binary as a server and talks to it over its stdin and stdout.
final class MCPSession {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var received: [UInt8] = []
    private var nextID: Int64 = 1

    init(directory: String, embedder: EmbedderChoice) throws {
        process.executableURL = URL(fileURLWithPath: BenchCommand.executablePath)
        process.arguments = ["mcp", "--data", directory, "--embedder", embedder.rawValue]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    func initialize() throws {
        _ = try request(
            "initialize",
            [
                "protocolVersion": "2025-11-25", "capabilities": [:],
                "clientInfo": ["name": "cortex quickstart", "version": .string(BuildFacts.version)],
            ])
        try send(["jsonrpc": "2.0", "method": "notifications/initialized"])
    }

    /// Calls a tool and returns its structured content.
    func call(_ tool: String, _ arguments: JSONObject) throws -> JSONValue {
        let result = try request("tools/call", ["name": .string(tool), "arguments": .object(arguments)])
        let content = result["structuredContent"] ?? .null
        if result["isError"]?.boolValue == true {
            let message = content["message"]?.stringValue ?? "the tool \(tool) failed"
            throw CommandFailure(code: content["code"]?.stringValue ?? "failed", message: message)
        }
        return content
    }

    /// Closes the server's stdin and waits for it to leave.
    func end() throws {
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw CommandFailure(code: "failed", message: "the server ended with status \(process.terminationStatus)")
        }
    }

    private func request(_ method: String, _ params: JSONObject) throws -> JSONValue {
        let id = JSONValue.integer(nextID)
        nextID += 1
        try send(["jsonrpc": "2.0", "id": id, "method": .string(method), "params": .object(params)])
        while let message = try receive() {
            guard message["id"] == id else { continue }
            if let error = message["error"] {
                let reason = error["message"]?.stringValue ?? "the request was refused"
                throw CommandFailure(code: "failed", message: reason)
            }
            return message["result"] ?? .null
        }
        throw CommandFailure(code: "failed", message: "the server left before it answered \(method)")
    }

    private func send(_ message: JSONObject) throws {
        try input.fileHandleForWriting.write(contentsOf: JSONWriter.bytes(.object(message)) + [0x0A])
    }

    private func receive() throws -> JSONValue? {
        while true {
            if let end = received.firstIndex(of: 0x0A) {
                let line = Array(received[..<end])
                received.removeSubrange(...end)
                return try JSONParser.parse(line)
            }
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { return nil }
            received.append(contentsOf: more)
        }
    }
}
