import JSON
import MCP
import Testing

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A pipe whose ends a test closes by hand.
private struct Pipe {
    let readEnd: Int32
    let writeEnd: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    func put(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(writeEnd, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// All that comes until the other end is closed.
    func readToEnd() -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = buffer.withUnsafeMutableBytes { read(readEnd, $0.baseAddress, $0.count) }
            guard count > 0 else { return all }
            all += buffer[..<count]
        }
    }
}

@Suite(.timeLimit(.minutes(1)), .serialized) struct StdioTransportTests {
    /// Serves `input` to its end over two pipes; returns the lines that came out.
    private func serve(_ input: [UInt8], limits: MCPLimits = MCPLimits()) async throws -> [JSONValue] {
        let (incoming, outgoing) = (try Pipe(), try Pipe())
        let session = ServerSession(
            server: Samples.server(), limits: limits,
            transport: try StdioTransport(input: incoming.readEnd, output: outgoing.writeEnd, limits: limits),
            schedule: ManualClock().scheduler)
        let feeding = Task.detached {
            incoming.put(input)
            close(incoming.writeEnd)
        }
        let reading = Task.detached { outgoing.readToEnd() }
        #expect(await session.run() == .finished)
        close(outgoing.writeEnd)
        await feeding.value
        let output = await reading.value
        for descriptor in [incoming.readEnd, outgoing.readEnd] { close(descriptor) }
        #expect(output.isEmpty || output.last == 0x0A)
        return try output.split(separator: 0x0A).map { try JSONParser.parse(Array($0)) }
    }

    private func ping(_ id: Int) -> String { #"{"jsonrpc":"2.0","id":\#(id),"method":"ping"}"# }

    @Test func everyMessageIsOneLineAndBlankLinesAndCarriageReturnsDoNotMatter() async throws {
        let input = "\n\r\n \n" + ping(1) + "\r\n\n" + ping(2) + "\n\t\n" + ping(3)
        #expect(try await serve(Array(input.utf8)).compactMap { $0["id"] } == [1, 2, 3])
    }

    @Test func aBadLineIsAnsweredAndTheNextOnesAreServed() async throws {
        let replies = try await serve(Array("{\n\(ping(1))\n\u{0}\n[1,\n\(ping(2))\n".utf8))
        #expect(replies.map { $0["id"] ?? "absent" } == [.null, 1, .null, .null, 2])
        #expect(replies.compactMap(code) == [-32700, -32700, -32700])
    }

    @Test func aLineBeyondTheLimitIsAnInvalidRequestAndTheNextOneIsServed() async throws {
        var limits = MCPLimits()
        limits.maximumMessageBytes = 200_000
        let long = #"{"jsonrpc":"2.0","id":1,"method":"\#(String(repeating: "x", count: 1_000_000))"}"#
        let replies = try await serve(Array("\(long)\n\(ping(2))\n\(long)".utf8), limits: limits)
        #expect(replies.map { $0["id"] ?? "absent" } == [.null, 2, .null])
        #expect(replies.compactMap(code) == [-32600, -32600])
    }

    @Test func anEmptyInputEndsWithoutAWord() async throws {
        #expect(try await serve([]).isEmpty)
    }

    @Test func answersLargerThanAPipeArriveWhole() async throws {
        let text = String(repeating: "é", count: 300_000)
        let request = JSONWriter.text([
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": .object(Samples.enveloped(["name": "echo", "arguments": ["text": .string(text)]])),
        ])
        let replies = try await serve(Array("\(request)\n\(ping(2))\n".utf8))
        let echo = replies.first { $0["id"] == 1 }
        #expect(echo?["result"]?["structuredContent"]?["arguments"]?["text"]?.stringValue == text)
        #expect(replies.count == 2)
    }

    @Test func aReaderThatWentAwayEndsTheSession() async throws {
        _ = signal(SIGPIPE, SIG_IGN)
        let (incoming, outgoing) = (try Pipe(), try Pipe())
        close(outgoing.readEnd)
        let session = ServerSession(
            server: Samples.server(), limits: MCPLimits(),
            transport: try StdioTransport(
                input: incoming.readEnd, output: outgoing.writeEnd, limits: MCPLimits()),
            schedule: ManualClock().scheduler)
        incoming.put(Array((ping(1) + "\n").utf8))
        #expect(await session.run() == .finished)
        for descriptor in [incoming.writeEnd, outgoing.writeEnd] { close(descriptor) }
    }

    @Test func shuttingDownWakesAReaderThatWaits() async throws {
        let (incoming, outgoing) = (try Pipe(), try Pipe())
        let session = ServerSession(
            server: Samples.server(), limits: MCPLimits(),
            transport: try StdioTransport(
                input: incoming.readEnd, output: outgoing.writeEnd, limits: MCPLimits()),
            schedule: ManualClock().scheduler)
        let end = Task { await session.run() }
        incoming.put(Array((ping(1) + "\n").utf8))
        var byte: UInt8 = 0
        #expect(read(outgoing.readEnd, &byte, 1) == 1)
        session.shutDown()
        #expect(await end.value == .finished)
        for descriptor in [incoming.writeEnd, outgoing.writeEnd, outgoing.readEnd] { close(descriptor) }
    }
}
