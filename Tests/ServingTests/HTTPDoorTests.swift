import Foundation
import Serving
import Testing

@Suite("The HTTP door")
struct HTTPDoorTests {
    /// Says what arrived, and a mark behind it.
    private static let echo: @Sendable (HTTPCall) async -> HTTPAnswer = { call in
        let query = call.query.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let parts = [call.method, call.path.joined(separator: "|"), query.joined(separator: "&"), "\(call.body.count)"]
        var answer = HTTPAnswer.text(parts.joined(separator: " ") + " \(call.headers["x-mark"] ?? "-")!")
        answer.headers.append(("x-split", "a\r\nx-other: b"))
        return answer
    }

    /// Opens a door on a free port for `body`, then closes it.
    private func withDoor(
        limit: Int = 1 << 20, _ answer: @escaping @Sendable (HTTPCall) async -> HTTPAnswer = echo,
        _ body: (Int, Task<Void, any Error>) async throws -> Void
    ) async throws {
        let (ports, opened) = AsyncStream<Int>.makeStream()
        let task = Task {
            var door = HTTPDoor(host: "127.0.0.1", port: 0)
            door.bodyLimitBytes = limit
            try await door.serve(opened: { opened.yield($0) }, answer)
        }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        try await body(port, task)
        task.cancel()
        try await task.value
    }

    @Test("Requests that come together are answered in their order, their targets decoded")
    func pipelining() async throws {
        try await withDoor { port, _ in
            let wire = try Wire(port: port)
            try await wire.send(
                "GET /a/b%20c/?x=1+2&y=%41&y=3&z HTTP/1.1\r\nX-Mark: first\r\n\r\n"
                    + "POST http://host:1/%zz?q HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"
                    + "GET http://host HTTP/1.1\r\n\r\nGET //?a=b#c HTTP/1.1\r\n\r\n")
            let text = try await wire.received(until: "!", times: 4)
            let bodies = text.components(separatedBy: "\r\n\r\n").dropFirst().map { $0.prefix { $0 != "!" } }
            #expect(bodies == ["GET a|b c x=1 2&y=3&z= 0 first", "POST %zz q= 3 -", "GET   0 -", "GET  a=b 0 -"])
            let date = /date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n/
            #expect(text.matches(of: date).count == 4)
            #expect(!text.contains("x-other"), "a value began a header of its own")
        }
    }

    @Test("A body that is longer than a loop may hold arrives whole, with a length or in chunks")
    func largeBodies() async throws {
        try await withDoor { port, _ in
            let wire = try Wire(port: port)
            let body = String(repeating: "x", count: 300_000)
            try await wire.send("PUT / HTTP/1.1\r\ncontent-length: 300000\r\n\r\n" + body)
            #expect(try await wire.received(until: "!").contains("PUT   300000"))
            try await wire.send(
                "PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n493e0\r\n" + body + "\r\n3\r\nabc\r\n0\r\n\r\n")
            #expect(try await wire.received(until: "!").contains("PUT   300003"))
        }
    }

    @Test("A body over the limit is refused with 413 and the connection ends, whether its length was said or not")
    func limits() async throws {
        try await withDoor(limit: 100) { port, _ in
            for body in [
                "content-length: 101\r\n\r\n", "content-length: 101\r\n\r\n" + String(repeating: "x", count: 101),
                "transfer-encoding: chunked\r\n\r\n65\r\n" + String(repeating: "x", count: 101) + "\r\n",
            ] {
                let wire = try Wire(port: port)
                try await wire.send("PUT / HTTP/1.1\r\n" + body)
                let text = try await wire.received(until: nil)
                #expect(text.hasPrefix("HTTP/1.1 413 ") && text.contains("connection: close"))
                #expect(text.hasSuffix("Payload reached size limit."))
            }
            let wire = try Wire(port: port)
            try await wire.send("PUT / HTTP/1.1\r\ncontent-length: 100\r\n\r\n" + String(repeating: "x", count: 100))
            #expect(try await wire.received(until: "!").contains("PUT   100"))
        }
    }

    @Test("A client that waits for leave to send its body is told to go on")
    func expectation() async throws {
        try await withDoor { port, _ in
            let wire = try Wire(port: port)
            try await wire.send("PUT / HTTP/1.1\r\nexpect: 100-Continue\r\ncontent-length: 2\r\n\r\n")
            #expect(try await wire.received(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try await wire.send("ab")
            #expect(try await wire.received(until: "!").contains("PUT   2"))
        }
    }

    @Test("HEAD is answered without a body, and the connection stays or ends as the client's version says")
    func versions() async throws {
        try await withDoor { port, _ in
            let wire = try Wire(port: port)
            try await wire.send("HEAD / HTTP/1.1\r\n\r\n")
            let head = try await wire.received(until: "\r\n\r\n")
            #expect(head.contains("content-length: 11\r\n") && head.hasSuffix("\r\n\r\n"))
            try await wire.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
            #expect(try await wire.received(until: "!").contains("connection: keep-alive\r\n"))
            try await wire.send("GET / HTTP/1.0\r\n\r\n")
            #expect(try await wire.received(until: nil).contains("connection: close\r\n"))
        }
    }

    @Test("What is no request is answered 400 and the connection ends")
    func noRequest() async throws {
        try await withDoor { port, _ in
            let wire = try Wire(port: port)
            try await wire.send("no request\r\n\r\n")
            #expect(try await wire.received(until: nil).hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            // A client that goes away in the midst of its request harms nobody.
            try await Wire(port: port).send("PUT / HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc")
        }
    }

    @Test("A door that closes ends what waits, and what has begun behind its answer")
    func closing() async throws {
        let (begun, begins) = AsyncStream<Void>.makeStream()
        let (leave, leaves) = AsyncStream<Void>.makeStream()
        let slow: @Sendable (HTTPCall) async -> HTTPAnswer = { _ in
            begins.yield()
            for await _ in leave { break }
            return .text("done!")
        }
        try await withDoor(slow) { port, task in
            let (idle, busy) = (try Wire(port: port), try Wire(port: port))
            try await busy.send("GET / HTTP/1.1\r\n\r\nGET /never HTTP/1.1\r\n\r\n")
            for await _ in begun { break }
            task.cancel()
            #expect(try await idle.received(until: nil).isEmpty)
            leaves.yield()
            let text = try await busy.received(until: nil)
            #expect(text.hasSuffix("done!") && text.contains("connection: close\r\n"))
            try await task.value
            #expect(throws: Wire.Failure.self) { try Wire(port: port) }
        }
    }

    @Test("A port that is taken is refused")
    func taken() async throws {
        try await withDoor { port, _ in
            await #expect(throws: (any Error).self) {
                try await HTTPDoor(host: "127.0.0.1", port: port).serve(opened: { _ in }, Self.echo)
            }
        }
    }
}
