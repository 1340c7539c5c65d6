import NIOCore
import NIOHTTP1

/// One connection: reads a request whole, has it answered, writes the answer, and only then looks at the next. It waits
/// until the client has taken an answer but for a few kilobytes, so that answers that nobody reads do not pile up.
///
/// Lives on the channel's event loop. While an answer is made nothing is read, so that a client that sends request
/// upon request (RFC 9112, 9.3.2) waits in its own buffers; what had arrived with the request is kept in `waiting`.
/// A body that is streamed is the exception: it is read while its request is answered, as fast as it is taken.
///
/// A request that is refused is answered before its body has come. The body is then read and thrown away, up to a
/// limit: closing at once would reset the connection, and the client would not get to read why.
///
/// A client that keeps the connection waiting is not waited for longer than the limits say. The door's ticks are the
/// clock: each adds one to `quietTicks`, and what the client does sets it back.
final class HTTPConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What the door gives each of its connections.
    struct Settings: Sendable {
        let admission: AdmissionPolicy
        let bodyLimitBytes: Int
        let heldBodies: HeldBodies
        let isStreamed: @Sendable (HTTPCall) -> Bool
        let answer: @Sendable (HTTPCall) async -> HTTPAnswer
    }

    private let settings: Settings
    private let executor: LoopExecutor

    /// The request that is arriving.
    private var arriving: (head: HTTPRequestHead, call: HTTPCall)?
    private var body: [UInt8] = []
    /// Bytes of the body that are counted in the settings' `heldBodies`, until its request is answered.
    private var heldBytes = 0
    /// The body that is handed on while it arrives; the answer to it is under way.
    private var stream: HTTPBodyStream?
    /// Whether the taker of `stream` has enough for now.
    private var isHeld = false
    /// Parts that came while an answer was made.
    private var waiting = CircularBuffer<HTTPServerRequestPart>()
    private var isAnswering = false
    /// What follows the answer under way, once the client has taken it.
    private var whenTaken: (() -> Void)?
    /// Whether an answer is written and the client has not taken it.
    private var isUntaken = false
    private var wantsRead = false
    /// After the answer under way the connection is closed.
    private var isLast = false
    /// The last answer was given before the request had come whole; what still comes is thrown away.
    private var discards: Discarding?

    /// Ticks since the client did something that was waited for.
    private var quietTicks = 0
    /// Bytes of the body that arrives, since they last counted as progress.
    private var newBytes = 0
    /// Whether a request's head is waited for: the first one, or one of which a part has come.
    private var wantsHead = true

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
            newBytes += bytes.readableBytes
            if newBytes >= ServingLimits.bodyProgressBytes { (newBytes, quietTicks) = (0, 0) }
            if let stream {
                isHeld = !stream.offer(Array(bytes.readableBytesView))
            } else if body.count + bytes.readableBytes > settings.bodyLimitBytes {
                refuseAsTooLarge(context)
            } else if settings.heldBodies.add(bytes.readableBytes) {
                heldBytes += bytes.readableBytes
                body.append(contentsOf: bytes.readableBytesView)
            } else {
                refuseAsCrowded(context)
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
        (wantsHead, quietTicks, newBytes) = (false, 0, 0)
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
        releaseBody()
        if let stream {
            // Answered before the body had come whole.
            stream.end(HTTPBodyStream.CutOff())
            return answerEarly(answer, to: head, context)
        }
        write(answer, to: head, context) { [self] in
            if isLast { return context.close(promise: nil) }
            (isAnswering, isUntaken, quietTicks) = (false, false, 0)
            takeWaiting(context)
            readOn(context)
        }
    }

    private func releaseBody() {
        guard heldBytes > 0 else { return }
        settings.heldBodies.remove(heldBytes)
        heldBytes = 0
    }

    /// Runs `then` on the loop: at once where another request may follow and the system has taken all but a little of
    /// the answer, otherwise when that is so, or the connection has ended.
    private func write(
        _ answer: HTTPAnswer, to head: HTTPRequestHead, _ context: ChannelHandlerContext, then: @escaping () -> Void
    ) {
        let bytes = HTTPAnswerText.bytes(answer, to: head, isLast: isLast, allocator: context.channel.allocator)
        (isUntaken, quietTicks) = (true, 0)
        if let file = answer.file, head.method != .HEAD {
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
            return send(file, context, then: then)
        }
        guard isLast else {
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
            guard !context.channel.isWritable else { return then() }
            whenTaken = then
            return
        }
        context.writeAndFlush(wrapOutboundOut(bytes)).assumeIsolated().whenComplete { _ in then() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, let then = whenTaken {
            whenTaken = nil
            then()
        }
        context.fireChannelWritabilityChanged()
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
                quietTicks = 0
                send(file, sent: sent + bytes.readableBytes, context, then: then)
            }
        }
    }

    // MARK: Refusing

    private func refuseAsTooLarge(_ context: ChannelHandlerContext) {
        refuse(.text("Payload reached size limit.", status: 413), context)
    }

    private func refuseAsCrowded(_ context: ChannelHandlerContext) {
        var answer = HTTPAnswer.text("Too many bodies arrive at once. Try again.", status: 429)
        answer.headers.append(("retry-after", String(ServingLimits.heldBodyRetrySeconds)))
        refuse(answer, context)
    }

    /// Answers the request that is arriving, and none after it.
    private func refuse(_ answer: HTTPAnswer, _ context: ChannelHandlerContext) {
        guard let (head, _) = arriving else { return }
        arriving = nil
        body = []
        releaseBody()
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
        switch event {
        case is OpenConnections.Tick: tick(context)
        case is OpenConnections.NoFurtherRequests:
            cutStreamOff()
            // What an answer's client has not taken of it is not waited for.
            if isAnswering, discards == nil, whenTaken == nil { isLast = true } else { context.close(promise: nil) }
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    /// A body that may never come whole is not waited for.
    private func cutStreamOff() {
        guard let stream else { return }
        self.stream = nil
        isHeld = false
        stream.end(HTTPBodyStream.CutOff())
    }

    /// Ends the wait for a client that takes too long.
    private func tick(_ context: ChannelHandlerContext) {
        let isArriving = arriving != nil || stream != nil || discards != nil || wantsHead
        // An answer is being made, or the taker of a body is not as fast as its client: the client need not do
        // anything.
        if isHeld || (isAnswering && !isUntaken && !isArriving) {
            quietTicks = 0
            return
        }
        quietTicks += 1
        let limit =
            if isArriving { ServingLimits.arrivalTicks } else if isUntaken { ServingLimits.answerTicks } else {
                ServingLimits.idleTicks
            }
        guard quietTicks >= limit else { return }
        quietTicks = 0
        if arriving != nil {
            refuse(.text("The request did not come whole in time.", status: 408), context)
        } else if stream != nil {
            isLast = true
            cutStreamOff()
        } else {
            context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Something has come and no part of a request was made of it, so it is the beginning of a head.
        if arriving == nil, !isAnswering, !wantsHead { (wantsHead, quietTicks) = (true, 0) }
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        stream?.end(HTTPBodyStream.CutOff())
        stream = nil
        whenTaken = nil
        if !isAnswering { releaseBody() }
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
