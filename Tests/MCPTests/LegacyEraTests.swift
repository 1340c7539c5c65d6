import JSON
import MCP
import Testing

@Suite(.timeLimit(.minutes(1))) struct LegacyEraTests {
    @Test(arguments: ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
    func initializeAgreesToEveryVersionWithAHandshake(version: String) async throws {
        let result = try #require(try await Peer().initialize(version)["result"])
        #expect(result["protocolVersion"] == .string(version))
        #expect(result["instructions"] == "Store what matters.")
        #expect(result["serverInfo"]?["name"] == "cortex")
        #expect(result["serverInfo"]?["version"] == "1.0.0")
        #expect(result["capabilities"]?["tools"] == [:])
        #expect(result["capabilities"]?["prompts"] == nil)
        #expect(result["capabilities"]?["logging"] == nil)
        #expect(result["resultType"] == nil)
    }

    @Test(arguments: ["2026-07-28", "1999-01-01", ""])
    func initializeOffersTheNewestHandshakeVersionForAnyOther(version: String) async throws {
        let reply = try await Peer().initialize(version)
        #expect(reply["result"]?["protocolVersion"] == "2025-11-25")
    }

    @Test func theNewestHandshakeVersionIsToldTitleDescriptionAndIcons() async throws {
        let info = try await Peer().initialize()["result"]?["serverInfo"]
        #expect(info?["title"] == "Cortex")
        #expect(info?["description"] == "A memory")
        #expect(info?["icons"]?.arrayValue?.first?["src"] == "data:image/png;base64,AAAA")
    }

    @Test func theOldestVersionIsToldNothingItDidNotKnow() async throws {
        let peer = Peer()
        let result = try await peer.initialize("2024-11-05")["result"]
        #expect(result?["serverInfo"] == ["name": "cortex", "version": "1.0.0"])
        #expect(result?["capabilities"]?["completions"] == nil)
        let tool = try await peer.ask("tools/list")["result"]?["tools"]?.arrayValue?.first
        #expect(tool?.objectValue.map { Array($0.keys) } == ["name", "description", "inputSchema"])
        let call = try await peer.ask("tools/call", ["name": "echo"])["result"]
        #expect(call?["structuredContent"] == nil)
        #expect(call?["content"]?.arrayValue?.count == 1)
    }

    @Test(
        arguments: [
            [:], ["protocolVersion": 3], ["protocolVersion": "2025-11-25", "capabilities": []],
        ] as [JSONObject])
    func initializeWithParamsOfWrongShapeIsInvalidParamsAndOpensNothing(params: JSONObject) async throws {
        let peer = Peer()
        #expect(code(try await peer.ask("initialize", params)) == -32602)
        #expect(code(try await peer.ask("tools/list")) == -32602)
        #expect(try await peer.initialize()["result"] != nil)
    }

    @Test func aSecondInitializeIsAnInvalidRequestAndTheFirstOneStands() async throws {
        let peer = Peer()
        _ = try await peer.initialize("2025-06-18")
        #expect(code(try await peer.initialize("2025-11-25")) == -32600)
        let echo = try await peer.ask("tools/call", ["name": "echo"])
        #expect(echo["result"]?["structuredContent"]?["version"] == "2025-06-18")
    }

    @Test func pingIsAnsweredBeforeAndAfterInitialize() async throws {
        let peer = Peer()
        #expect(try await peer.ask("ping")["result"] == [:])
        _ = try await peer.initialize()
        #expect(try await peer.ask("ping")["result"] == [:])
    }

    @Test(arguments: ["tools/list", "tools/call", "resources/list", "resources/read", "completion/complete"])
    func aRequestBeforeInitializeIsAnsweredWithAnError(method: String) async throws {
        #expect(code(try await Peer().ask(method)) == -32602)
    }

    @Test func aRequestThatFollowsInitializeWithoutWaitingIsServed() async throws {
        let peer = Peer()
        peer.request(1, "initialize", Samples.initialization("2025-11-25"))
        peer.request(2, "tools/list")
        #expect(try await peer.next()["id"] == 1)
        #expect(try await peer.next()["result"]?["tools"] != nil)
    }

    @Test(arguments: [
        "prompts/list", "prompts/get", "logging/setLevel", "resources/subscribe", "resources/unsubscribe",
        "roots/list", "tasks/list", "subscriptions/listen", "tools/delete", "",
    ])
    func aMethodThatIsUnknownOrNotDeclaredIsNotFound(method: String) async throws {
        let peer = Peer()
        #expect(code(try await peer.ask(method)) == -32601)
        _ = try await peer.initialize()
        #expect(code(try await peer.ask(method)) == -32601)
    }

    @Test func discoverWithoutAnEnvelopeIsToldWhichMembersItLacks() async throws {
        let reply = try await Peer().ask("server/discover")
        #expect(code(reply) == -32602)
        let message = try #require(reply["error"]?["message"]?.stringValue)
        #expect(message.contains("io.modelcontextprotocol/protocolVersion"))
        #expect(message.contains("io.modelcontextprotocol/clientCapabilities"))
    }

    @Test(arguments: [
        "notifications/initialized", "notifications/roots/list_changed", "notifications/nobody-knows",
        "notifications/cancelled", "tools/call", "initialize",
    ])
    func aNotificationIsNeverAnswered(method: String) async throws {
        let peer = Peer()
        _ = try await peer.initialize()
        peer.notify(method)
        peer.notify(method, ["requestId": ["no", "id"]])
        peer.send(["jsonrpc": "2.0", "method": .string(method), "params": [1]])
        peer.send(["jsonrpc": "1.0", "method": .string(method)])
        try await peer.expectSilence()
    }

    @Test func theHandshakeGivesToolsTheirClient() async throws {
        let peer = Peer()
        _ = try await peer.initialize()
        let reply = try await peer.ask("tools/call", ["name": "echo"])
        #expect(reply["result"]?["structuredContent"]?["client"] == "test client")
    }

    @Test func aLegacyResultBearsNothingOfTheModernEra() async throws {
        let peer = Peer()
        _ = try await peer.initialize()
        for method in ["tools/list", "resources/list", "resources/templates/list"] {
            let result = try #require(try await peer.ask(method)["result"])
            for key in ["resultType", "ttlMs", "cacheScope", "_meta"] { #expect(result[key] == nil) }
        }
    }
}
