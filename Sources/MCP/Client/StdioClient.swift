import Foundation
import JSON

/// A client of the handshake era: starts a server of its own and talks to it over standard input and output.
///
/// One request at a time; each call waits for its answer. What the server says without being asked is passed over.
package final class StdioClient {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var splitter: LineSplitter
    /// Lines that came and nobody has read yet, oldest first.
    private var lines: [LineSplitter.Line] = []
    private var lastID: Int64 = 0

    /// Starts `program` and opens the session.
    ///
    /// - Parameter isQuiet: What the server writes to standard error is thrown away.
    /// - Throws: `unreachable` when the program cannot be started or leaves at once, `refused` when it does not agree.
    package init(
        program: String, arguments: [String], name: String, version: String, isQuiet: Bool = false,
        limits: MCPLimits = MCPLimits()
    ) throws(ClientError) {
        splitter = LineSplitter(maximumBytes: limits.maximumMessageBytes)
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = output
        if isQuiet { process.standardError = FileHandle.nullDevice }
        do {
            try process.run()
        } catch {
            throw ClientError(.unreachable, "cannot start \(program); check that it is there", cause: error)
        }
        _ = try request(
            "initialize",
            [
                "protocolVersion": .string(ProtocolVersion.latestLegacy.rawValue), "capabilities": [:],
                "clientInfo": ["name": .string(name), "version": .string(version)],
            ])
        try send(["jsonrpc": "2.0", "method": "notifications/initialized"])
    }

    /// Sends one request and returns the `result` of its answer.
    ///
    /// - Throws: `refused` with the server's own message when it answers with an error.
    package func request(_ method: String, _ params: JSONObject) throws(ClientError) -> JSONValue {
        lastID &+= 1
        let id = JSONValue.integer(lastID)
        try send(["jsonrpc": "2.0", "id": id, "method": .string(method), "params": .object(params)])
        while true {
            guard let message = try receive() else {
                throw ClientError(.unreachable, "the server left before it answered \(method)")
            }
            guard message["id"] == id else { continue }
            if let error = message["error"] {
                throw ClientError(.refused, error["message"]?.stringValue ?? "\(method) was refused")
            }
            return message["result"] ?? .null
        }
    }

    /// Calls a tool and returns the whole result; `isError` in it says that the tool failed.
    package func call(_ tool: String, _ arguments: JSONObject) throws(ClientError) -> JSONValue {
        try request("tools/call", ["name": .string(tool), "arguments": .object(arguments)])
    }

    /// Closes the server's standard input and waits until it has left.
    ///
    /// - Throws: `failed` when it ends with another status than 0.
    package func end() throws(ClientError) {
        do {
            try input.fileHandleForWriting.close()
        } catch {
            throw ClientError(.unreachable, "the server's standard input cannot be closed", cause: error)
        }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ClientError(.failed, "the server ended with status \(process.terminationStatus)")
        }
    }

    private func send(_ message: JSONObject) throws(ClientError) {
        do {
            try input.fileHandleForWriting.write(contentsOf: JSONWriter.bytes(.object(message)) + [0x0A])
        } catch {
            throw ClientError(.unreachable, "the server does not take what it is sent", cause: error)
        }
    }

    /// The next message; nil when the server has closed its side.
    private func receive() throws(ClientError) -> JSONValue? {
        while lines.isEmpty {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { return nil }
            splitter.take([UInt8](more)) { lines.append($0) }
        }
        guard case .text(let bytes) = lines.removeFirst() else {
            throw ClientError(.malformed, "the server sent a message that is longer than any may be")
        }
        do {
            return try JSONParser.parse(bytes)
        } catch {
            throw ClientError(.malformed, "the server sent a line that is no JSON", cause: error)
        }
    }
}
