import JSON

/// What a legacy connection agreed on when it was opened.
package struct Handshake: Sendable {
    package let version: ProtocolVersion
    package let client: ClientDescription
}

/// How long and by whom a modern answer may be kept.
package struct CacheHint: Sendable {
    package enum Scope: String, Sendable {
        /// The same for everyone.
        case shared = "public"
        case `private`
    }

    package let timeToLive: Duration
    package let scope: Scope

    package init(timeToLive: Duration, scope: Scope) {
        self.timeToLive = timeToLive
        self.scope = scope
    }

    /// Changes with every write: clients must ask again each time.
    package static let none = CacheHint(timeToLive: .zero, scope: .private)

    /// Whole milliseconds, at least 0 and at most some 30 000 years.
    package var milliseconds: Int64 {
        let (seconds, attoseconds) = timeToLive.components
        return max(0, max(-1, min(seconds, 1_000_000_000_000)) * 1_000 + attoseconds / 1_000_000_000_000_000)
    }
}

/// One request with all that its answer depends on: the revision, the caller and where progress goes.
package struct Exchange: Sendable {
    package let id: RequestID
    package let version: ProtocolVersion
    package let client: ClientDescription?
    /// The string or number under which the client wants to hear of progress.
    package let progressToken: JSONValue?
    private let signature: JSONValue

    package init(
        id: RequestID, version: ProtocolVersion, client: ClientDescription?, progressToken: JSONValue?,
        server: ServerDescription
    ) {
        self.id = id
        self.version = version
        self.client = client
        self.progressToken = progressToken
        signature = server.signature
    }

    /// The result, with what the modern revision asks of every one: its type, its cache hint, who answered.
    ///
    /// - Parameter identity: who answered, where that is to be said at greater length than in other results.
    package func success(
        _ members: EncodedMembers, cache: CacheHint? = nil, signedBy identity: JSONValue? = nil,
        meta: JSONObject = [:]
    ) -> OutgoingMessage {
        var members = members
        if version.isModern {
            members.set("resultType", "complete")
            if let cache {
                members.set("ttlMs", .integer(cache.milliseconds))
                members.set("cacheScope", .string(cache.scope.rawValue))
            }
            members.set("_meta", .object(meta.merging([Envelope.serverInfoKey: identity ?? signature]) { $1 }))
        }
        return .result(id, encoded: members.object)
    }

    package func failure(_ error: RPCError) -> OutgoingMessage { .error(id, error) }
}

/// The `params._meta` members by which a modern request says all that a handshake used to say.
package enum Envelope {
    package static let protocolVersionKey = "io.modelcontextprotocol/protocolVersion"
    package static let clientCapabilitiesKey = "io.modelcontextprotocol/clientCapabilities"
    package static let clientInfoKey = "io.modelcontextprotocol/clientInfo"
    package static let serverInfoKey = "io.modelcontextprotocol/serverInfo"

    /// Whether a request is a modern one. One member of the three is enough, so that a half-built envelope is told what
    /// it lacks; the prefix is reserved, so that no legacy request has any of them.
    package static func isPresent(in meta: JSONObject) -> Bool {
        meta[protocolVersionKey] != nil || meta[clientCapabilitiesKey] != nil || meta[clientInfoKey] != nil
    }

    /// The revision and the caller.
    ///
    /// - Throws: `invalidParams` when a required member is missing or of another type, `unsupportedProtocolVersion`
    ///   when the revision is not a modern one of ours.
    package static func read(_ meta: JSONObject) throws(RPCError) -> (ProtocolVersion, ClientDescription) {
        let missing = [protocolVersionKey, clientCapabilitiesKey].filter { meta[$0] == nil }
        guard missing.isEmpty else {
            throw RPCError(.invalidParams, "params._meta lacks \(missing.joined(separator: " and "))")
        }
        guard case .string(let requested)? = meta[protocolVersionKey] else {
            throw RPCError(.invalidParams, "\(protocolVersionKey) must be a string")
        }
        guard case .object(let capabilities)? = meta[clientCapabilitiesKey] else {
            throw RPCError(.invalidParams, "\(clientCapabilitiesKey) must be an object")
        }
        guard let version = ProtocolVersion(rawValue: requested), version.isModern else {
            throw unsupported(requested)
        }
        return (version, ClientDescription(info: meta[clientInfoKey], capabilities: capabilities))
    }

    /// All revisions are named, the handshake ones too, so that a client which shares only those falls back to them.
    private static func unsupported(_ requested: String) -> RPCError {
        let supported = ProtocolVersion.allCases.reversed().map { JSONValue.string($0.rawValue) }
        return RPCError(
            .unsupportedProtocolVersion,
            "this protocol version is not served with an envelope; see data.supported",
            data: ["supported": .array(supported), "requested": .string(requested)])
    }
}
