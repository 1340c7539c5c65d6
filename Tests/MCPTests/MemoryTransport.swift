import Dispatch
import JSON
import MCP
import Synchronization

/// A transport without descriptors: the test sends the messages and sees the answers.
final class MemoryTransport: Transport {
    private struct Guarded {
        var receive: (@Sendable (TransportEvent) -> Void)?
        var isHeld = false
        var heldBytes: [Int] = []
        var hasEnded = false
    }

    private let reader = DispatchQueue(label: "test.reader")
    private let writer = DispatchQueue(label: "test.writer")
    private let guarded = Mutex(Guarded())
    private let outgoing: AsyncStream<[UInt8]>.Continuation
    let sent: AsyncStream<[UInt8]>

    init() {
        (sent, outgoing) = AsyncStream.makeStream()
        reader.suspend()
    }

    func start(_ receive: @escaping @Sendable (TransportEvent) -> Void) {
        guarded.withLock { $0.receive = receive }
        reader.resume()
    }

    func send(_ message: [UInt8]) {
        outgoing.yield(message)
        guarded.withLock { guarded in
            if guarded.isHeld {
                guarded.heldBytes.append(message.count)
            } else {
                report(message.count, guarded.receive)
            }
        }
    }

    func stopReceiving() { deliver(.endOfInput) }

    /// Hands an event to the session, after those before it.
    func deliver(_ event: TransportEvent) {
        reader.async { [self] in
            let receive = guarded.withLock { guarded -> (@Sendable (TransportEvent) -> Void)? in
                if case .endOfInput = event {
                    if guarded.hasEnded { return nil }
                    guarded.hasEnded = true
                }
                return guarded.receive
            }
            receive?(event)
        }
    }

    /// Ends the record of what was sent.
    func closeSent() { outgoing.finish() }

    /// What a broken output is told on the writer's thread.
    func breakOutput() {
        let receive = guarded.withLock { $0.receive }
        writer.async { receive?(.outputClosed) }
    }

    /// While held, the peer takes nothing: what is sent counts as not written.
    func holdOutput() { guarded.withLock { $0.isHeld = true } }

    func releaseOutput() {
        guarded.withLock { guarded in
            guarded.isHeld = false
            for count in guarded.heldBytes { report(count, guarded.receive) }
            guarded.heldBytes = []
        }
    }

    private func report(_ byteCount: Int, _ receive: (@Sendable (TransportEvent) -> Void)?) {
        writer.async { receive?(.written(byteCount: byteCount)) }
    }
}

/// Something that happens once and can be waited for.
final class Event: Sendable {
    private let guarded = Mutex<(hasHappened: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))

    func happen() {
        let waiters = guarded.withLock { guarded in
            guarded.hasHappened = true
            defer { guarded.waiters = [] }
            return guarded.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let hasHappened = guarded.withLock { guarded in
                if !guarded.hasHappened { guarded.waiters.append(continuation) }
                return guarded.hasHappened
            }
            if hasHappened { continuation.resume() }
        }
    }
}

/// A clock that only the test moves: delayed actions wait until they are asked for.
final class ManualClock: Sendable {
    private struct Delayed: Sendable {
        let delay: Duration
        let action: @Sendable () -> Void
    }

    private let delayed = Mutex<[Delayed]>([])
    private let added: AsyncStream<Void>.Continuation
    private let additions: AsyncStream<Void>

    init() { (additions, added) = AsyncStream.makeStream() }

    var scheduler: Scheduler {
        { [self] delay, action in
            delayed.withLock { $0.append(Delayed(delay: delay, action: action)) }
            added.yield()
        }
    }

    /// Waits for the next action to be scheduled, then runs it; returns the delay it had asked for.
    @discardableResult
    func runNext() async -> Duration? {
        let next = await takeNext()
        next?.action()
        return next?.delay
    }

    /// As `runNext`, without running it.
    func skipNext() async -> Duration? { await takeNext()?.delay }

    private func takeNext() async -> Delayed? {
        for await _ in additions { break }
        return delayed.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    }
}
