import JSON
import NIOCore
import NIOHTTP1
import NIOPosix
import Outbound
import Synchronization

extension OutboundClient.Connections {
    /// A busy machine may take its time to connect.
    static let patient = OutboundClient.Connections(connectSeconds: 3_600)
}

/// A real HTTP server on a free port whose answers a test writes.
///
/// A connection ends with its answer: the system may give the port to the next server, whose requests would otherwise
/// come here over a connection that the client has kept.
final class HTTPPeer: Sendable {
    struct Request: Sendable {
        let head: HTTPRequestHead
        let body: JSONValue
    }

    struct Answer: Sendable {
        var status = HTTPResponseStatus.ok
        var headers = HTTPHeaders()
        /// `nil`: the request is never answered.
        var body: String? = ""
    }

    private let channel: any Channel
    private let log: RequestLog
    var port: Int { channel.localAddress?.port ?? 0 }
    var requests: [Request] { log.requests.withLock { $0 } }

    private init(channel: any Channel, log: RequestLog) {
        self.channel = channel
        self.log = log
    }

    final class RequestLog: Sendable {
        let requests = Mutex<[Request]>([])
        let connections = Mutex<[any Channel]>([])
    }

    static func start(_ answer: @escaping @Sendable (Request, Int) -> Answer) async throws -> HTTPPeer {
        let log = RequestLog()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                log.connections.withLock { $0.append(channel) }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Responder(log: log, answer: answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return HTTPPeer(channel: channel, log: log)
    }

    func stop() async throws {
        try await channel.close()
        for connection in log.connections.withLock({ $0 }) where connection.isActive {
            // The client may have closed it meanwhile.
            try? await connection.close()
        }
    }

    private final class Responder: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let log: RequestLog
        private let answer: @Sendable (Request, Int) -> Answer
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(log: RequestLog, answer: @escaping @Sendable (Request, Int) -> Answer) {
            self.log = log
            self.answer = answer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): self.head = head
            case .body(let buffer): body += buffer.readableBytesView
            case .end: respond(context)
            }
        }

        private func respond(_ context: ChannelHandlerContext) {
            guard let head else { return }
            let value = (try? JSONParser.parse(body)) ?? .null  // null fails the test that looks at it
            body = []
            let request = Request(head: head, body: value)
            let number = log.requests.withLock { requests in
                requests.append(request)
                return requests.count
            }
            let answer = answer(request, number)
            guard let text = answer.body else { return }
            var headers = answer.headers
            headers.replaceOrAdd(name: "content-length", value: String(text.utf8.count))
            headers.replaceOrAdd(name: "connection", value: "close")
            context.write(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers))),
                promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
            let channel = context.channel
            context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
        }
    }
}
