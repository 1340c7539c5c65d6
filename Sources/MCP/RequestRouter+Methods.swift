import JSON

/// The methods that both eras have.
extension RequestRouter {
    private enum Method: String {
        case listTools = "tools/list"
        case callTool = "tools/call"
        case listResources = "resources/list"
        case listTemplates = "resources/templates/list"
        case readResource = "resources/read"
        case complete = "completion/complete"
        case listPrompts = "prompts/list"
        case getPrompt = "prompts/get"
    }

    /// Whether the method exists in a legacy session of this server.
    func isServed(_ method: String) -> Bool {
        switch Method(rawValue: method) {
        case nil: false
        case .listTools, .callTool: true
        case .listPrompts, .getPrompt: !server.prompts.isEmpty
        case .listResources, .listTemplates, .readResource, .complete: server.resources != nil
        }
    }

    func shared(_ request: IncomingRequest, _ exchange: Exchange) throws(RPCError) -> Route? {
        guard let method = Method(rawValue: request.method) else { return nil }
        switch method {
        case .listTools: return .reply(try listTools(request.params, exchange))
        case .callTool: return .work(try callTool(request, exchange))
        case .listPrompts, .getPrompt:
            guard !server.prompts.isEmpty else { return nil }
            if method == .getPrompt { return .work(try getPrompt(request.params, exchange)) }
            guard try cursor(request.params) == nil else { throw Self.badCursor }
            return .reply(listPrompts(exchange))
        case .listResources, .listTemplates, .readResource, .complete:
            guard let catalog = server.resources else { return nil }
            return try resources(method, catalog, request.params, exchange)
        }
    }

    private func resources(
        _ method: Method, _ catalog: ResourceCatalog, _ params: JSONObject, _ exchange: Exchange
    ) throws(RPCError) -> Route {
        switch method {
        case .listResources: .work(try listResources(catalog, params, exchange))
        case .listTemplates: .reply(try listTemplates(catalog, params, exchange))
        case .readResource: .work(try readResource(catalog, params, exchange))
        default: .work(try complete(catalog, params, exchange))
        }
    }

    // MARK: Shapes

    private func string(_ key: String, in params: JSONObject) throws(RPCError) -> String {
        guard case .string(let text)? = params[key] else { throw RPCError(.invalidParams, "\(key) must be a string") }
        return text
    }

    private func object(_ key: String, in params: JSONObject) throws(RPCError) -> JSONObject {
        guard case .object(let members)? = params[key] else {
            throw RPCError(.invalidParams, "\(key) must be an object")
        }
        return members
    }

    private func cursor(_ params: JSONObject) throws(RPCError) -> String? {
        switch params["cursor"] {
        case nil, .null?: return nil
        case .string(let text)?: return text
        default: throw RPCError(.invalidParams, "a cursor is the string that the last page gave")
        }
    }

    private static let badCursor = RPCError(
        .invalidParams, "this cursor was not given out here; begin again without one")

    // MARK: Tools

    private static let cursorPrefix = "tools-from-"

    private func listTools(_ params: JSONObject, _ exchange: Exchange) throws(RPCError) -> OutgoingMessage {
        var start = 0
        if let cursor = try cursor(params) {
            guard cursor.hasPrefix(Self.cursorPrefix), let index = Int(cursor.dropFirst(Self.cursorPrefix.count)),
                index > 0, index < server.tools.count
            else { throw Self.badCursor }
            start = index
        }
        let page = server.tools[start...].prefix(limits.toolsPerPage)
        var members = EncodedMembers()
        members.set("tools", .array(page.map { $0.listing(for: exchange.version) }))
        if page.endIndex < server.tools.endIndex {
            members.set("nextCursor", .string("\(Self.cursorPrefix)\(page.endIndex)"))
        }
        return exchange.success(members, cache: constant)
    }

    /// A call of wrong shape is a protocol error; wrong values are the tool's to answer, so that the model reads it.
    private func callTool(_ request: IncomingRequest, _ exchange: Exchange) throws(RPCError) -> Work {
        let params = request.params
        let name = try string("name", in: params)
        let text = Self.object(inTextOf: params["arguments"])
        let arguments: JSONObject =
            if let text {
                text.members
            } else if params["arguments"]?.isNull ?? true {
                [:]
            } else {
                try object("arguments", in: params)
            }
        guard let tool = server.tools.first(where: { $0.name == name }) else {
            throw RPCError(.invalidParams, "no such tool; tools/list names them")
        }
        try checkCapabilities(tool, exchange)
        return Work(progressToken: exchange.progressToken) { progress in
            let call = ToolCall(
                version: exchange.version, client: exchange.client, progress: progress,
                replacedSurrogates: request.replacedSurrogates + (text?.replacedSurrogates ?? 0),
                areArgumentsFromText: text != nil)
            let outcome = await tool.call(arguments, call)
            return exchange.success(outcome.members(for: exchange.version))
        }
    }

    private func checkCapabilities(_ tool: Tool, _ exchange: Exchange) throws(RPCError) {
        let declared = exchange.client?.capabilities ?? [:]
        let missing = tool.requiredClientCapabilities.filter { declared[$0] == nil }
        guard !missing.isEmpty else { return }
        let required = JSONObject(missing.map { ($0, [:]) }, uniquingKeysWith: { first, _ in first })
        throw RPCError(
            exchange.version.isModern ? .missingClientCapability : .invalidParams,
            "this tool needs a capability that the client did not declare",
            data: ["requiredCapabilities": .object(required)])
    }

    /// The object that some models send as JSON in a text; nil for anything else, which is refused as what it is.
    private static func object(inTextOf value: JSONValue?) -> (members: JSONObject, replacedSurrogates: Int)? {
        guard let text = value?.stringValue,
            // A text that is not JSON is refused where an object is asked for.
            let parsed = try? JSONParser.parseReplacingSurrogates(Array(text.utf8)),
            let members = parsed.value.objectValue
        else { return nil }
        return (members, parsed.count)
    }

    // MARK: Resources

    /// Runs a catalog's closure and says its failure in the words of the request's revision.
    func work(
        _ exchange: Exchange, _ uri: String? = nil,
        _ body: @escaping @Sendable () async throws(ResourceError) -> OutgoingMessage
    ) -> Work {
        Work(progressToken: exchange.progressToken) { _ in
            do throws(ResourceError) {
                return try await body()
            } catch {
                return exchange.failure(Self.rpcError(error, uri, exchange.version))
            }
        }
    }

    private static func rpcError(_ error: ResourceError, _ uri: String?, _ version: ProtocolVersion) -> RPCError {
        switch error {
        case .notFound:
            RPCError(
                version.isModern ? .invalidParams : .legacyResourceNotFound, "no such resource",
                data: uri.map { ["uri": .string($0)] })
        case .invalidCursor: badCursor
        case .invalidArgument(let message): RPCError(.invalidParams, message)
        case .failed(let message): RPCError(.internalError, message)
        }
    }

    /// In the `_meta` of a listing: why entries may be missing.
    private static let degradedKey = "cortex/degraded_reason"

    private func listResources(
        _ catalog: ResourceCatalog, _ params: JSONObject, _ exchange: Exchange
    ) throws(RPCError) -> Work {
        let cursor = try cursor(params)
        return work(exchange) { () async throws(ResourceError) in
            let page = try await catalog.list(cursor)
            var members = EncodedMembers()
            members.set("resources", .array(page.resources.map { .object($0.members) }))
            if let next = page.nextCursor { members.set("nextCursor", .string(next)) }
            let meta = page.degradedReason.map { [Self.degradedKey: .string($0)] as JSONObject } ?? [:]
            // A modern result has a `_meta` of its own, into which this goes.
            if !meta.isEmpty { members.set("_meta", .object(meta)) }
            return exchange.success(members, cache: CacheHint.none, meta: meta)
        }
    }

    private func listTemplates(
        _ catalog: ResourceCatalog, _ params: JSONObject, _ exchange: Exchange
    ) throws(RPCError) -> OutgoingMessage {
        guard try cursor(params) == nil else { throw Self.badCursor }
        var members = EncodedMembers()
        members.set("resourceTemplates", .array(catalog.templates.map { $0.listing(for: exchange.version) }))
        return exchange.success(members, cache: constant)
    }

    private func readResource(
        _ catalog: ResourceCatalog, _ params: JSONObject, _ exchange: Exchange
    ) throws(RPCError) -> Work {
        let uri = try string("uri", in: params)
        return work(exchange, uri) { () async throws(ResourceError) in
            let contents = try await catalog.read(uri)
            guard !contents.isEmpty else { throw .notFound }
            var members = EncodedMembers()
            members.set("contents", .array(contents.map(\.json)))
            return exchange.success(members, cache: CacheHint.none)
        }
    }

    // MARK: Completion

    private func complete(
        _ catalog: ResourceCatalog, _ params: JSONObject, _ exchange: Exchange
    ) throws(RPCError) -> Work {
        let limit = min(100, limits.maximumCompletionValues)
        let find: @Sendable () async throws(ResourceError) -> Completion
        if let (prompt, argument, value) = try promptCompletion(params) {
            find = { () async throws(ResourceError) in Completion(values: try await prompt.complete(argument, value)) }
        } else {
            let wish = try completionRequest(params, catalog)
            find = { () async throws(ResourceError) in try await catalog.complete(wish) }
        }
        return work(exchange) { () async throws(ResourceError) in
            let completion = try await find()
            let values = completion.values.prefix(limit)
            let total = completion.total ?? completion.values.count
            var members = EncodedMembers()
            members.set(
                "completion",
                [
                    "values": .array(values.map { .string($0) }), "total": .integer(Int64(total)),
                    "hasMore": .bool(total > values.count),
                ])
            return exchange.success(members)
        }
    }

    /// The prompt, argument and value of a `ref/prompt`; nil for another reference.
    private func promptCompletion(_ params: JSONObject) throws(RPCError) -> (Prompt, String, String)? {
        let reference = try object("ref", in: params)
        guard reference["type"]?.stringValue == "ref/prompt" else { return nil }
        let name = try string("name", in: reference)
        guard let prompt = server.prompts.first(where: { $0.name == name }) else {
            throw RPCError(.invalidParams, "no such prompt; prompts/list names them")
        }
        let argument = try object("argument", in: params)
        return (prompt, try string("name", in: argument), try string("value", in: argument))
    }

    private func completionRequest(
        _ params: JSONObject, _ catalog: ResourceCatalog
    ) throws(RPCError) -> CompletionRequest {
        let reference = try object("ref", in: params)
        let argument = try object("argument", in: params)
        switch try string("type", in: reference) {
        case "ref/resource": break
        default: throw RPCError(.invalidParams, "ref.type must be ref/resource or ref/prompt")
        }
        let uri = try string("uri", in: reference)
        guard catalog.templates.contains(where: { $0.uriTemplate == uri }) else {
            throw RPCError(.invalidParams, "no such template; resources/templates/list names them")
        }
        var settled: [String: String] = [:]
        if let context = params["context"], !context.isNull {
            for (key, value) in context["arguments"]?.objectValue ?? [:] { settled[key] = value.stringValue }
        }
        return CompletionRequest(
            uriTemplate: uri, argument: try string("name", in: argument), value: try string("value", in: argument),
            context: settled)
    }
}
