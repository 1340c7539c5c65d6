import JSON
import MCP
import Testing

@Suite(.timeLimit(.minutes(1))) struct ToolTests {
    @Test func aToolIsListedWithItsTitleItsSchemasItsHintsAndItsIcons() async throws {
        let listing = try await Peer().askModern("tools/list")["result"]?["tools"]?.arrayValue?.first
        let tool = try #require(listing)
        #expect(tool["name"] == "echo")
        #expect(tool["title"] == "The echo")
        #expect(tool["description"] == "For tests.")
        #expect(tool["inputSchema"] == ["type": "object", "additionalProperties": false])
        #expect(tool["outputSchema"] == ["type": "object"])
        #expect(
            tool["annotations"] == [
                "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false,
            ])
        #expect(
            tool["icons"] == [
                ["src": "data:image/png;base64,AAAA", "mimeType": "image/png", "sizes": ["48x48"]]
            ])
    }

    @Test func theListIsTheSameForEveryConnectionInTheOrderGiven() async throws {
        let first = try await Peer().askModern("tools/list")["result"]
        let second = try await Peer().askModern("tools/list")["result"]
        #expect(first == second)
        let names = first?["tools"]?.arrayValue?.compactMap { $0["name"]?.stringValue }
        #expect(names == ["echo", "failing", "scalar", "asking", "spoken"])
        #expect(first?["nextCursor"] == nil)
    }

    @Test(arguments: [1, 2, 3, 6, 7])
    func cursorsLeadThroughEveryToolOnce(perPage: Int) async throws {
        let names = (0..<7).map { "tool-\($0)" }
        var limits = MCPLimits()
        limits.toolsPerPage = perPage
        let peer = Peer(Samples.server(names.map { Samples.tool($0) { _, _ in ToolOutcome([:]) } }), limits: limits)
        var seen: [String] = []
        var params = JSONObject()
        var pages = 0
        repeat {
            let result = try #require(try await peer.askModern("tools/list", params)["result"])
            seen += result["tools"]?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? []
            params["cursor"] = result["nextCursor"]
            pages += 1
        } while params["cursor"] != nil && pages < 100
        #expect(seen == names)
        #expect(pages == (7 + perPage - 1) / perPage)
    }

    @Test(
        arguments: [
            "", "x", "tools-from-0", "tools-from-5", "tools-from--1", "tools-from-99999999999999999999", 3, [:],
        ] as [JSONValue])
    func aCursorThatWasNotGivenOutIsInvalidParams(cursor: JSONValue) async throws {
        #expect(code(try await Peer().askModern("tools/list", ["cursor": cursor])) == -32602)
    }

    @Test("a tool's own text is what the model reads, beside the structured facts")
    func ownTextIsShown() async throws {
        let result = try await Peer().askModern("tools/call", ["name": "spoken"])["result"]
        #expect(result?["content"] == [["type": "text", "text": "in words"]])
        #expect(result?["structuredContent"] == ["halves": 0])
    }

    @Test("half an emoji is read as U+FFFD, and the request gets its answer under its id")
    func halfAnEmojiIsAnswered() async throws {
        let peer = Peer()
        _ = try await peer.initialize()
        for half in [#"\ud83d"#, #"\ude00"#, #"\ud83dx"#, #"\ud83d\ud83d\ude00"#, #"\ud83d\n"#] {
            peer.send(
                text: #"{"jsonrpc":"2.0","id":"7","method":"tools/call","params":{"name":"echo","arguments":{"t":""#
                    + half + #""}}}"#)
            let reply = try await peer.next()
            #expect(reply["id"] == "7")
            #expect(
                reply["result"]?["structuredContent"]?["arguments"]?["t"]?.stringValue?.hasPrefix("\u{FFFD}") == true)
        }
        peer.send(
            text:
                #"{"jsonrpc":"2.0","id":"7","method":"tools/call","params":{"name":"spoken","arguments":{"t":"\ud83d"#
                + #""}}}"#
        )
        #expect(try await peer.next()["result"]?["structuredContent"]?["halves"] == 1)
    }

    @Test func anAnswerIsStructuredAndTheSameJSONIsItsText() async throws {
        let arguments: JSONValue = ["text": "line\nbreak \"quoted\" é😀", "n": 1.5, "big": .unsigned(.max)]
        let reply = try await Peer().askModern("tools/call", ["name": "echo", "arguments": arguments])
        let result = try #require(reply["result"])
        #expect(result["isError"] == false)
        #expect(result["structuredContent"]?["arguments"] == arguments)
        let text = try #require(result["content"]?.arrayValue?.first)
        #expect(text["type"] == "text")
        #expect(try JSONParser.parse(try #require(text["text"]?.stringValue)) == result["structuredContent"])
    }

    @Test func linksToResourcesFollowTheText() async throws {
        let content = try await Peer().askModern("tools/call", ["name": "echo"])["result"]?["content"]
        #expect(
            content?.arrayValue?.last == [
                "type": "resource_link", "uri": "memory://item/1", "name": "one", "title": "One",
                "description": "The first", "mimeType": "text/plain", "size": 3,
            ])
    }

    @Test func aToolsOwnFailureIsAResultAModelCanRead() async throws {
        let reply = try await Peer().askModern("tools/call", ["name": "failing", "arguments": ["limit": 0]])
        #expect(reply["error"] == nil)
        #expect(reply["result"]?["isError"] == true)
        // Clients check it against the output schema even for an error, and hide the text if it does not conform.
        #expect(reply["result"]?["structuredContent"] == nil)
        let text = reply["result"]?["content"]?.arrayValue?.first?["text"]?.stringValue
        #expect(text?.contains("limit must be 1 to 100") == true)
    }

    @Test(
        arguments: [
            [:], ["name": 3], ["name": "nobody"], ["name": "Echo"], ["name": "echo", "arguments": []],
            ["name": "echo", "arguments": "x"], ["name": "echo", "arguments": 0],
        ] as [JSONObject])
    func aCallOfWrongShapeOrToAnUnknownToolIsInvalidParams(params: JSONObject) async throws {
        let peer = Peer()
        #expect(code(try await peer.askModern("tools/call", params)) == -32602)
        _ = try await peer.initialize()
        #expect(code(try await peer.ask("tools/call", params)) == -32602)
    }

    @Test(arguments: [["name": "echo"], ["name": "echo", "arguments": nil]] as [JSONObject])
    func absentArgumentsAreNoArguments(params: JSONObject) async throws {
        let reply = try await Peer().askModern("tools/call", params)
        #expect(reply["result"]?["structuredContent"]?["arguments"] == [:])
    }

    @Test func argumentsThatAreJSONInATextAreRead() async throws {
        let reply = try await Peer().askModern(
            "tools/call", ["name": "echo", "arguments": #"{"t": "a", "h": "\ud83d"}"#])
        #expect(reply["result"]?["structuredContent"]?["arguments"] == ["t": "a", "h": "\u{FFFD}"])
        for text in ["[]", "{", "1", ""] {
            let refused = try await Peer().askModern("tools/call", ["name": "echo", "arguments": .string(text)])
            #expect(refused["error"]?["code"] == -32602)
        }
    }

    @Test func aBareValueIsStructuredContentForModernClientsAlone() async throws {
        let peer = Peer()
        #expect(try await peer.askModern("tools/call", ["name": "scalar"])["result"]?["structuredContent"] == 42)
        _ = try await peer.initialize()
        let legacy = try await peer.ask("tools/call", ["name": "scalar"])["result"]
        #expect(legacy?["structuredContent"] == nil)
        #expect(legacy?["content"]?.arrayValue?.first?["text"] == "42")
    }

    @Test func aNameIsOneTo64OfTheAllowedCharacters() {
        for good in ["a", "memory_store", "A.b-9", String(repeating: "x", count: 64)] { #expect(Tool.isName(good)) }
        for bad in ["", "a b", "ä", "a/b", "a\n", String(repeating: "x", count: 65)] { #expect(!Tool.isName(bad)) }
    }
}

@Suite(.timeLimit(.minutes(1))) struct ResourceTests {
    @Test func cursorsLeadThroughTheListAndABadOneIsInvalidParams() async throws {
        let peer = Peer()
        let first = try await peer.askModern("resources/list")["result"]
        #expect(first?["resources"]?.arrayValue?.first?["size"] == 3)
        #expect(first?["nextCursor"] == "two")
        let second = try await peer.askModern("resources/list", ["cursor": "two"])["result"]
        #expect(second?["resources"] == [["uri": "memory://item/2", "name": "two"]])
        #expect(second?["nextCursor"] == nil)
        #expect(code(try await peer.askModern("resources/list", ["cursor": "three"])) == -32602)
        #expect(code(try await peer.askModern("resources/templates/list", ["cursor": "x"])) == -32602)
    }

    @Test func templatesAreListed() async throws {
        let result = try await Peer().askModern("resources/templates/list")["result"]
        #expect(
            result?["resourceTemplates"] == [
                [
                    "uriTemplate": "memory://item/{id}", "name": "item", "title": "Item",
                    "description": "An item",
                ]
            ])
        #expect(result?["ttlMs"] == 3_600_000)
    }

    @Test func aResourceIsReadAsTextOrAsBytes() async throws {
        let peer = Peer()
        let text = try await peer.askModern("resources/read", ["uri": "memory://item/1"])["result"]
        #expect(text?["contents"] == [["uri": "memory://item/1", "mimeType": "text/plain", "text": "a\nb"]])
        let blob = try await peer.askModern("resources/read", ["uri": "memory://item/2"])["result"]
        #expect(blob?["contents"] == [["uri": "memory://item/2", "mimeType": "image/png", "blob": "AAAA"]])
    }

    @Test(arguments: ["memory://item/9", "memory://item/empty", "", "file:///etc/passwd"])
    func aMissingResourceIsAnErrorOfItsEraAndNeverEmptyContents(uri: String) async throws {
        let peer = Peer()
        let params: JSONObject = ["uri": .string(uri)]
        let modern = try await peer.askModern("resources/read", params)
        #expect(code(modern) == -32602)
        #expect(modern["error"]?["data"] == ["uri": .string(uri)])
        _ = try await peer.initialize()
        #expect(code(try await peer.ask("resources/read", params)) == -32002)
    }

    @Test(
        arguments: [
            ([:], -32602), (["uri": 3], -32602), (["uri": "memory://item/"], -32602),
            (["uri": "memory://item/broken"], -32603),
        ] as [(JSONObject, Int64)])
    func aUriThatCannotBeIsInvalidParamsAndABrokenCatalogAnInternalError(
        params: JSONObject, expected: Int64
    ) async throws {
        #expect(code(try await Peer().askModern("resources/read", params)) == expected)
    }

    private static func completion(_ more: JSONObject = [:]) -> JSONObject {
        let params: JSONObject = [
            "ref": ["type": "ref/resource", "uri": "memory://item/{id}"], "argument": ["name": "id", "value": "4"],
        ]
        return params.merging(more) { _, new in new }
    }

    @Test func aCompletionHasAtMost100ValuesAndSaysThatThereAreMore() async throws {
        let reply = try await Peer().askModern("completion/complete", Self.completion())
        let completion = try #require(reply["result"]?["completion"])
        #expect(completion["values"]?.arrayValue?.count == 100)
        #expect(completion["values"]?.arrayValue?.last == "499")
        #expect(completion["total"] == 150)
        #expect(completion["hasMore"] == true)
    }

    @Test func aCompletionKnowsTheVariablesAlreadySettled() async throws {
        let params = Self.completion(["context": ["arguments": ["base": "b"]]])
        let reply = try await Peer().askModern("completion/complete", params)
        #expect(reply["result"]?["completion"]?["values"]?.arrayValue?.first == "b40")
    }

    @Test(
        arguments: [
            ["ref": nil], ["ref": ["type": "ref/prompt", "name": "x"]], ["ref": ["type": "ref/x", "uri": "y"]],
            ["ref": ["type": "ref/resource", "uri": "memory://other/{id}"]], ["argument": nil],
            ["argument": ["name": "id"]], ["argument": ["name": 1, "value": ""]],
        ] as [JSONObject])
    func aCompletionOfWhatDoesNotExistOrOfWrongShapeIsInvalidParams(change: JSONObject) async throws {
        let reply = try await Peer().askModern("completion/complete", Self.completion(change))
        #expect(code(reply) == -32602)
    }
}
