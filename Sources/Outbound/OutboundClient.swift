import AsyncHTTPClient
import Files
import Logging
import NIOCore
import NIOHTTP1
import Synchronization

/// One call to another server.
package struct OutboundCall: Sendable {
    package var method = "GET"
    package var url: String
    package var headers: [(name: String, value: String)] = []
    package var body: [UInt8] = []
    /// From connecting to the last byte, of one try.
    package var timeout: Duration = .seconds(30)
    /// The largest answer that is read.
    package var mostAnswerBytes = 64 << 20

    package init(url: String) { self.url = url }

    /// Host and port, for messages: a URL may carry a user and a password before them.
    package var host: String {
        let rest = url.split(separator: "//", maxSplits: 1).last ?? ""
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        return String(authority.split(separator: "@").last ?? "")
    }
}

/// An answer, whatever its status.
package struct OutboundAnswer: Sendable {
    package let status: Int
    package let body: [UInt8]
    let retryAfter: String?
}

/// The one client of other servers: it tries again, within a budget, and leaves a service alone that keeps failing.
///
/// It follows no redirection, so that keys and texts go where they were sent and nowhere else. One for each service:
/// budget and breaker are the service's own.
package final class OutboundClient: Sendable {
    private let policy: RetryPolicy
    private let sleep: @Sendable (Duration) async throws -> Void
    private let jitter: @Sendable () -> Double
    private let nowSeconds: @Sendable () -> Double
    private let logger = Logger(label: "cortex.outbound")
    private let state: Mutex<(breaker: CircuitBreaker, budget: RetryBudget)>

    private let connections: HTTPClient

    /// Connections to other servers, of the whole process: they are never shut down.
    package struct Connections: Sendable {
        fileprivate let client: HTTPClient

        /// - Parameter connectSeconds: how long a connection may take to be made.
        package init(connectSeconds: Int64) {
            var configuration = HTTPClient.Configuration(
                redirectConfiguration: .disallow,
                timeout: HTTPClient.Configuration.Timeout(connect: .seconds(connectSeconds)))
            // A connection that cannot be made is told at once; this client tries again itself.
            configuration.connectionPool.retryConnectionEstablishment = false
            client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        }

        /// A host that is not there is told within three seconds.
        package static let shared = Connections(connectSeconds: 3)
    }

    /// - Parameters:
    ///   - connections: over which calls are made.
    ///   - sleep: how to wait before another try.
    ///   - jitter: 0 … 1, the part of a pause that is waited.
    ///   - nowSeconds: a clock that never goes back.
    package init(
        policy: RetryPolicy = RetryPolicy(), breaker: CircuitBreaker.Limits = CircuitBreaker.Limits(),
        connections: Connections = .shared,
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        jitter: @escaping @Sendable () -> Double = { .random(in: 0...1) },
        nowSeconds: @escaping @Sendable () -> Double = { SteadyClock.seconds() }
    ) {
        self.policy = policy
        self.connections = connections.client
        self.sleep = sleep
        self.jitter = jitter
        self.nowSeconds = nowSeconds
        state = Mutex((CircuitBreaker(limits: breaker), RetryBudget(policy)))
    }

    /// What the breaker does now.
    package var breakerState: CircuitBreaker.State { state.withLock { $0.breaker.state } }

    /// Makes the call, several times where the policy allows it.
    ///
    /// - Returns: the last answer, of whatever status.
    /// - Throws: `OutboundError` when the last try got none.
    package func send(_ call: OutboundCall) async throws(OutboundError) -> OutboundAnswer {
        guard call.url.hasPrefix("http://") || call.url.hasPrefix("https://") else { throw Self.invalidAddress }
        for attempt in 1... {
            let outcome = try await once(call)
            let isLast = attempt >= policy.attempts
            let retryAfter: String?
            switch outcome {
            case .success(let answer):
                guard !isLast, RetryPolicy.isPassing(status: answer.status) else { return answer }
                retryAfter = answer.retryAfter
            case .failure(let error):
                guard !isLast, policy.retriesFailures, error.code == .unreachable || error.code == .timeout
                else { throw error }
                retryAfter = nil
            }
            let pause = policy.pauseSeconds(before: attempt + 1, retryAfter: retryAfter, jitter: jitter())
            guard pause <= policy.longestPauseSeconds, state.withLock({ $0.budget.take() }) else {
                return try outcome.get()
            }
            do {
                try await sleep(.seconds(pause))
            } catch {
                throw Self.cancelled(call)
            }
        }
        preconditionFailure("the last attempt returns or throws")
    }

    /// One try, unless the breaker refuses it.
    private func once(_ call: OutboundCall) async throws(OutboundError) -> Result<OutboundAnswer, OutboundError> {
        let now = nowSeconds()
        if case .refuse(let seconds) = state.withLock({ $0.breaker.admit(now: now) }) {
            throw OutboundError(
                .breakerOpen,
                "\(call.host) has failed too often and is left alone for \(Int(min(seconds, 3_600).rounded(.up))) s; "
                    + "see whether it is well")
        }
        let outcome: Result<OutboundAnswer, OutboundError>
        do throws(OutboundError) {
            outcome = .success(try await exchange(call))
        } catch {
            outcome = .failure(error)
        }
        let ended = nowSeconds()
        let change = state.withLock { state in
            let former = state.breaker.state
            state.breaker.record(succeeded: Self.isWell(outcome), now: ended)
            if Self.isWell(outcome) == true { state.budget.succeeded() }
            return former == state.breaker.state ? nil : state.breaker.state
        }
        switch change {
        case .open?: logger.warning("a service keeps failing and is left alone", metadata: ["host": "\(call.host)"])
        case .closed?: logger.notice("a service is well again", metadata: ["host": "\(call.host)"])
        case .halfOpen?, nil: break
        }
        return outcome
    }

    /// What an outcome says of the service; nil when nothing.
    private static func isWell(_ outcome: Result<OutboundAnswer, OutboundError>) -> Bool? {
        switch outcome {
        // A limit of the rate is no failure, and no success that would allow more tries.
        case .success(let answer): answer.status == 429 ? nil : answer.status < 500
        case .failure(let error): error.code == .cancelled ? nil : false
        }
    }

    private func exchange(_ call: OutboundCall) async throws(OutboundError) -> OutboundAnswer {
        do {
            let response = try await connections.execute(Self.request(call), timeout: TimeAmount(call.timeout))
            let body = try await response.body.collect(upTo: call.mostAnswerBytes)
            return OutboundAnswer(
                status: Int(response.status.code), body: Array(body.readableBytesView),
                retryAfter: response.headers.first(name: "retry-after"))
        } catch {
            throw Self.failure(error, call)
        }
    }

    private static func request(_ call: OutboundCall) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: call.url)
        request.method = HTTPMethod(rawValue: call.method)
        for (name, value) in call.headers { request.headers.add(name: name, value: value) }
        if !call.body.isEmpty { request.body = .bytes(ByteBuffer(bytes: call.body)) }
        return request
    }

    /// Hands over a body of any size part by part, where the status is 200; the call is made once.
    ///
    /// - Returns: the status.
    /// - Throws: `OutboundError`, or what `take` throws.
    package func download(_ call: OutboundCall, _ take: ([UInt8]) async throws -> Void) async throws -> Int {
        guard call.url.hasPrefix("http://") || call.url.hasPrefix("https://") else { throw Self.invalidAddress }
        let response: HTTPClientResponse
        do {
            response = try await connections.execute(Self.request(call), timeout: TimeAmount(call.timeout))
        } catch {
            throw Self.failure(error, call)
        }
        guard response.status == .ok else { return Int(response.status.code) }
        var parts = response.body.makeAsyncIterator()
        while true {
            let part: ByteBuffer?
            do {
                part = try await parts.next()
            } catch {
                throw Self.failure(error, call)
            }
            guard let part else { return 200 }
            try await take(Array(part.readableBytesView))
        }
    }

    // MARK: Failures

    private static let invalidAddress = OutboundError(
        .invalidAddress, "this is no address of a server; write http://host:port")

    private static func cancelled(_ call: OutboundCall) -> OutboundError {
        OutboundError(.cancelled, "the call to \(call.host) was cancelled")
    }

    private static func failure(_ error: any Error, _ call: OutboundCall) -> OutboundError {
        if error is CancellationError || Task.isCancelled { return cancelled(call) }
        if error is NIOTooManyBytesError {
            return OutboundError(
                .tooLarge, "\(call.host) answered with more than \(call.mostAnswerBytes >> 20) MiB", cause: error)
        }
        switch error as? HTTPClientError {
        case .cancelled: return cancelled(call)
        case .deadlineExceeded, .readTimeout, .connectTimeout, .writeTimeout, .tlsHandshakeTimeout,
            .getConnectionFromPoolTimeout:
            return OutboundError(
                .timeout, "\(call.host) did not answer within \(call.timeout); raise the timeout or retry",
                cause: error)
        case .invalidURL, .emptyHost, .emptyScheme: return invalidAddress
        default:
            return OutboundError(
                .unreachable, "\(call.host) cannot be reached; check the address and the network", cause: error)
        }
    }
}
