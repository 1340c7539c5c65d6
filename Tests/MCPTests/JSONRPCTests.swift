import JSON
import MCP
import Testing

@Suite(.timeLimit(.minutes(1))) struct JSONRPCTests {
    @Test(
        arguments: [
            0, -1, 7, .integer(.max), .integer(.min), .unsigned(.max), "", "7", "a \"quoted\"\nid",
        ] as [JSONValue])
    func aReplyBearsTheIdInItsOwnType(id: JSONValue) async throws {
        let peer = Peer()
        peer.request(id, "ping")
        peer.request(id, "nobody/knows")
        for _ in 0..<2 {
            let reply = try await peer.next()
            #expect(reply["id"] == id)
            #expect(reply["id"]?.typeName == id.typeName)
        }
    }

    @Test(arguments: ["null", "1.5", "1.0", "true", "[1]", "{}", "18446744073709551616"])
    func anIdThatIsNeitherStringNorIntegerIsAnInvalidRequest(id: String) async throws {
        let peer = Peer()
        peer.send(text: #"{"jsonrpc":"2.0","id":\#(id),"method":"ping"}"#)
        let reply = try await peer.next()
        #expect(code(reply) == -32600)
        #expect(reply["id"] == .null)
    }

    @Test(arguments: [
        "{", "nonsense", #"{"jsonrpc":"2.0","id":1,"method":"ping"} x"#, "\u{FEFF}{}", "{'a':1}",
        #"{"jsonrpc":"2.0","id":1,"method":"\ud80"}"#, String(repeating: "[", count: 100_000),
    ])
    func textThatIsNotJSONIsAParseErrorWithoutIdAndTheNextMessageIsServed(text: String) async throws {
        let peer = Peer()
        peer.send(text: text)
        let reply = try await peer.next()
        #expect(code(reply) == -32700)
        #expect(reply["id"] == .null)
        try await peer.expectSilence()
    }

    @Test func bytesThatAreNotUTF8AreAParseError() async throws {
        let peer = Peer()
        peer.transport.deliver(.message([0x22, 0xFF, 0x22]))
        #expect(code(try await peer.next()) == -32700)
    }

    @Test(arguments: [
        "[]", #"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, "1", "null", "true", #""ping""#, "{}", #"{"id":null}"#,
        #"{"jsonrpc":"2.0","method":1}"#,
    ])
    func aBatchABareValueOrAnObjectWithoutMethodIsAnInvalidRequest(text: String) async throws {
        let peer = Peer()
        peer.send(text: text)
        let reply = try await peer.next()
        #expect(code(reply) == -32600)
        #expect(reply["id"] == .null)
        try await peer.expectSilence()
    }

    @Test(arguments: [
        #"{"id":9,"method":"ping"}"#, #"{"jsonrpc":"1.0","id":9,"method":"ping"}"#,
        #"{"jsonrpc":2.0,"id":9,"method":"ping"}"#, #"{"jsonrpc":"2.0","id":9,"method":null}"#,
        #"{"jsonrpc":"2.0","id":9}"#,
    ])
    func aRequestThatIsNotJSONRPC2IsInvalidUnderItsOwnId(text: String) async throws {
        let peer = Peer()
        peer.send(text: text)
        let reply = try await peer.next()
        #expect(code(reply) == -32600)
        #expect(reply["id"] == 9)
    }

    @Test(arguments: ["[]", "1", #""a""#, "true"])
    func paramsThatAreNoObjectAreInvalidParams(params: String) async throws {
        let peer = Peer()
        peer.send(text: #"{"jsonrpc":"2.0","id":9,"method":"ping","params":\#(params)}"#)
        #expect(code(try await peer.next()) == -32602)
    }

    @Test func nullParamsAreNoParams() async throws {
        let peer = Peer()
        peer.send(text: #"{"jsonrpc":"2.0","id":9,"method":"ping","params":null}"#)
        #expect(try await peer.next()["result"] == [:])
    }

    @Test func metaThatIsNoObjectIsInvalidParams() async throws {
        #expect(code(try await Peer().ask("tools/list", ["_meta": "x"])) == -32602)
    }

    @Test(arguments: [
        #"{"jsonrpc":"2.0","id":1,"result":{}}"#, #"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#,
        #"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}"#,
    ])
    func anAnswerToAQuestionNeverAskedIsPassedOver(text: String) async throws {
        let peer = Peer()
        peer.send(text: text)
        try await peer.expectSilence()
    }

    @Test func anOversizedMessageIsAnInvalidRequestWithoutId() async throws {
        let peer = Peer()
        peer.transport.deliver(.oversized)
        let reply = try await peer.next()
        #expect(code(reply) == -32600)
        #expect(reply["id"] == .null)
        #expect(reply["error"]?["message"]?.stringValue?.contains("16777216") == true)
    }

    @Test func anErrorNeverRepeatsThePeersText() async throws {
        let reply = try await Peer().askModern("tools/call", ["name": "my secret"])
        #expect(!JSONWriter.text(reply).contains("secret"))
    }
}
