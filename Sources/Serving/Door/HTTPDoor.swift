import NIOCore
import NIOHTTP1
import NIOPosix

/// A listener that hands every request that its policy admits to one closure (RFC 9112; HTTP/1.0 is answered too).
///
/// A short request is answered on the event loop that read it: as long as the closure waits for nothing, no other
/// thread is woken between a request and its answer.
package struct HTTPDoor: Sendable {
    package let host: String
    /// 0 lets the system choose; `opened` says which it was.
    package let port: Int
    /// Largest body, in bytes; a larger one is refused with 413.
    package var bodyLimitBytes = ServingLimits.bodyBytes
    /// Which requests hand their body on while it arrives, of whatever size; asked with the body still to come.
    package var isStreamed: @Sendable (HTTPCall) -> Bool = { _ in false }
    /// Whether connections are read by a thread of this door's own, which no other door's requests can hold up.
    package var hasOwnThread = false
    /// Connections at a time; a further one is closed at once.
    package var connectionLimit = ServingLimits.connections
    /// Bytes of bodies at a time, of requests that arrive or are being answered; more are refused with 429.
    package var heldBodyLimitBytes = ServingLimits.heldBodyBytes
    /// Returns when the next tick has come; the limits on time count ticks. An error ends the counting.
    package var tick: @Sendable () async throws -> Void = { try await Task.sleep(for: ServingLimits.tick) }
    private let admission: AdmissionPolicy

    /// - Parameter hasKey: whether `answer` asks callers for a key; without one, requests that a web page may have sent
    ///   are refused (`AdmissionPolicy`).
    package init(host: String, port: Int, hasKey: Bool) {
        self.host = host
        self.port = port
        admission = AdmissionPolicy(hasKey: hasKey, isOnLoopback: LoopbackName.contains(host))
    }

    /// Serves until the task is cancelled; requests under way then are still answered. `opened` is told the port once
    /// connections are taken.
    ///
    /// `answer` must not block: a request of at most `ServingLimits.promptBodyBytes` runs on an event loop.
    ///
    /// - Throws: `DoorError` when the address cannot be listened on.
    package func serve(
        opened: @escaping @Sendable (Int) -> Void, _ answer: @escaping @Sendable (HTTPCall) async -> HTTPAnswer
    ) async throws {
        let settings = HTTPConnection.Settings(
            admission: admission, bodyLimitBytes: bodyLimitBytes,
            heldBodies: HeldBodies(limitBytes: heldBodyLimitBytes), isStreamed: isStreamed, answer: answer)
        let own = hasOwnThread ? MultiThreadedEventLoopGroup(numberOfThreads: 1) : nil
        do {
            try await serve(on: own ?? .singleton, settings, opened: opened)
        } catch {
            try await own?.shutdownGracefully()
            throw error
        }
        try await own?.shutdownGracefully()
    }

    private func serve(
        on group: MultiThreadedEventLoopGroup, _ settings: HTTPConnection.Settings,
        opened: @escaping @Sendable (Int) -> Void
    ) async throws {
        let connections = OpenConnections(limit: connectionLimit)
        let listener: any Channel
        do {
            listener = try await bind(group, settings, connections)
        } catch {
            throw DoorError(error, host: host, port: port)
        }
        let ticking = Task { [tick] in
            while !Task.isCancelled {
                try await tick()
                connections.tick()
            }
        }
        defer { ticking.cancel() }
        opened(listener.localAddress?.port ?? 0)
        await withTaskCancellationHandler {
            // Closing is all that can be told of a listener.
            _ = try? await listener.closeFuture.get()
        } onCancel: {
            listener.close(promise: nil)
        }
        await connections.finish()
    }

    private func bind(
        _ group: MultiThreadedEventLoopGroup, _ settings: HTTPConnection.Settings, _ connections: OpenConnections
    ) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: ServingLimits.waitingConnections)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 16_384, maximum: 1 << 19)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)),
                        HTTPConnection(settings, executor: LoopExecutor(channel.eventLoop)))
                    try connections.add(channel)
                }
            }
            .bind(host: host, port: port).get()
    }
}

/// Runs a task's parts on one event loop, so that what begins there and waits for nothing stays there.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
