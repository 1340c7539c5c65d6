import JSON
import MCP
import Testing

@Suite(.timeLimit(.minutes(1))) struct ConcurrencyTests {
    @Test func aSlowCallBlocksNeitherPingNorAListNorAnotherCall() async throws {
        let stage = Stage()
        let peer = Peer(stage.server)
        _ = try await peer.initialize()
        peer.request(1, "tools/call", stage.hold("slow"))
        var began = stage.began.makeAsyncIterator()
        #expect(await began.next() == "slow")
        try await peer.expectSilence()
        #expect(try await peer.ask("tools/list")["result"] != nil)
        #expect(try await peer.ask("tools/call", ["name": "count"])["result"] != nil)
        stage.release.happen()
        #expect(try await peer.next()["id"] == 1)
    }

    @Test func sixtyFourCallsAtOnceAreEachAnsweredOnce() async throws {
        let peer = Peer()
        _ = try await peer.initialize()
        for id in 0..<64 {
            peer.request(.integer(Int64(id)), "tools/call", ["name": "echo", "arguments": ["n": .integer(Int64(id))]])
        }
        var answered: Set<Int64> = []
        for _ in 0..<64 {
            let reply = try await peer.next()
            let id = try #require(reply["id"]?.integerValue)
            #expect(reply["result"]?["structuredContent"]?["arguments"]?["n"] == .integer(id))
            #expect(answered.insert(id).inserted)
        }
    }

    @Test func requestsBeyondTheLimitWaitAndAreNotRefused() async throws {
        let stage = Stage()
        var limits = MCPLimits()
        limits.maximumConcurrentRequests = 2
        let peer = Peer(stage.server, limits: limits)
        _ = try await peer.initialize()
        for id in 0..<6 { peer.request(.integer(Int64(id)), "tools/call", stage.hold(.integer(Int64(id)))) }
        var began = stage.began.makeAsyncIterator()
        for _ in 0..<2 { _ = await began.next() }
        try await peer.expectSilence()
        stage.release.happen()
        var answered: Set<Int64> = []
        for _ in 0..<6 { answered.insert(try #require(try await peer.next()["id"]?.integerValue)) }
        #expect(answered == Set(0..<6))
        #expect(stage.peakRunning.withLock { $0 } == 2)
    }

    @Test func cancellationStopsTheWorkAndNothingMoreIsSaidAboutIt() async throws {
        let stage = Stage()
        let peer = Peer(stage.server)
        _ = try await peer.initialize()
        peer.request("a", "tools/call", stage.hold("a"))
        var began = stage.began.makeAsyncIterator()
        _ = await began.next()
        peer.notify("notifications/cancelled", ["requestId": "a", "reason": "no longer wanted"])
        await stage.cancelled.wait()
        peer.transport.deliver(.endOfInput)
        #expect(await peer.end.value == .finished)
        #expect(try await peer.isExhausted())
    }

    @Test func aModernRequestIsCancelledToo() async throws {
        let stage = Stage()
        let peer = Peer(stage.server)
        peer.request(5, "tools/call", Samples.enveloped(stage.hold("a")))
        var began = stage.began.makeAsyncIterator()
        _ = await began.next()
        peer.notify("notifications/cancelled", ["requestId": 5])
        await stage.cancelled.wait()
        try await peer.expectSilence()
    }

    @Test func aRequestCancelledWhileItWaitsNeverBegins() async throws {
        let stage = Stage()
        var limits = MCPLimits()
        limits.maximumConcurrentRequests = 1
        let peer = Peer(stage.server, limits: limits)
        _ = try await peer.initialize()
        for id in ["first", "second", "third"] as [JSONValue] { peer.request(id, "tools/call", stage.hold(id)) }
        peer.notify("notifications/cancelled", ["requestId": "second"])
        try await peer.expectSilence()
        stage.release.happen()
        #expect(try await peer.next()["id"] == "first")
        #expect(try await peer.next()["id"] == "third")
        var began = stage.began.makeAsyncIterator()
        #expect(await began.next() == "first")
        #expect(await began.next() == "third")
        try await peer.expectSilence()
    }

    @Test(arguments: [1, "never-asked", nil, 1.5, ["a"]] as [JSONValue])
    func aCancellationOfAnUnknownIdIsPassedOver(id: JSONValue) async throws {
        let stage = Stage()
        let peer = Peer(stage.server)
        _ = try await peer.initialize()
        peer.request("1", "tools/call", stage.hold("a"))
        peer.notify("notifications/cancelled", ["requestId": id])
        try await peer.expectSilence()
        stage.release.happen()
        #expect(try await peer.next()["id"] == "1")
    }

    @Test func anIdThatIsStillOwedAReplyIsRefusedAndFreeAfterwards() async throws {
        let stage = Stage()
        let peer = Peer(stage.server)
        _ = try await peer.initialize()
        peer.request(1, "tools/call", stage.hold("a"))
        peer.request(1, "tools/call", stage.hold("b"))
        #expect(code(try await peer.next()) == -32600)
        stage.release.happen()
        #expect(try await peer.next()["result"]?["structuredContent"] == ["name": "a"])
        peer.request(1, "tools/call", stage.hold("c"))
        #expect(try await peer.next()["result"]?["structuredContent"] == ["name": "c"])
    }

    private func numbers(_ token: JSONValue?) -> JSONObject {
        var params: JSONObject = [
            "name": "count", "arguments": ["numbers": [1, 2, 2, 1, nil, 2.5, -1, 9]],
        ]
        if let token { params["_meta"] = ["progressToken": token] }
        return params
    }

    @Test(arguments: ["token", 7, "", 1.5] as [JSONValue])
    func progressBearsTheTokenRisesStrictlyAndEndsWithTheReply(token: JSONValue) async throws {
        let stage = Stage()
        let peer = Peer(stage.server)
        _ = try await peer.initialize()
        peer.request(1, "tools/call", numbers(token))
        for expected in [1, 2, 2.5, 9] {
            let message = try await peer.next()
            #expect(message["method"] == "notifications/progress")
            #expect(message["id"] == nil)
            #expect(message["params"]?["progressToken"] == token)
            #expect(message["params"]?["progress"]?.doubleValue == expected)
            #expect(message["params"]?["total"]?.doubleValue == 10)
            #expect(message["params"]?["message"] == "so far")
        }
        #expect(try await peer.next()["result"]?["structuredContent"] == ["wanted": true])
        stage.release.happen()
        await stage.cancelled.wait()
        try await peer.expectSilence()
    }

    @Test func withoutATokenThereIsNoProgress() async throws {
        let peer = Peer(Stage().server)
        _ = try await peer.initialize()
        let reply = try await peer.ask("tools/call", numbers(nil))
        #expect(reply["result"]?["structuredContent"] == ["wanted": false])
    }

    @Test func aPeerThatTakesItsAnswersLateIsServedAllTheSame() async throws {
        var limits = MCPLimits()
        limits.maximumPendingBytes = 1
        let peer = Peer(limits: limits)
        peer.transport.holdOutput()
        peer.request(1, "ping")
        #expect(try await peer.next()["id"] == 1)
        peer.request(2, "ping")
        peer.transport.releaseOutput()
        #expect(try await peer.next()["id"] == 2)
    }

    @Test func aFullQueueHoldsTheReaderUntilARequestBegins() async throws {
        let stage = Stage()
        var limits = MCPLimits()
        limits.maximumConcurrentRequests = 1
        limits.maximumWaitingRequests = 1
        let peer = Peer(stage.server, limits: limits)
        for id in ["first", "second"] as [JSONValue] {
            peer.request(id, "tools/call", Samples.enveloped(stage.hold(id)))
        }
        var began = stage.began.makeAsyncIterator()
        _ = await began.next()
        peer.request("ping", "tools/list", Samples.enveloped())
        stage.release.happen()
        #expect(try await peer.next()["id"] == "first")
        var rest: Set<String> = []
        for _ in 0..<2 { rest.insert(try #require(try await peer.next()["id"]?.stringValue)) }
        #expect(rest == ["second", "ping"])
    }
}
