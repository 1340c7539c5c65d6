import JSON
import MCP
import Testing

@Suite(.timeLimit(.minutes(1))) struct ModernEraTests {
    @Test func discoverNamesTheModernVersionsTheCapabilitiesAndTheServer() async throws {
        let result = try #require(try await Peer().askModern("server/discover")["result"])
        #expect(result["supportedVersions"] == ["2026-07-28"])
        #expect(result["capabilities"] == ["tools": [:], "resources": [:], "completions": [:]])
        #expect(result["instructions"] == "Store what matters.")
        #expect(result["ttlMs"] == 3_600_000)
        #expect(result["cacheScope"] == "public")
        let info = result["_meta"]?["io.modelcontextprotocol/serverInfo"]
        #expect(info?["description"] == "A memory")
        #expect(info?["icons"]?.arrayValue?.count == 1)
    }

    @Test func capabilitiesThatTheServerLacksAreNotDeclaredAndTheirMethodsNotFound() async throws {
        let peer = Peer(Samples.server(resources: nil))
        #expect(try await peer.askModern("server/discover")["result"]?["capabilities"] == ["tools": [:]])
        for method in ["resources/list", "resources/templates/list", "resources/read", "completion/complete"] {
            #expect(code(try await peer.askModern(method)) == -32601)
        }
    }

    @Test(
        arguments: [
            ("tools/list", [:], true), ("tools/call", ["name": "echo"], false), ("resources/list", [:], true),
            ("resources/templates/list", [:], true), ("resources/read", ["uri": "memory://item/1"], true),
            ("server/discover", [:], true), ("tools/call", ["name": "failing"], false),
        ] as [(String, JSONObject, Bool)])
    func everyResultSaysItsTypeAndItsServerAndThoseThatCanBeKeptForHowLong(
        method: String, params: JSONObject, isCacheable: Bool
    ) async throws {
        let result = try #require(try await Peer().askModern(method, params)["result"])
        #expect(result["resultType"] == "complete")
        #expect(result["_meta"]?["io.modelcontextprotocol/serverInfo"]?["name"] == "cortex")
        #expect(result["_meta"]?["io.modelcontextprotocol/serverInfo"]?["version"] == "1.0.0")
        #expect((result["ttlMs"]?.integerValue != nil) == isCacheable)
        #expect((result["cacheScope"]?.stringValue != nil) == isCacheable)
    }

    @Test func whatIsStoredMayNotBeKeptByAClientOrShared() async throws {
        let peer = Peer()
        for (method, params) in [("resources/list", [:]), ("resources/read", ["uri": "memory://item/1"])]
            as [(String, JSONObject)]
        {
            let result = try await peer.askModern(method, params)["result"]
            #expect(result?["ttlMs"] == 0)
            #expect(result?["cacheScope"] == "private")
        }
    }

    @Test(arguments: [
        "io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities",
    ])
    func anEnvelopeThatLacksARequiredMemberIsInvalidParamsAndToldWhich(key: String) async throws {
        var meta = Samples.envelope
        meta[key] = nil
        let reply = try await Peer().ask("tools/list", ["_meta": .object(meta)])
        #expect(code(reply) == -32602)
        #expect(reply["error"]?["message"]?.stringValue?.contains(key) == true)
    }

    @Test(
        arguments: [
            ["io.modelcontextprotocol/protocolVersion": 20260728],
            ["io.modelcontextprotocol/protocolVersion": nil],
            ["io.modelcontextprotocol/clientCapabilities": "all"], ["progressToken": [1]],
        ] as [JSONObject])
    func anEnvelopeMemberOfAnotherTypeIsInvalidParams(meta: JSONObject) async throws {
        let reply = try await Peer().ask("tools/list", Samples.enveloped([:], meta))
        #expect(code(reply) == -32602)
    }

    @Test(arguments: ["2027-01-01", "2025-11-25", ""])
    func aVersionThatHasNoEnvelopeHereIsRefusedWithThoseThatAreServed(version: String) async throws {
        let params = Samples.enveloped([:], ["io.modelcontextprotocol/protocolVersion": .string(version)])
        let reply = try await Peer().ask("tools/list", params)
        #expect(code(reply) == -32022)
        #expect(reply["error"]?["data"]?["requested"] == .string(version))
        let supported = reply["error"]?["data"]?["supported"]?.arrayValue
        #expect(supported?.first == "2026-07-28")
        #expect(supported?.contains("2025-11-25") == true)
    }

    @Test func theVersionIsCheckedBeforeTheMethod() async throws {
        let params = Samples.enveloped([:], ["io.modelcontextprotocol/protocolVersion": "2027-01-01"])
        #expect(code(try await Peer().ask("nobody/knows", params)) == -32022)
    }

    @Test(arguments: [
        "initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "prompts/list",
        "prompts/get", "subscriptions/listen", "nobody/knows",
    ])
    func aMethodThatWasRemovedOrIsNotDeclaredIsNotFound(method: String) async throws {
        #expect(code(try await Peer().askModern(method)) == -32601)
    }

    @Test func clientInfoIsOptionalAndReachesTheTool() async throws {
        let peer = Peer()
        let without = try await peer.askModern("tools/call", ["name": "echo"])
        #expect(without["result"]?["structuredContent"]?["client"] == .null)
        let info: JSONObject = ["io.modelcontextprotocol/clientInfo": ["name": "modern", "version": "3"]]
        let with = try await peer.ask("tools/call", Samples.enveloped(["name": "echo"], info))
        #expect(with["result"]?["structuredContent"]?["client"] == "modern")
        #expect(with["result"]?["structuredContent"]?["version"] == "2026-07-28")
    }

    @Test func aClientInfoNobodyCanReadIsNoReasonToRefuse() async throws {
        let params = Samples.enveloped(["name": "echo"], ["io.modelcontextprotocol/clientInfo": 7])
        #expect(try await Peer().ask("tools/call", params)["result"] != nil)
    }

    @Test func aToolThatNeedsACapabilityIsRefusedToAClientWithoutIt() async throws {
        let peer = Peer()
        let reply = try await peer.askModern("tools/call", ["name": "asking"])
        #expect(code(reply) == -32021)
        #expect(reply["error"]?["data"] == ["requiredCapabilities": ["elicitation": [:]]])
        let able: JSONObject = ["io.modelcontextprotocol/clientCapabilities": ["elicitation": [:]]]
        #expect(try await peer.ask("tools/call", Samples.enveloped(["name": "asking"], able))["result"] != nil)
        _ = try await peer.initialize()
        #expect(code(try await peer.ask("tools/call", ["name": "asking"])) == -32602)
    }

    @Test func bothErasAreServedAtOnceByOneProcess() async throws {
        let peer = Peer()
        #expect(try await peer.askModern("server/discover")["result"] != nil)
        #expect(try await peer.initialize()["result"]?["protocolVersion"] == "2025-11-25")
        let modern = try await peer.askModern("tools/call", ["name": "echo"])
        let legacy = try await peer.ask("tools/call", ["name": "echo"])
        #expect(modern["result"]?["structuredContent"]?["version"] == "2026-07-28")
        #expect(legacy["result"]?["structuredContent"]?["version"] == "2025-11-25")
        #expect(modern["result"]?["structuredContent"]?["client"] == .null)
    }

    @Test func oneRequestTeachesTheServerNothingAboutTheNext() async throws {
        let peer = Peer()
        _ = try await peer.askModern("tools/list")
        #expect(code(try await peer.ask("tools/list")) == -32602)
    }
}
