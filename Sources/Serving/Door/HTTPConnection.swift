import NIOCore
import NIOHTTP1

/// One connection: reads a request whole, has it answered, writes the answer, and only then looks at the next.
///
/// Lives on the channel's event loop. While an answer is made nothing is read, so that a client that sends request
/// upon request (RFC 9112, 9.3.2) waits in its own buffers; what had arrived with the request is kept in `waiting`.
/// A body that is streamed is the exception: it is read while its request is answered, as fast as it is taken.
///
/// A request that is refused is answered before its body has come. The body is then read and thrown away, up to a
/// limit: closing at once would reset the connection, and the client would not get to read why.
final class HTTPConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What the door gives each of its connections.
    struct Settings: Sendable {
        let admission: AdmissionPolicy
        let bodyLimitBytes: Int
        let isStreamed: @Sendable (HTTPCall) -> Bool
        let answer: @Sendable (HTTPCall) async -> HTTPAnswer
    }

    private let settings: Settings
    private let executor: LoopExecutor

    /// The request that is arriving.
    private var arriving: (head: HTTPRequestHead, call: HTTPCall)?
    private var body: [UInt8] = []
    /// The body that is handed on while it arrives; the answer to it is under way.
    private var stream: HTTPBodyStream?
    /// Whether the taker of `stream` has enough for now.
    private var isHeld = false
    /// Parts that came while an answer was made.
    private var waiting: [HTTPServerRequestPart] = []
    private var isAnswering = false
    private var wantsRead = false
    /// After the answer under way the connection is closed.
    private var isLast = false
    /// The last answer was given before the request had come whole; what still comes is thrown away.
    private var discards: Discarding?

    private struct Discarding {
        var count = 0
        var isAnswerSent = false
        var hasRequestEnded = false
    }

    init(_ settings: Settings, executor: LoopExecutor) {
        self.settings = settings
        self.executor = executor
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        waiting.append(unwrapInboundIn(data))
        takeWaiting(context)
    }

    func read(context: ChannelHandlerContext) {
        if mayTake, !isHeld { context.read() } else { wantsRead = true }
    }

    /// Whether the next part can be looked at.
    private var mayTake: Bool { discards != nil || stream != nil || !isAnswering }

    private func takeWaiting(_ context: ChannelHandlerContext) {
        while mayTake, !waiting.isEmpty { take(waiting.removeFirst(), context) }
    }

    private func readOn(_ context: ChannelHandlerContext) {
        guard wantsRead, mayTake, !isHeld else { return }
        wantsRead = false
        context.read()
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        if discards != nil { return discard(part, context) }
        switch part {
        case .head(let head): begin(head, context)
        case .body(let bytes):
            if let stream {
                isHeld = !stream.offer(Array(bytes.readableBytesView))
            } else if body.count + bytes.readableBytes <= settings.bodyLimitBytes {
                body.append(contentsOf: bytes.readableBytesView)
            } else {
                refuseAsTooLarge(context)
            }
        case .end:
            if let stream {
                self.stream = nil
                isHeld = false
                return stream.end()
            }
            guard let (head, call) = arriving else { return }
            arriving = nil
            answer(call.with(body: body), to: head, context)
            body = []
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let call = HTTPCall(head)
        arriving = (head, call)
        let isStreamed = settings.isStreamed(call)
        let refusal = settings.admission.refusal(
            method: call.method, headers: head.headers, authority: HTTPCall.authority(head.uri), isUpload: isStreamed)
        if let refusal { return refuse(.text(refusal.text, status: refusal.status), context) }
        if !isStreamed, let declared = head.headers.first(name: "content-length").flatMap({ Int($0) }) {
            guard declared <= settings.bodyLimitBytes else { return refuseAsTooLarge(context) }
            // Room is made as bytes come: a number in a header costs the caller nothing.
            body.reserveCapacity(min(declared, ServingLimits.reservedBodyBytes))
        }
        // A client that waits for leave to send its body goes on (RFC 9110, 10.1.1).
        if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
        }
        if isStreamed { beginStream(head, call, context) }
    }

    private func beginStream(_ head: HTTPRequestHead, _ call: HTTPCall, _ context: ChannelHandlerContext) {
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        let place = NIOLoopBound(context, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        let stream = HTTPBodyStream {
            loop.execute {
                connection.value.isHeld = false
                connection.value.readOn(place.value)
            }
        }
        arriving = nil
        self.stream = stream
        answer(call.with(stream: stream), to: head, context)
    }

    // MARK: Answering

    private func answer(_ call: HTTPCall, to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        isAnswering = true
        if !head.isKeepAlive { isLast = true }
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        let place = NIOLoopBound(context, eventLoop: context.eventLoop)
        let (loop, answer) = (context.eventLoop, settings.answer)
        // What is long to read would keep the loop's other connections waiting.
        let isPrompt = call.stream == nil && call.body.count <= ServingLimits.promptBodyBytes
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
        if let stream {
            // Answered before the body had come whole.
            stream.end(HTTPBodyStream.CutOff())
            return answerEarly(answer, to: head, context)
        }
        write(answer, to: head, context) { [self] in
            if isLast { return context.close(promise: nil) }
            isAnswering = false
            takeWaiting(context)
            readOn(context)
        }
    }

    /// Runs `then` on the loop: at once where another request may follow and the answer is whole, otherwise when the
    /// answer is with the system, or the connection has ended.
    private func write(
        _ answer: HTTPAnswer, to head: HTTPRequestHead, _ context: ChannelHandlerContext, then: @escaping () -> Void
    ) {
        let bytes = HTTPAnswerText.bytes(answer, to: head, isLast: isLast, allocator: context.channel.allocator)
        if let file = answer.file, head.method != .HEAD {
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
            return send(file, context, then: then)
        }
        guard isLast else {
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
            return then()
        }
        context.writeAndFlush(wrapOutboundOut(bytes)).assumeIsolated().whenComplete { _ in then() }
    }

    /// Sends what is left of a file: each part is read when the one before it is with the system.
    private func send(_ file: HTTPFile, sent: Int = 0, _ context: ChannelHandlerContext, then: @escaping () -> Void) {
        guard sent < file.byteCount else { return then() }
        file.next(on: context.eventLoop).assumeIsolated().whenComplete { [self] part in
            // Of a file that cannot be read to its end, the end of the connection tells the client.
            guard case .success(let bytes) = part, bytes.readableBytes > 0 else { return context.close(promise: nil) }
            context.writeAndFlush(wrapOutboundOut(bytes)).assumeIsolated().whenComplete { [self] outcome in
                // A client that has gone gets no more.
                guard case .success = outcome else { return }
                send(file, sent: sent + bytes.readableBytes, context, then: then)
            }
        }
    }

    // MARK: Refusing

    private func refuseAsTooLarge(_ context: ChannelHandlerContext) {
        refuse(.text("Payload reached size limit.", status: 413), context)
    }

    /// Answers the request that is arriving, and none after it.
    private func refuse(_ answer: HTTPAnswer, _ context: ChannelHandlerContext) {
        guard let (head, _) = arriving else { return }
        arriving = nil
        body = []
        answerEarly(answer, to: head, context)
    }

    private func answerEarly(_ answer: HTTPAnswer, to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        stream = nil
        isHeld = false
        isAnswering = true
        isLast = true
        discards = Discarding()
        write(answer, to: head, context) { [self] in
            discards?.isAnswerSent = true
            // The client sees the end of the answer, and of the connection, though it may still be sending.
            context.close(mode: discards?.hasRequestEnded == true ? .all : .output, promise: nil)
        }
        takeWaiting(context)
        readOn(context)
    }

    private func discard(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .body(let bytes):
            discards?.count += bytes.readableBytes
            if let count = discards?.count, count > ServingLimits.discardedBytes { context.close(promise: nil) }
        case .end:
            discards?.hasRequestEnded = true
            if discards?.isAnswerSent == true { context.close(promise: nil) }
        case .head: break
        }
    }

    // MARK: The connection's end

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is OpenConnections.NoFurtherRequests else { return context.fireUserInboundEventTriggered(event) }
        if let stream {
            // A body that may never come whole is not waited for.
            self.stream = nil
            isHeld = false
            stream.end(HTTPBodyStream.CutOff())
        }
        if isAnswering, discards == nil { isLast = true } else { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        stream?.end(HTTPBodyStream.CutOff())
        stream = nil
        context.fireChannelInactive()
    }

    /// What came is no request, or the connection broke.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError, !isAnswering else { return context.close(promise: nil) }
        isAnswering = true
        isLast = true
        write(.text("", status: 400), to: HTTPRequestHead(version: .http1_1, method: .GET, uri: "/"), context) {
            context.close(promise: nil)
        }
    }
}
