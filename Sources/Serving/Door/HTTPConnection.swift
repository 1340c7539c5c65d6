import NIOCore
import NIOHTTP1

/// One connection: reads a request whole, has it answered, writes the answer, and only then looks at the next.
///
/// Lives on the channel's event loop. While an answer is made nothing is read, so that a client that sends request
/// upon request (RFC 9112, 9.3.2) waits in its own buffers; what had arrived with the request is kept in `waiting`.
final class HTTPConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let bodyLimitBytes: Int
    private let executor: LoopExecutor
    private let answer: @Sendable (HTTPCall) async -> HTTPAnswer

    /// The request that is arriving.
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var isTooLarge = false
    /// Parts that came while an answer was made.
    private var waiting: [HTTPServerRequestPart] = []
    private var isAnswering = false
    private var wantsRead = false
    /// After the answer under way the connection is closed.
    private var isLast = false

    init(
        bodyLimitBytes: Int, executor: LoopExecutor, _ answer: @escaping @Sendable (HTTPCall) async -> HTTPAnswer
    ) {
        self.bodyLimitBytes = bodyLimitBytes
        self.executor = executor
        self.answer = answer
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if isAnswering { waiting.append(part) } else { take(part, context) }
    }

    func read(context: ChannelHandlerContext) {
        if isAnswering { wantsRead = true } else { context.read() }
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head): begin(head, context)
        case .body(let bytes):
            guard !isTooLarge else { return }
            guard body.count + bytes.readableBytes <= bodyLimitBytes else { return refuse(context) }
            body.append(contentsOf: bytes.readableBytesView)
        case .end:
            guard let head, !isTooLarge else { return }
            self.head = nil
            begin(HTTPCall(head, body: body), of: head, context)
            body = []
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        self.head = head
        if let declared = head.headers.first(name: "content-length").flatMap({ Int($0) }) {
            guard declared <= bodyLimitBytes else { return refuse(context) }
            // Room is made as bytes come: a number in a header costs the caller nothing.
            body.reserveCapacity(min(declared, ServingLimits.reservedBodyBytes))
        }
        // A client that waits for leave to send its body goes on (RFC 9110, 10.1.1).
        guard head.headers.first(name: "expect")?.lowercased() == "100-continue" else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
    }

    /// Answers 413; the rest of the body is not waited for.
    private func refuse(_ context: ChannelHandlerContext) {
        guard let head else { return }
        isTooLarge = true
        isLast = true
        isAnswering = true
        finish(.text("Payload reached size limit.", status: 413), to: head, context)
    }

    // MARK: Answering

    private func begin(_ call: HTTPCall, of head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        isAnswering = true
        if !head.isKeepAlive { isLast = true }
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        let place = NIOLoopBound(context, eventLoop: context.eventLoop)
        let (loop, answer) = (context.eventLoop, answer)
        // What is long to read would keep the loop's other connections waiting.
        let isPrompt = call.body.count <= ServingLimits.promptBodyBytes
        Task(executorPreference: isPrompt ? executor : nil) {
            let made = await answer(call)
            if loop.inEventLoop {
                connection.value.finish(made, to: head, place.value)
            } else {
                loop.execute { connection.value.finish(made, to: head, place.value) }
            }
        }
    }

    private func finish(_ answer: HTTPAnswer, to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let bytes = HTTPAnswerText.bytes(answer, to: head, isLast: isLast, allocator: context.channel.allocator)
        guard !isLast else {
            context.writeAndFlush(wrapOutboundOut(bytes)).assumeIsolated().whenComplete { _ in
                context.close(promise: nil)
            }
            return
        }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        isAnswering = false
        while !isAnswering, !waiting.isEmpty { take(waiting.removeFirst(), context) }
        if !isAnswering, wantsRead {
            wantsRead = false
            context.read()
        }
    }

    // MARK: The connection's end

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is OpenConnections.NoFurtherRequests {
            if isAnswering { isLast = true } else { context.close(promise: nil) }
            return
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// What came is no request, or the connection broke.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError, !isAnswering else { return context.close(promise: nil) }
        isAnswering = true
        isLast = true
        finish(.text("", status: 400), to: HTTPRequestHead(version: .http1_1, method: .GET, uri: "/"), context)
    }
}
