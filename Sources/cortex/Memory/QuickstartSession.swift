import Files
import JSON
import MCP
import Operations

/// A session with this very program as a server; its failures end the command.
struct QuickstartSession {
    private let client: StdioClient

    init(directory: String, embedder: EmbedderChoice) throws(CommandFailure) {
        client = try Self.orFail { () throws(ClientError) in
            try StdioClient(
                program: RunningProgram.path,
                arguments: ["mcp", "--data", directory, "--embedder", embedder.rawValue], name: "cortex quickstart",
                version: BuildFacts.version)
        }
    }

    /// Calls a tool and returns its structured content.
    func call(_ tool: String, _ arguments: JSONObject) throws(CommandFailure) -> JSONValue {
        let result = try Self.orFail { () throws(ClientError) in try client.call(tool, arguments) }
        if result["isError"]?.boolValue == true {
            let text = result["content"]?.arrayValue?.first?["text"]?.stringValue
            throw CommandFailure(code: "failed", message: text ?? "the tool \(tool) failed")
        }
        return result["structuredContent"] ?? .null
    }

    /// Ends the server and waits for it.
    func end() throws(CommandFailure) { try Self.orFail { () throws(ClientError) in try client.end() } }

    private static func orFail<Result>(_ body: () throws(ClientError) -> Result) throws(CommandFailure) -> Result {
        do {
            return try body()
        } catch {
            throw CommandFailure(code: error.code.rawValue, message: error.message)
        }
    }
}
