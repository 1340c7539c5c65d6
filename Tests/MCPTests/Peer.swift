import JSON
import MCP
import Synchronization
import Testing

/// A client at the other end of a session: sends messages, sees every one that comes back, in order.
final class Peer {
    let transport = MemoryTransport()
    let clock = ManualClock()
    let session: ServerSession
    let end: Task<ServerSession.End, Never>
    let wasAbandoned: Mutex<Bool>.Shared
    private var messages: AsyncStream<[UInt8]>.AsyncIterator
    private var lastID: Int64 = 1_000_000

    init(_ server: ServerDescription = Samples.server(), limits: MCPLimits = MCPLimits()) {
        let wasAbandoned = Mutex<Bool>.Shared()
        let session = ServerSession(
            server: server, limits: limits, transport: transport, schedule: clock.scheduler,
            whenAbandoned: { wasAbandoned.value.withLock { $0 = true } })
        self.session = session
        self.wasAbandoned = wasAbandoned
        messages = transport.sent.makeAsyncIterator()
        end = Task { await session.run() }
    }

    func send(text: String) { transport.deliver(.message(Array(text.utf8))) }
    func send(_ message: JSONValue) { send(text: JSONWriter.text(message)) }

    func request(_ id: JSONValue, _ method: String, _ params: JSONObject = [:]) {
        send(["jsonrpc": "2.0", "id": id, "method": .string(method), "params": .object(params)])
    }

    func notify(_ method: String, _ params: JSONObject = [:]) {
        send(["jsonrpc": "2.0", "method": .string(method), "params": .object(params)])
    }

    /// The next message that was sent, whatever it is.
    func next() async throws -> JSONValue {
        let text = try #require(await messages.next())
        #expect(!text.contains(UInt8(ascii: "\n")))
        let message = try JSONParser.parse(text)
        #expect(message["jsonrpc"] == "2.0")
        return message
    }

    /// The next message; nil at the end of the record.
    func nextIfAny() async throws -> JSONValue? {
        guard let text = await messages.next() else { return nil }
        return try JSONParser.parse(text)
    }

    /// Asks, and takes the next message for the answer.
    func ask(_ method: String, _ params: JSONObject = [:]) async throws -> JSONValue {
        lastID += 1
        request(.integer(lastID), method, params)
        let reply = try await next()
        #expect(reply["id"] == .integer(lastID))
        return reply
    }

    /// As `ask`, with the modern envelope.
    func askModern(_ method: String, _ params: JSONObject = [:]) async throws -> JSONValue {
        try await ask(method, Samples.enveloped(params))
    }

    /// Passes when nothing was sent up to now: the next message is the answer to this ping.
    func expectSilence() async throws {
        let reply = try await ask("ping")
        #expect(reply["result"] == [:])
    }

    func initialize(_ version: String = "2025-11-25") async throws -> JSONValue {
        let reply = try await ask("initialize", Samples.initialization(version))
        notify("notifications/initialized")
        return reply
    }
}

extension Mutex where Value == Bool {
    /// A flag that closures can hold.
    final class Shared: Sendable {
        let value = Mutex<Bool>(false)
    }
}

func code(_ reply: JSONValue) -> Int64? { reply["error"]?["code"]?.integerValue }

enum Samples {
    static let envelope: JSONObject = [
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": [:],
    ]

    static func enveloped(_ params: JSONObject = [:], _ more: JSONObject = [:]) -> JSONObject {
        var params = params
        params["_meta"] = .object(envelope.merging(more) { _, new in new })
        return params
    }

    static func initialization(_ version: String) -> JSONObject {
        [
            "protocolVersion": .string(version), "capabilities": [:],
            "clientInfo": ["name": "test client", "version": "1.2"],
        ]
    }

    static func tool(
        _ name: String, requires capabilities: [String] = [], icons: [Icon] = [], _ call: @escaping Tool.Call
    ) -> Tool {
        Tool(
            name: name, title: "The \(name)", description: "For tests.",
            inputSchema: ["type": "object", "additionalProperties": false], outputSchema: ["type": "object"],
            annotations: Tool.Annotations(isReadOnly: true, isDestructive: false, isIdempotent: true), icons: icons,
            requiredClientCapabilities: capabilities, call: call)
    }

    static let icon = Icon(source: "data:image/png;base64,AAAA", mimeType: "image/png", sizes: ["48x48"])

    static let resource = Resource(
        uri: "memory://item/1", name: "one", title: "One", description: "The first", mimeType: "text/plain",
        sizeBytes: 3)

    static let echo = tool("echo", icons: [icon]) { arguments, call in
        let client = call.client?.name.map { JSONValue.string($0) } ?? .null
        return ToolOutcome(
            ["arguments": .object(arguments), "client": client, "version": .string(call.version.rawValue)],
            links: [ResourceLink(resource)])
    }
    static let failing = tool("failing") { _, _ in
        .failure("limit must be 1 to 100")
    }
    static let spoken = tool("spoken") { _, call in
        ToolOutcome(["halves": .integer(Int64(call.replacedSurrogates))], text: "in words")
    }
    static let scalar = tool("scalar") { _, _ in ToolOutcome(42) }
    static let asking = tool("asking", requires: ["elicitation"]) { _, _ in ToolOutcome([:]) }

    static let catalog = ResourceCatalog(
        templates: [
            ResourceTemplate(uriTemplate: "memory://item/{id}", name: "item", title: "Item", description: "An item")
        ],
        list: { cursor throws(ResourceError) in
            switch cursor {
            case nil: return ResourcePage(resources: [resource], nextCursor: "two")
            case "two": return ResourcePage(resources: [Resource(uri: "memory://item/2", name: "two")])
            default: throw .invalidCursor
            }
        },
        read: { uri throws(ResourceError) in
            switch uri {
            case "memory://item/1": return [.text(uri: uri, mimeType: "text/plain", text: "a\nb")]
            case "memory://item/2": return [.blob(uri: uri, mimeType: "image/png", base64: "AAAA")]
            case "memory://item/empty": return []
            case "memory://item/broken": throw .failed("the store is closed")
            case "memory://item/": throw .invalidArgument("the id is empty")
            default: throw .notFound
            }
        },
        complete: { request throws(ResourceError) in
            let base = request.context["base"] ?? ""
            return Completion(values: (0..<150).map { "\(base)\(request.value)\($0)" })
        })

    static func server(
        _ tools: [Tool] = [echo, failing, scalar, asking, spoken], resources: ResourceCatalog? = catalog
    ) -> ServerDescription {
        ServerDescription(
            name: "cortex", title: "Cortex", version: "1.0.0", description: "A memory", icons: [icon],
            instructions: "Store what matters.", tools: tools, resources: resources)
    }
}
