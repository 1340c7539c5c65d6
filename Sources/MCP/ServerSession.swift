import Dispatch
import JSON
import Synchronization

/// One peer on one transport: reads its messages, lets requests work side by side, answers in whatever order they end.
///
/// Methods that need no waiting (`ping`, `initialize`, `tools/list`, every refusal) are answered on the transport's
/// thread, so that neither slow calls nor a busy thread pool delay them. All else is a task. What is to be done is
/// decided by ``ConnectionState`` under the lock, and messages are queued under the same lock, which orders them.
package final class ServerSession: Sendable {
    /// How a session came to its end.
    package enum End: Sendable, Equatable {
        /// All that was asked is answered.
        case finished
        /// Work did not notice in time that it was cancelled, or the peer did not take its answers.
        case abandoned
    }

    private struct Guarded: Sendable {
        var state: ConnectionState
        var tasks: [Ticket: Task<Void, Never>] = [:]
        /// Requests that go on until they are told to end.
        var listening: Set<Ticket> = []
        var isReaderWaiting = false
        var end: End?
        var continuation: CheckedContinuation<End, Never>?
    }

    private let router: RequestRouter
    private let transport: any Transport
    private let limits: MCPLimits
    private let schedule: Scheduler
    private let whenAbandoned: @Sendable () -> Void
    private let guarded: Mutex<Guarded>
    private let gate = DispatchSemaphore(value: 0)

    /// - Parameter whenAbandoned: called before an abandoned session ends, on the scheduler's thread.
    package init(
        server: ServerDescription, limits: MCPLimits, transport: any Transport, schedule: @escaping Scheduler,
        whenAbandoned: @escaping @Sendable () -> Void = {}
    ) {
        router = RequestRouter(server: server, limits: limits)
        self.transport = transport
        self.limits = limits
        self.schedule = schedule
        self.whenAbandoned = whenAbandoned
        guarded = Mutex(Guarded(state: ConnectionState(limits: limits)))
    }

    /// Serves until the peer has left or ``shutDown()`` was called. To be called once.
    package func run() async -> End {
        transport.start { [self] in receive($0) }
        return await withCheckedContinuation { continuation in
            let end = guarded.withLock { guarded -> End? in
                if guarded.end == nil { guarded.continuation = continuation }
                return guarded.end
            }
            if let end { continuation.resume(returning: end) }
        }
    }

    /// Reads nothing more, and ends as at the end of input, only sooner: what was read is worked on for a short grace.
    package func shutDown() {
        drain(limits.terminationGrace)
        transport.stopReceiving()
    }

    // MARK: Input

    private func receive(_ event: TransportEvent) {
        switch event {
        case .message(let text): receive(text)
        case .oversized: send(.error(nil, tooLong))
        case .endOfInput: drain(limits.endOfInputGrace)
        case .written(let byteCount): change { $0.state.didWrite(byteCount: byteCount) }
        case .outputClosed:
            silence(isCutOff: true)
            drain(limits.terminationGrace)
        }
    }

    private var tooLong: RPCError {
        RPCError(.invalidRequest, "a message is at most \(limits.maximumMessageBytes) bytes long; it was not read")
    }

    private func receive(_ text: [UInt8]) {
        switch IncomingMessage.parse(text) {
        case .request(let request): receive(request, sizeBytes: text.count)
        case .notification("notifications/cancelled", let params): cancel(params)
        case .notification, .ignored: break
        case .refused(let id, let error): send(.error(id, error))
        }
        while guarded.withLock({ guarded in
            guarded.isReaderWaiting = guarded.state.isFull
            return guarded.isReaderWaiting
        }) {
            gate.wait()
        }
    }

    private func receive(_ request: IncomingRequest, sizeBytes: Int) {
        switch router.route(request, handshake: guarded.withLock { $0.state.handshake }) {
        case .reply(let message): send(message)
        case .open(let handshake, let message):
            guarded.withLock { $0.state.handshake = handshake }
            send(message)
        case .work(let work):
            change { guarded in
                switch guarded.state.admit(request.id, work, sizeBytes: sizeBytes) {
                case .start(let ticket): start(ticket, work, &guarded)
                case .wait: break
                case .duplicate:
                    let error = RPCError(.invalidRequest, "this id belongs to a request that is not answered yet")
                    send(.error(request.id, error), &guarded)
                }
            }
        }
    }

    /// A cancellation that names no known request is passed over, as the protocol asks.
    private func cancel(_ params: JSONObject) {
        guard let id = params["requestId"].flatMap(RequestID.init) else { return }
        change { guarded in
            if let ticket = guarded.state.cancel(id) { guarded.tasks[ticket]?.cancel() }
        }
    }

    // MARK: Work

    private func start(_ ticket: Ticket, _ work: Work, _ guarded: inout Guarded) {
        if work.isListening { guarded.listening.insert(ticket) }
        guarded.tasks[ticket] = Task {
            let message = await work.perform(reporter(ticket, work.progressToken))
            finish(ticket, message)
        }
    }

    private func finish(_ ticket: Ticket, _ message: OutgoingMessage) {
        change { guarded in
            guarded.tasks[ticket] = nil
            guarded.listening.remove(ticket)
            let (isOwed, next) = guarded.state.finish(ticket)
            if isOwed { send(message, &guarded) }
            if let next { start(next.ticket, next.work, &guarded) }
        }
    }

    private func reporter(_ ticket: Ticket, _ token: JSONValue?) -> ProgressReporter {
        let notify: ProgressReporter.Notify = { [self] method, params in
            guarded.withLock { guarded in
                guard guarded.state.isOwed(ticket) else { return }
                send(.notification(method, params), &guarded)
            }
        }
        guard let token else { return ProgressReporter(nil, notify: notify) }
        let report: ProgressReporter.Report = { [self] progress, total, message in
            guarded.withLock { guarded in
                guard guarded.state.advance(ticket, to: progress) else { return }
                var params: JSONObject = ["progressToken": token, "progress": .number(progress)]
                if let total, total.isFinite { params["total"] = .number(total) }
                if let message { params["message"] = .string(message) }
                send(.notification("notifications/progress", params), &guarded)
            }
        }
        return ProgressReporter(report, notify: notify)
    }

    // MARK: Output

    private func send(_ message: OutgoingMessage) { guarded.withLock { send(message, &$0) } }

    private func send(_ message: OutgoingMessage, _ guarded: inout Guarded) {
        guard !guarded.state.isMute, guarded.end == nil else { return }
        guarded.state.willSend(byteCount: message.text.count)
        transport.send(message.text)
    }

    // MARK: Ending

    private func drain(_ grace: Duration) {
        var isShorter = false
        change { guarded in
            isShorter = guarded.state.drain(grace)
            for ticket in guarded.listening { guarded.tasks[ticket]?.cancel() }
        }
        guard isShorter else { return }
        schedule(grace) { [self] in
            silence(isCutOff: false)
            schedule(limits.abandonGrace) { [self] in abandon() }
        }
    }

    private func silence(isCutOff: Bool) {
        change { guarded in
            for ticket in guarded.state.silence(isCutOff: isCutOff) { guarded.tasks[ticket]?.cancel() }
        }
    }

    /// Gives up on what still runs, but not on a peer that goes on taking its answers.
    private func abandon() {
        let (isOver, takesOutput) = guarded.withLock { ($0.end != nil, $0.state.takesOutput()) }
        if isOver { return }
        if takesOutput { return schedule(limits.abandonGrace) { [self] in abandon() } }
        whenAbandoned()
        conclude(.abandoned)
    }

    private func conclude(_ end: End) {
        let continuation = guarded.withLock { guarded -> CheckedContinuation<End, Never>? in
            guard guarded.end == nil else { return nil }
            guarded.end = end
            return guarded.continuation.take()
        }
        continuation?.resume(returning: end)
    }

    /// Changes the state under the lock, then does what follows from it: lets the reader go on, or ends the session.
    private func change(_ body: (inout Guarded) -> Void) {
        let (letsReaderGo, isFinished) = guarded.withLock { guarded in
            body(&guarded)
            let letsReaderGo = guarded.isReaderWaiting && !guarded.state.isFull
            if letsReaderGo { guarded.isReaderWaiting = false }
            return (letsReaderGo, guarded.state.isFinished)
        }
        if letsReaderGo { gate.signal() }
        if isFinished { conclude(.finished) }
    }
}
