import NIOHTTP1
import Outbound
import Synchronization
import Testing

@Suite("The client of other servers")
struct OutboundClientTests {
    /// Runs `body` against a server whose answers are `statuses` in turn, the last one for ever; pauses are noted.
    private func with(
        _ statuses: [HTTPResponseStatus], policy: RetryPolicy = RetryPolicy(),
        breaker: CircuitBreaker.Limits = CircuitBreaker.Limits(), now: @escaping @Sendable () -> Double = { 0 },
        _ body: (OutboundClient, OutboundCall, HTTPPeer, Noted) async throws -> Void
    ) async throws {
        let peer = try await HTTPPeer.start { _, number in
            HTTPPeer.Answer(status: statuses[min(number, statuses.count) - 1])
        }
        let pauses = Noted()
        let client = OutboundClient(
            policy: policy, breaker: breaker, connections: .patient,
            sleep: { pause in pauses.list.withLock { $0.append(pause) } },
            jitter: { 1 }, nowSeconds: now)
        var call = OutboundCall(url: "http://127.0.0.1:\(peer.port)/")
        call.timeout = .seconds(300)
        do { try await body(client, call, peer, pauses) } catch { Issue.record(error) }
        try await peer.stop()
    }

    /// The status of a call; nil when it got no answer.
    private func statusOf(_ client: OutboundClient, _ call: OutboundCall) async -> Int? {
        do { return try await client.send(call).status } catch { return nil }
    }

    final class Noted: Sendable {
        let list = Mutex<[Duration]>([])
    }

    @Test("An answer that may pass is asked for again with doubling pauses, and the last one is returned")
    func retries() async throws {
        try await with([.badGateway, .serviceUnavailable, .ok]) { client, call, peer, pauses in
            #expect(await statusOf(client, call) == 200)
            #expect(peer.requests.count == 3)
            #expect(pauses.list.withLock { $0 } == [.seconds(1), .seconds(2)])
        }
        try await with([.internalServerError]) { client, call, peer, _ in
            #expect(await statusOf(client, call) == 500)
            #expect(peer.requests.count == 4)
        }
    }

    @Test("An answer that says no is not asked for again", arguments: [400, 401, 404, 409, 302])
    func refusals(status: Int) async throws {
        try await with([HTTPResponseStatus(statusCode: status)]) { client, call, peer, _ in
            #expect(await statusOf(client, call) == status)
            #expect(peer.requests.count == 1)
        }
    }

    @Test("When the budget is spent, a failing service is asked once a call")
    func budget() async throws {
        var policy = RetryPolicy()
        policy.budget = 4
        try await with([.tooManyRequests], policy: policy) { client, call, peer, _ in
            for _ in 0..<4 { #expect(await statusOf(client, call) == 429) }
            // 4 calls and 4 tries again.
            #expect(peer.requests.count == 8)
        }
    }

    @Test("After ten failures the service is left alone, and one call after the rest finds it well again")
    func breaker() async throws {
        let time = Mutex(0.0)
        var policy = RetryPolicy()
        policy.attempts = 1
        let answers = Array(repeating: HTTPResponseStatus.serviceUnavailable, count: 11) + [.ok]
        try await with(answers, policy: policy, now: { time.withLock { $0 } }) { client, call, peer, _ in
            for _ in 0..<10 { _ = try await client.send(call) }
            #expect(client.breakerState == .open)
            let error = await #expect(throws: OutboundError.self) { try await client.send(call) }
            #expect(error?.code == .breakerOpen)
            #expect(peer.requests.count == 10)
            time.withLock { $0 = 30 }
            // The probe fails, and the rest begins again.
            #expect(await statusOf(client, call) == 503)
            #expect(client.breakerState == .open)
            time.withLock { $0 = 60 }
            #expect(await statusOf(client, call) == 200)
            #expect(client.breakerState == .closed)
        }
    }

    @Test("A connection that cannot be made is tried again where the policy says so, and told without the password")
    func noConnection() async throws {
        for retries in [false, true] {
            let count = Mutex(0)
            var policy = RetryPolicy()
            policy.retriesFailures = retries
            let client = OutboundClient(
                policy: policy, connections: .patient, sleep: { _ in count.withLock { $0 += 1 } })
            let error = await #expect(throws: OutboundError.self) {
                try await client.send(OutboundCall(url: "http://user:secret@127.0.0.1:1/secret?key=secret"))
            }
            #expect(error?.code == .unreachable)
            #expect(error?.message.contains("127.0.0.1:1") == true)
            #expect(error?.message.contains("secret") == false)
            #expect(count.withLock { $0 } == (retries ? 3 : 0))
        }
    }

    @Test("A text that is no address, and an answer beyond the limit, have their own codes")
    func codes() async throws {
        for url in ["", "nothing", "ftp://host/"] {
            let error = await #expect(throws: OutboundError.self) {
                try await OutboundClient().send(OutboundCall(url: url))
            }
            #expect(error?.code == .invalidAddress, "\(url)")
        }
        let peer = try await HTTPPeer.start { _, _ in HTTPPeer.Answer(body: String(repeating: "x", count: 101)) }
        var call = OutboundCall(url: "http://127.0.0.1:\(peer.port)/")
        call.mostAnswerBytes = 101
        let body = try await OutboundClient(connections: .patient).send(call).body
        #expect(body.count == 101)
        call.mostAnswerBytes = 100
        let error = await #expect(throws: OutboundError.self) {
            try await OutboundClient(connections: .patient).send(call)
        }
        #expect(error?.code == .tooLarge)
        try await peer.stop()
    }

    @Test("A remote Qdrant gets its parts percent-encoded, the key in its header, and is named without a password")
    func remoteQdrant() async throws {
        let peer = try await HTTPPeer.start { _, _ in HTTPPeer.Answer(body: #"{"result":1}"#) }
        let remote = try RemoteQdrant(url: "http://me:secret@127.0.0.1:\(peer.port)/", apiKey: "k")
        #expect(remote.name == "http://127.0.0.1:\(peer.port)")
        let answer = try await remote.send(
            "PUT", ["collections", "a/b é"], query: ["wait": "true", "after": "1"], body: Array("{}".utf8))
        #expect(answer.status == 200)
        let head = try #require(peer.requests.first?.head)
        #expect(head.uri == "/collections/a%2Fb%20%C3%A9?after=1&wait=true")
        #expect(head.method == .PUT)
        #expect(head.headers["api-key"] == ["k"])
        try await peer.stop()
        for url in ["", "localhost:6333", "ftp://host", "http://"] {
            #expect(throws: OutboundError.self) { try RemoteQdrant(url: url, apiKey: nil) }
        }
    }
}

@Suite("A circuit breaker")
struct CircuitBreakerTests {
    @Test("A share of failures opens it only once the window has seen enough calls")
    func share() {
        var limits = CircuitBreaker.Limits()
        limits.mostFailures = 1_000
        var breaker = CircuitBreaker(limits: limits)
        for call in 1...99 { breaker.record(succeeded: call > 5, now: 0) }
        #expect(breaker.state == .closed)
        breaker.record(succeeded: true, now: 0)
        #expect(breaker.state == .open)
    }

    @Test("Failures of an earlier window do not count, and what was cancelled never does")
    func window() {
        var breaker = CircuitBreaker()
        for _ in 0..<9 { breaker.record(succeeded: false, now: 1) }
        for _ in 0..<100 { breaker.record(succeeded: nil, now: 1) }
        breaker.record(succeeded: false, now: 62)
        #expect(breaker.state == .closed)
        for _ in 0..<9 { breaker.record(succeeded: false, now: 63) }
        #expect(breaker.state == .open)
    }

    @Test("Half open it lets one call through at a time, and a probe that was cancelled lets another through")
    func probe() {
        var breaker = CircuitBreaker()
        for _ in 0..<10 { breaker.record(succeeded: false, now: 0) }
        let early = [29.5, 30, 30].map { breaker.admit(now: $0) }
        #expect(early == [.refuse(seconds: 0.5), .call, .refuse(seconds: 30)])
        #expect(breaker.state == .halfOpen)
        breaker.record(succeeded: nil, now: 31)
        let again = breaker.admit(now: 31)
        #expect(again == .call)
        breaker.record(succeeded: true, now: 31)
        #expect(breaker.state == .closed)
        let after = breaker.admit(now: 31)
        #expect(after == .call)
    }
}

@Suite("The policy of trying again")
struct RetryPolicyTests {
    @Test("Pauses double up to the longest one, and a service's own wish comes first")
    func pauses() {
        let policy = RetryPolicy()
        let doubling = [2, 3, 4, 5, 6, 7, 100].map { policy.pauseSeconds(before: $0, retryAfter: nil, jitter: 1) }
        #expect(doubling == [1, 2, 4, 8, 16, 30, 30])
        #expect(policy.pauseSeconds(before: 3, retryAfter: nil, jitter: 0.25) == 0.5)
        #expect(policy.pauseSeconds(before: 2, retryAfter: "7", jitter: 0) == 7)
        for text in ["-1", "nan", "inf", "Wed, 21 Oct 2026 07:28:00 GMT", ""] {
            #expect(policy.pauseSeconds(before: 2, retryAfter: text, jitter: 1) == 1, "\(text)")
        }
    }

    @Test("Only 429 and errors of the server may pass")
    func passing() {
        #expect([200, 302, 400, 404, 428, 430, 499].allSatisfy { !RetryPolicy.isPassing(status: $0) })
        #expect([429, 500, 502, 503, 504, 599].allSatisfy { RetryPolicy.isPassing(status: $0) })
    }

    @Test("Ten successes buy one more try, and a budget never grows beyond its first size")
    func budget() {
        var budget = RetryBudget(RetryPolicy())
        for _ in 0..<100 { budget.succeeded() }
        let taken = (0..<11).map { _ in budget.take() }
        #expect(taken == Array(repeating: true, count: 10) + [false])
        for _ in 0..<11 { budget.succeeded() }
        let more = (0..<2).map { _ in budget.take() }
        #expect(more == [true, false])
    }
}
