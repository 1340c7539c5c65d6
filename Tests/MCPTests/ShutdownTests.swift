import JSON
import MCP
import Testing

@Suite(.timeLimit(.minutes(1))) struct ShutdownTests {
    @Test func theEndOfInputEndsAnIdleSessionAtOnce() async throws {
        let peer = Peer()
        peer.transport.deliver(.endOfInput)
        #expect(await peer.end.value == .finished)
    }

    @Test func whatWasReadBeforeTheEndIsAnswered() async throws {
        let stage = Stage()
        var limits = MCPLimits()
        limits.maximumConcurrentRequests = 1
        let peer = Peer(stage.server, limits: limits)
        for id in [1, 2, 3] as [JSONValue] { peer.request(id, "tools/call", Samples.enveloped(stage.hold(id))) }
        peer.transport.deliver(.endOfInput)
        stage.release.happen()
        #expect(await peer.end.value == .finished)
        for id in [1, 2, 3] as [JSONValue] { #expect(try await peer.next()["id"] == id) }
        #expect(try await peer.isExhausted())
    }

    @Test func aSlowReaderStillGetsItsLastAnswerBeforeTheSessionEnds() async throws {
        let peer = Peer()
        peer.transport.holdOutput()
        peer.request(1, "ping")
        peer.transport.deliver(.endOfInput)
        _ = try await peer.next()
        peer.transport.releaseOutput()
        #expect(await peer.end.value == .finished)
        #expect(!peer.wasAbandoned.value.withLock { $0 })
    }

    @Test func workThatOutlivesTheGraceIsCancelledWithoutAReply() async throws {
        let stage = Stage()
        let peer = Peer(stage.server)
        peer.request(1, "tools/call", Samples.enveloped(stage.hold("a")))
        var began = stage.began.makeAsyncIterator()
        _ = await began.next()
        peer.transport.deliver(.endOfInput)
        #expect(await peer.clock.runNext() == MCPLimits().endOfInputGrace)
        await stage.cancelled.wait()
        #expect(await peer.end.value == .finished)
        #expect(try await peer.isExhausted())
    }

    @Test func workThatDoesNotNoticeItsCancellationIsAbandoned() async throws {
        let release = Event()
        let began = Event()
        let deaf = Samples.tool("deaf") { _, _ in
            began.happen()
            await release.wait()
            return ToolOutcome([:])
        }
        let peer = Peer(Samples.server([deaf]))
        peer.request(1, "tools/call", Samples.enveloped(["name": "deaf"]))
        await began.wait()
        peer.session.shutDown()
        #expect(await peer.clock.runNext() == MCPLimits().terminationGrace)
        #expect(await peer.clock.runNext() == MCPLimits().abandonGrace)
        #expect(await peer.end.value == .abandoned)
        #expect(peer.wasAbandoned.value.withLock { $0 })
        release.happen()
        #expect(try await peer.isExhausted())
    }

    @Test func answersThatAreStillToLeaveOutliveTheGraceAsLongAsThePeerTakesThem() async throws {
        let peer = Peer()
        peer.transport.holdOutput()
        peer.request(1, "ping")
        peer.transport.deliver(.endOfInput)
        #expect(await peer.clock.runNext() == MCPLimits().endOfInputGrace)
        peer.transport.releaseOutput()
        #expect(await peer.end.value == .finished)
        #expect(try await peer.next()["id"] == 1)
    }

    @Test func aPeerThatTakesNothingIsAbandoned() async throws {
        let peer = Peer()
        peer.transport.holdOutput()
        peer.request(1, "ping")
        peer.transport.deliver(.endOfInput)
        await peer.clock.runNext()
        await peer.clock.runNext()
        #expect(await peer.end.value == .abandoned)
    }

    @Test func aSignalAfterTheEndOfInputShortensTheGrace() async throws {
        let stage = Stage()
        let peer = Peer(stage.server)
        peer.request(1, "tools/call", Samples.enveloped(stage.hold("a")))
        var began = stage.began.makeAsyncIterator()
        _ = await began.next()
        peer.transport.deliver(.endOfInput)
        #expect(await peer.clock.skipNext() == MCPLimits().endOfInputGrace)
        peer.session.shutDown()
        #expect(await peer.clock.runNext() == MCPLimits().terminationGrace)
        await stage.cancelled.wait()
        #expect(await peer.end.value == .finished)
    }

    @Test func shuttingDownReadsNothingMoreAndFinishesWhatBegan() async throws {
        let stage = Stage()
        let peer = Peer(stage.server)
        peer.request(1, "tools/call", Samples.enveloped(stage.hold("a")))
        var began = stage.began.makeAsyncIterator()
        _ = await began.next()
        peer.session.shutDown()
        peer.session.shutDown()
        stage.release.happen()
        #expect(await peer.end.value == .finished)
        #expect(try await peer.next()["id"] == 1)
    }

    @Test func aPeerThatNoLongerListensEndsTheSessionAndItsWork() async throws {
        let stage = Stage()
        let peer = Peer(stage.server)
        peer.request(1, "tools/call", Samples.enveloped(stage.hold("a")))
        var began = stage.began.makeAsyncIterator()
        _ = await began.next()
        peer.transport.breakOutput()
        await stage.cancelled.wait()
        #expect(await peer.end.value == .finished)
        #expect(try await peer.isExhausted())
    }
}

extension Peer {
    /// Whether nothing was sent that has not been taken; for after the session's end.
    func isExhausted() async throws -> Bool {
        transport.closeSent()
        return try await nextIfAny() == nil
    }
}
