import Foundation
import Serving
import Synchronization
import Testing

@Suite("What the HTTP door allows its clients to hold")
struct HTTPDoorLimitsTests {
    /// Opens a door on a free port for `body`, then closes it.
    private func withDoor(
        _ settings: @escaping @Sendable (inout HTTPDoor) -> Void,
        _ answer: @escaping @Sendable (HTTPCall) async -> HTTPAnswer, _ body: (Int) async throws -> Void
    ) async throws {
        let (ports, opened) = AsyncStream<Int>.makeStream()
        let task = Task {
            var door = HTTPDoor(host: "127.0.0.1", port: 0, hasKey: true)
            settings(&door)
            try await door.serve(opened: { opened.yield($0) }, answer)
        }
        var iterator = ports.makeAsyncIterator()
        try await body(try #require(await iterator.next()))
        task.cancel()
        try await task.value
    }

    private static let done: @Sendable (HTTPCall) async -> HTTPAnswer = { _ in .text("done!") }

    @Test("Answers that nobody reads stop the requests behind them, until the client reads")
    func unreadAnswers() async throws {
        let (count, bytes) = (64, 1 << 20)
        let made = Mutex(0)
        let large: @Sendable (HTTPCall) async -> HTTPAnswer = { call in
            guard call.path == ["large"] else { return await Self.done(call) }
            made.withLock { $0 += 1 }
            return HTTPAnswer(body: [UInt8](repeating: 120, count: bytes))
        }
        try await withDoor({ $0.hasOwnThread = true }, large) { port in
            let (silent, other) = (try Wire(port: port), try Wire(port: port))
            try await silent.send(String(repeating: "GET /large HTTP/1.1\r\n\r\n", count: count))
            // Each of these passes through the one loop that would answer the next of the large ones.
            for _ in 0..<4 * count {
                try await other.send("GET / HTTP/1.1\r\n\r\n")
                _ = try await other.received(until: "!")
            }
            // The system's own buffers hold about ten.
            #expect(made.withLock { $0 } <= count / 2)
            try await silent.skip(count * bytes)
            #expect(made.withLock { $0 } == count)
        }
    }

    @Test("Many short requests that come together are all answered")
    func shortRequests() async throws {
        try await withDoor({ _ in }, Self.done) { port in
            let wire = try Wire(port: port)
            try await wire.send(String(repeating: "GET / HTTP/1.1\r\n\r\n", count: 2000))
            _ = try await wire.received(until: "done!", times: 2000)
        }
    }

    @Test("Bodies over the door's limit together are refused with 429, until one of them has been answered")
    func heldBodies() async throws {
        let (begun, begins) = AsyncStream<Void>.makeStream()
        let (leave, leaves) = AsyncStream<Void>.makeStream()
        let slow: @Sendable (HTTPCall) async -> HTTPAnswer = { call in
            if call.path == ["slow"] {
                begins.yield()
                for await _ in leave { break }
            }
            return .text("\(call.body.count)!")
        }
        func request(_ path: String, _ count: Int) -> String {
            "PUT /\(path) HTTP/1.1\r\ncontent-length: \(count)\r\n\r\n" + String(repeating: "x", count: count)
        }
        try await withDoor({ $0.heldBodyLimitBytes = 1000 }, slow) { port in
            let (first, second, third) = (try Wire(port: port), try Wire(port: port), try Wire(port: port))
            try await first.send(request("slow", 600))
            for await _ in begun { break }
            try await second.send(request("", 400))
            #expect(try await second.received(until: "!").hasSuffix("400!"))
            try await third.send(request("", 401))
            let refused = try await third.received(until: nil)
            #expect(refused.hasPrefix("HTTP/1.1 429 ") && refused.contains("retry-after: 1\r\n"))
            leaves.yield()
            #expect(try await first.received(until: "!").hasSuffix("600!"))
            // Nothing of the refused one is counted any more either.
            try await second.send(request("", 1000))
            #expect(try await second.received(until: "!").hasSuffix("1000!"))
        }
    }

    @Test("A connection over the limit is closed at once, and one that has ended makes room for another")
    func connections() async throws {
        try await withDoor({ $0.connectionLimit = 2 }, Self.done) { port in
            func asked(_ wire: Wire) async throws {
                try await wire.send("GET / HTTP/1.1\r\n\r\n")
                _ = try await wire.received(until: "!")
            }
            let first = try Wire(port: port)
            try await asked(first)
            do {
                let second = try Wire(port: port)
                try await asked(second)
                try await Wire(port: port).ended()
                try await asked(second)
            }
            // The door learns of the end in its own time.
            while true {
                do {
                    try await asked(try Wire(port: port))
                    break
                } catch is Wire.Failure {}
            }
            try await asked(first)
        }
    }

    // MARK: Time

    /// A door's clock that a test moves.
    private struct Clock {
        private let ticks: AsyncStream<Void>
        private let hand: AsyncStream<Void>.Continuation

        init() { (ticks, hand) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

        /// What a door waits for.
        var tick: @Sendable () async throws -> Void {
            { [ticks] in
                for await _ in ticks { return }
                throw CancellationError()
            }
        }

        /// Lets time pass, as fast as the door takes it, until `body` returns.
        func running(_ body: () async throws -> Void) async throws {
            let moving = Task { [hand] in
                while !Task.isCancelled {
                    hand.yield()
                    await Task.yield()
                }
            }
            defer { moving.cancel() }
            try await body()
        }
    }

    @Test("A client that keeps the door waiting is not waited for, in whatever part of a request")
    func slowClients() async throws {
        let clock = Clock()
        let counting: @Sendable (HTTPCall) async -> HTTPAnswer = { call in
            do {
                while try await call.stream?.next() != nil {}
            } catch {
                return .text("cut off!")
            }
            return .text("done!")
        }
        try await withDoor(
            {
                $0.tick = clock.tick
                $0.isStreamed = { $0.path == ["file"] }
            }, counting
        ) { port in
            func wire(after request: String, until end: String) async throws -> Wire {
                let wire = try Wire(port: port)
                try await wire.send(request)
                if !end.isEmpty { _ = try await wire.received(until: end) }
                return wire
            }
            let waiting = " HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n"
            let silent = try Wire(port: port)
            let half = try await wire(after: "GET / HT", until: "")
            let body = try await wire(after: "PUT /" + waiting, until: "\r\n\r\n")
            let stream = try await wire(after: "POST /file" + waiting, until: "\r\n\r\n")
            let idle = try await wire(after: "GET / HTTP/1.1\r\n\r\n", until: "done!")
            try await clock.running {
                #expect(try await silent.received(until: nil).isEmpty)
                try await half.ended()
                #expect(try await body.received(until: nil).hasPrefix("HTTP/1.1 408 "))
                #expect(try await stream.received(until: nil).hasSuffix("cut off!"))
                #expect(try await idle.received(until: nil).isEmpty)
            }
        }
    }

    @Test("The time that an answer takes is not held against the client")
    func slowAnswers() async throws {
        let clock = Clock()
        let (begun, begins) = AsyncStream<Void>.makeStream()
        let (leave, leaves) = AsyncStream<Void>.makeStream()
        let slow: @Sendable (HTTPCall) async -> HTTPAnswer = { _ in
            begins.yield()
            for await _ in leave { break }
            return .text("done!")
        }
        try await withDoor({ $0.tick = clock.tick }, slow) { port in
            let busy = try Wire(port: port)
            try await busy.send("PUT / HTTP/1.1\r\ncontent-length: 1\r\n\r\nx")
            for await _ in begun { break }
            // Each of these is closed after ticks that the busy connection was told of as well.
            let silent = ServingLimits.answerTicks / ServingLimits.arrivalTicks + 1
            try await clock.running { for _ in 0..<silent { try await Wire(port: port).ended() } }
            leaves.yield()
            #expect(try await busy.received(until: "!").hasSuffix("done!"))
        }
    }
}
