import Foundation
import JSON
import MCP
import Testing

@Suite("The client that starts a server of its own", .timeLimit(.minutes(1)))
struct StdioClientTests {
    private static let welcome = #"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}}"#

    /// A server that reads one line for each that it writes, as a script of the shell.
    private func client(_ script: String, limits: MCPLimits = MCPLimits()) throws -> StdioClient {
        try StdioClient(
            program: "/bin/sh", arguments: ["-c", script], name: "test", version: "1", isQuiet: true, limits: limits)
    }

    private func refusal(_ body: () throws -> Void) -> ClientError? {
        #expect(throws: ClientError.self) { try body() }
    }

    @Test("A real server answers the handshake, a call and the end")
    func realServer() throws {
        let folder = try #require(Bundle.main.executableURL).deletingLastPathComponent().path
        let client = try StdioClient(
            program: folder + "/mcp-demo", arguments: [], name: "test", version: "1", isQuiet: true)
        let result = try client.call("demo_wait", ["milliseconds": 0])
        #expect(result["structuredContent"]?["waited"] == 0)
        let error = refusal { _ = try client.call("no_such_tool", [:]) }
        #expect(error?.code == .refused)
        #expect(error?.message.contains("no such tool") == true)
        try client.end()
    }

    @Test("What the server says unasked is passed over, whether it comes before or with the answer")
    func unasked() throws {
        let client = try client(
            """
            read a; echo '{"jsonrpc":"2.0","method":"notifications/message"}'; echo '\(Self.welcome)'
            read b; read c; printf '%s\\n%s\\n' '{"id":9,"result":1}' '{"jsonrpc":"2.0","id":2,"result":7}'
            cat > /dev/null
            """)
        #expect(try client.request("ping", [:]) == 7)
        try client.end()
    }

    @Test("A server that leaves, refuses, or sends no JSON is told apart by the error's code")
    func failures() throws {
        #expect(refusal { _ = try client("exit 0") }?.code == .unreachable)
        #expect(
            refusal {
                _ = try StdioClient(program: "/nowhere/server", arguments: [], name: "test", version: "1")
            }?.code == .unreachable)
        let refused = refusal {
            _ = try client(#"read a; echo '{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"not you"}}'"#)
        }
        #expect(refused?.code == .refused)
        #expect(refused?.message == "not you")
        #expect(refusal { _ = try client("read a; echo hello; cat > /dev/null") }?.code == .malformed)
    }

    @Test("A message longer than the limit is an error, not a wait")
    func oversized() throws {
        var limits = MCPLimits()
        limits.maximumMessageBytes = Self.welcome.utf8.count
        let client = try client(
            "read a; echo '\(Self.welcome)'; read b; read c; echo '\(Self.welcome)x'; cat > /dev/null", limits: limits)
        #expect(refusal { _ = try client.request("ping", [:]) }?.code == .malformed)
        try client.end()
    }

    @Test("A server that ends with another status than 0 makes the end fail")
    func status() throws {
        let client = try client("read a; echo '\(Self.welcome)'; cat > /dev/null; exit 3")
        let error = refusal { try client.end() }
        #expect(error?.code == .failed)
        #expect(error?.message.contains("3") == true)
    }
}
