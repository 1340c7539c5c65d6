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
        limit: Int = 1 << 20, hasKey: Bool = true, streams: @escaping @Sendable (HTTPCall) -> Bool = { _ in false },
        _ answer: @escaping @Sendable (HTTPCall) async -> HTTPAnswer = echo,
        _ body: (Int, Task<Void, any Error>) async throws -> Void
    ) async throws {
        let (ports, opened) = AsyncStream<Int>.makeStream()
        let task = Task {
            var door = HTTPDoor(host: "127.0.0.1", port: 0, hasKey: hasKey)
            door.bodyLimitBytes = limit
            door.isStreamed = streams
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

    @Test(
        "A file is sent whole, in its turn among requests that came together, and its length alone to HEAD",
        arguments: [0, 1, ServingLimits.filePartBytes, 3 * ServingLimits.filePartBytes + 1])
    func files(size: Int) async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        let content = String(decoding: (0..<size).map { UInt8($0 % 23) + 97 }, as: UTF8.self)
        try Data(content.utf8).write(to: URL(fileURLWithPath: path))
        try await withDoor({ call in
            guard call.path == ["file"] else { return await Self.echo(call) }
            do {
                let file = try HTTPFile(path: path)
                // It is sent though its name is gone.
                if call.headers["x-last"] != nil { unlink(path) }
                return HTTPAnswer(contentType: "text/plain", file: file)
            } catch {
                return .text("\(error)", status: 500)
            }
        }) { port, _ in
            let wire = try Wire(port: port)
            try await wire.send(
                "GET /a HTTP/1.1\r\n\r\nHEAD /file HTTP/1.1\r\n\r\nGET /file HTTP/1.1\r\nx-last: 1\r\n\r\n"
                    + "GET /b HTTP/1.1\r\n\r\n")
            let text = try await wire.received(until: "!", times: 2)
            let parts = text.components(separatedBy: "\r\n\r\n")
            try #require(parts.count == 5)
            #expect(parts[1].hasPrefix("GET a") && parts[1].contains("content-length: \(size)\r\n"))
            #expect(parts[2].hasPrefix("HTTP/1.1 200") && parts[2].contains("content-length: \(size)\r\n"))
            #expect(
                parts[3] == content + parts[3].dropFirst(size) && parts[3].dropFirst(size).hasPrefix("HTTP/1.1 200"))
            #expect(parts[4].hasPrefix("GET b"))
        }
    }

    @Test("A file that turns out shorter than it was ends the connection")
    func cutFile() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try Data(repeating: 120, count: 1000).write(to: URL(fileURLWithPath: path))
        try await withDoor({ _ in
            do {
                let file = try HTTPFile(path: path)
                truncate(path, 600)
                return HTTPAnswer(contentType: "text/plain", file: file)
            } catch {
                return .text("\(error)", status: 500)
            }
        }) { port, _ in
            let wire = try Wire(port: port)
            try await wire.send("GET / HTTP/1.1\r\n\r\n")
            let text = try await wire.received(until: nil)
            #expect(
                text.contains("content-length: 1000") && text.hasSuffix("\r\n\r\n" + String(repeating: "x", count: 600))
            )
        }
        unlink(path)
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

    @Test("Bytes that are no request are answered 400, and the connection ends")
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

    @Test("Without a key a foreign host, a foreign page and a text as a body are refused, and nobody is asked")
    func admission() async throws {
        let never: @Sendable (HTTPCall) async -> HTTPAnswer = { _ in .text("asked!") }
        try await withDoor(hasKey: false, never) { port, _ in
            for (request, status) in [
                ("GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n", 403),
                ("GET / HTTP/1.1\r\n\r\n", 403),
                ("GET http://evil.example/ HTTP/1.1\r\nhost: localhost\r\n\r\n", 403),
                ("DELETE /a HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\n\r\n", 403),
                ("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{}", 415),
            ] {
                let wire = try Wire(port: port)
                try await wire.send(request)
                let text = try await wire.received(until: nil)
                #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(request): \(text)")
                #expect(text.contains("\r\n\r\nRefused: ") && !text.lowercased().contains("access-control"))
            }
            let wire = try Wire(port: port)
            try await wire.send("GET / HTTP/1.1\r\nhost: 127.0.0.1:\(port)\r\norigin: http://localhost:1\r\n\r\n")
            #expect(try await wire.received(until: "!").hasSuffix("asked!"))
        }
    }

    @Test("A client that sends its whole body before it reads gets to read why it was refused")
    func refusedBodies() async throws {
        try await withDoor(limit: 100, hasKey: false) { port, _ in
            let body = String(repeating: "x", count: 4_000_000)
            for (type, status) in [("text/plain", 415), ("application/json", 413)] {
                let wire = try Wire(port: port)
                try await wire.send(
                    "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: \(type)\r\n"
                        + "content-length: \(body.utf8.count)\r\n\r\n" + body)
                #expect(try await wire.received(until: nil).hasPrefix("HTTP/1.1 \(status) "))
            }
        }
    }

    /// Counts the bytes of a streamed body and adds them up; says how it ended.
    private static let counting: @Sendable (HTTPCall) async -> HTTPAnswer = { call in
        guard let stream = call.stream else { return .text("no stream!") }
        var (count, sum) = (0, 0)
        do {
            while let part = try await stream.next() {
                count += part.count
                for byte in part { sum = (sum &* 31 &+ Int(byte)) & 0xFFFF_FFFF }
            }
        } catch {
            return .text("cut off!")
        }
        return .text("\(count) \(sum)!")
    }

    @Test("A streamed body arrives whole, whatever its size, and the next request on the connection too")
    func streams() async throws {
        try await withDoor(limit: 100, streams: { $0.path == ["file"] }, Self.counting) { port, _ in
            let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: 0x20 + $0 % 95) }
            let sum = body.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF_FFFF }
            let text = String(decoding: body, as: UTF8.self)
            let wire = try Wire(port: port)
            for head in ["content-length: 3000000\r\n\r\n", "transfer-encoding: chunked\r\n\r\n2dc6c0\r\n"] {
                let end = head.contains("chunked") ? "\r\n0\r\n\r\n" : ""
                try await wire.send("POST /file HTTP/1.1\r\n" + head + text + end + "GET /other HTTP/1.1\r\n\r\n")
                let answers = try await wire.received(until: "!", times: 2)
                #expect(answers.contains("\r\n\r\n3000000 \(sum)!"), "\(answers)")
                #expect(answers.hasSuffix("no stream!"))
            }
            // No body at all is a body of no bytes.
            try await wire.send("POST /file HTTP/1.1\r\n\r\n")
            #expect(try await wire.received(until: "!").hasSuffix("\r\n\r\n0 0!"))
        }
    }

    @Test("A streamed body whose client goes away, or whose door closes, is told to be cut off")
    func cutStreams() async throws {
        let (ended, ends) = AsyncStream<String>.makeStream()
        let telling: @Sendable (HTTPCall) async -> HTTPAnswer = { call in
            let answer = await Self.counting(call)
            ends.yield(String(decoding: answer.body, as: UTF8.self))
            return answer
        }
        var endings = ended.makeAsyncIterator()
        try await withDoor(streams: { _ in true }, telling) { port, task in
            do {
                let wire = try Wire(port: port)
                try await wire.send("POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc")
            }
            #expect(await endings.next() == "cut off!")
            let wire = try Wire(port: port)
            try await wire.send("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nno length")
            #expect(await endings.next() == "cut off!")
            let slow = try Wire(port: port)
            try await slow.send("POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n")
            _ = try await slow.received(until: "\r\n\r\n")
            task.cancel()
            #expect(await endings.next() == "cut off!")
            try await task.value
        }
    }

    @Test("A streamed body that nobody takes does not keep its client from the answer")
    func untakenStreams() async throws {
        let refusing: @Sendable (HTTPCall) async -> HTTPAnswer = { _ in .text("no", status: 401) }
        try await withDoor(streams: { _ in true }, refusing) { port, _ in
            let wire = try Wire(port: port)
            try await wire.send(
                "POST / HTTP/1.1\r\ncontent-length: 5000000\r\n\r\n" + String(repeating: "x", count: 5_000_000))
            let text = try await wire.received(until: nil)
            #expect(text.hasPrefix("HTTP/1.1 401 ") && text.contains("connection: close"))
        }
    }

    @Test("A door with a thread of its own answers while the other door's threads are all held up")
    func ownThread() async throws {
        let (ports, opened) = AsyncStream<Int>.makeStream()
        let task = Task {
            var door = HTTPDoor(host: "127.0.0.1", port: 0, hasKey: true)
            door.hasOwnThread = true
            try await door.serve(opened: { opened.yield($0) }, Self.echo)
        }
        var iterator = ports.makeAsyncIterator()
        let own = try #require(await iterator.next())
        let release = DispatchSemaphore(value: 0)
        let (begun, begins) = AsyncStream<Void>.makeStream()
        let blocking: @Sendable (HTTPCall) async -> HTTPAnswer = { _ in
            begins.yield()
            Self.wait(release)
            return .text("done!")
        }
        try await withDoor(blocking) { port, _ in
            // More requests than there are threads; each holds the one it came by.
            let wires = try (0..<4 * ProcessInfo.processInfo.activeProcessorCount).map { _ in try Wire(port: port) }
            for wire in wires { try await wire.send("GET / HTTP/1.1\r\n\r\n") }
            for await _ in begun { break }
            let wire = try Wire(port: own)
            try await wire.send("GET /here HTTP/1.1\r\n\r\n")
            #expect(try await wire.received(until: "!").contains("GET here"))
            for _ in wires { release.signal() }
            for wire in wires { _ = try await wire.received(until: "done!") }
        }
        task.cancel()
        try await task.value
    }

    /// What must not be done on an event loop, done there.
    private static func wait(_ semaphore: DispatchSemaphore) { semaphore.wait() }

    @Test("A port that is taken is refused")
    func taken() async throws {
        try await withDoor { port, _ in
            await #expect(throws: (any Error).self) {
                try await HTTPDoor(host: "127.0.0.1", port: port, hasKey: true).serve(opened: { _ in }, Self.echo)
            }
        }
    }
}
