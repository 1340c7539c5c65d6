import JSON

/// What becomes of a request.
package enum Route: Sendable {
    /// Known at once, without waiting for anything.
    case reply(OutgoingMessage)
    /// A handshake that succeeded: to be remembered, then answered.
    case open(Handshake, OutgoingMessage)
    case work(Work)
}

/// A request that takes time: it may wait for its turn, report progress and be cancelled.
package struct Work: Sendable {
    package let progressToken: JSONValue?
    /// Whether it goes on until it is cancelled, and ends well when the peer leaves.
    package let isListening: Bool
    package let perform: @Sendable (ProgressReporter) async -> OutgoingMessage

    package init(
        progressToken: JSONValue?, isListening: Bool = false,
        perform: @escaping @Sendable (ProgressReporter) async -> OutgoingMessage
    ) {
        self.progressToken = progressToken
        self.isListening = isListening
        self.perform = perform
    }
}

/// Decides what answers a request: the method table of both eras, and every check of shape.
///
/// A value without state: a connection's handshake is handed in. The era is decided by the request alone: with an
/// envelope in `params._meta` it is modern, without one it belongs to the connection's handshake.
package struct RequestRouter: Sendable {
    package let server: ServerDescription
    package let limits: MCPLimits

    package init(server: ServerDescription, limits: MCPLimits) {
        self.server = server
        self.limits = limits
    }

    package func route(_ request: IncomingRequest, handshake: Handshake?) -> Route {
        do throws(RPCError) {
            let meta = try metadata(request.params)
            let route =
                Envelope.isPresent(in: meta)
                ? try modern(request, meta) : try legacy(request, meta, handshake)
            if let route { return route }
            throw RPCError(.methodNotFound, "no such method here")
        } catch {
            return .reply(.error(request.id, error))
        }
    }

    // MARK: Eras

    /// - Returns: nil for a method that the modern era, or this server, does not have.
    private func modern(_ request: IncomingRequest, _ meta: JSONObject) throws(RPCError) -> Route? {
        let (version, client) = try Envelope.read(meta)
        let exchange = Exchange(
            id: request.id, version: version, client: client, progressToken: try progressToken(meta),
            server: server)
        if request.method == "server/discover" { return .reply(discover(exchange)) }
        if request.method == "subscriptions/listen", let feed = server.changes {
            return .work(try listen(request.params, feed, exchange))
        }
        return try shared(request, exchange)
    }

    private func legacy(
        _ request: IncomingRequest, _ meta: JSONObject, _ handshake: Handshake?
    ) throws(RPCError) -> Route? {
        switch request.method {
        case "initialize": return try initialize(request, handshake)
        case "ping": return .reply(.result(request.id, encoded: EncodedMembers().object))
        case "server/discover": throw RPCError(.invalidParams, Self.noEnvelope)
        default: break
        }
        let exchange = Exchange(
            id: request.id, version: handshake?.version ?? .latestLegacy, client: handshake?.client,
            progressToken: try progressToken(meta), server: server)
        guard handshake != nil else {
            guard isServed(request.method) else { return nil }
            throw RPCError(.invalidParams, "send initialize first, or an envelope: \(Self.noEnvelope)")
        }
        return try shared(request, exchange)
    }

    private static let noEnvelope =
        "params._meta lacks \(Envelope.protocolVersionKey) and \(Envelope.clientCapabilitiesKey)"

    private func metadata(_ params: JSONObject) throws(RPCError) -> JSONObject {
        switch params["_meta"] {
        case nil, .null?: return [:]
        case .object(let meta)?: return meta
        default: throw RPCError(.invalidParams, "params._meta must be an object")
        }
    }

    private func progressToken(_ meta: JSONObject) throws(RPCError) -> JSONValue? {
        switch meta["progressToken"] {
        case nil, .null?: return nil
        case .string?, .integer?, .unsigned?, .number?: return meta["progressToken"]
        default: throw RPCError(.invalidParams, "a progressToken is a string or a number")
        }
    }

    // MARK: Opening

    /// The same version when it is one with a handshake, else the newest of those.
    private func initialize(_ request: IncomingRequest, _ handshake: Handshake?) throws(RPCError) -> Route {
        guard handshake == nil else { throw RPCError(.invalidRequest, "this connection is initialized already") }
        guard case .string(let requested)? = request.params["protocolVersion"] else {
            throw RPCError(.invalidParams, "protocolVersion must be a string")
        }
        let capabilities: JSONObject
        switch request.params["capabilities"] {
        case nil: capabilities = [:]
        case .object(let members)?: capabilities = members
        default: throw RPCError(.invalidParams, "capabilities must be an object")
        }
        let asked = ProtocolVersion(rawValue: requested)
        let version = asked.flatMap { $0.isModern ? nil : $0 } ?? .latestLegacy
        let client = ClientDescription(info: request.params["clientInfo"], capabilities: capabilities)
        var members = EncodedMembers()
        members.set("protocolVersion", .string(version.rawValue))
        members.set("capabilities", server.capabilities(for: version))
        members.set("serverInfo", server.identity(for: version))
        members.set("instructions", .string(server.instructions))
        return .open(Handshake(version: version, client: client), .result(request.id, encoded: members.object))
    }

    /// Names the modern versions alone: these are what later envelopes may carry.
    private func discover(_ exchange: Exchange) -> OutgoingMessage {
        var members = EncodedMembers()
        members.set("supportedVersions", .array(ProtocolVersion.modern.map { .string($0.rawValue) }))
        members.set("capabilities", server.capabilities(for: exchange.version))
        members.set("instructions", .string(server.instructions))
        return exchange.success(members, cache: constant, signedBy: server.identity(for: exchange.version))
    }

    /// For what is the same to everyone while the process lives.
    var constant: CacheHint { CacheHint(timeToLive: limits.constantTimeToLive, scope: .shared) }
}
