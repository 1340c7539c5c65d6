import JSON

/// The identifier a peer gave to its request; the reply bears the same value in the same type.
package enum RequestID: Sendable, Hashable {
    case string(String)
    case integer(Int64)
    /// An integer above `Int64.max`.
    case unsigned(UInt64)

    /// Nil for null, fractions and all that is neither a string nor an integer.
    package init?(_ value: JSONValue) {
        switch value {
        case .string(let text): self = .string(text)
        case .integer(let number): self = .integer(number)
        case .unsigned(let number): self = .unsigned(number)
        default: return nil
        }
    }

    /// Texts are the same id only when their UTF-8 bytes are equal.
    package static func == (left: RequestID, right: RequestID) -> Bool { left.json == right.json }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .string(let text): text.hashBytes(into: &hasher)
        case .integer(let number): hasher.combine(number)
        case .unsigned(let number): hasher.combine(number)
        }
    }

    package var json: JSONValue {
        switch self {
        case .string(let text): .string(text)
        case .integer(let number): .integer(number)
        case .unsigned(let number): .unsigned(number)
        }
    }
}

/// What the protocol answers instead of a result.
package struct RPCError: Error, Sendable, Equatable {
    /// JSON-RPC 2.0 section 5.1, and the codes that MCP 2026-07-28 allots from -32020 on.
    package enum Code: Int64, Sendable {
        case parseError = -32700
        case invalidRequest = -32600
        case methodNotFound = -32601
        case invalidParams = -32602
        case internalError = -32603
        /// HTTP headers that contradict the body.
        case headerMismatch = -32020
        case missingClientCapability = -32021
        case unsupportedProtocolVersion = -32022
        /// Legacy revisions alone; the modern one says `invalidParams`.
        case legacyResourceNotFound = -32002
    }

    package let code: Code
    /// One sentence: what is wrong and, where it is not plain, what to send instead. Never the peer's text.
    package let message: String
    package let data: JSONValue?

    package init(_ code: Code, _ message: String, data: JSONValue? = nil) {
        self.code = code
        self.message = message
        self.data = data
    }
}

/// A request: a method that wants an answer.
package struct IncomingRequest: Sendable {
    package let id: RequestID
    package let method: String
    package let params: JSONObject
    /// Halves of characters in the message for which U+FFFD was read.
    package let replacedSurrogates: Int

    package init(id: RequestID, method: String, params: JSONObject, replacedSurrogates: Int = 0) {
        self.id = id
        self.method = method
        self.params = params
        self.replacedSurrogates = replacedSurrogates
    }
}

/// One message of a peer, as far as JSON-RPC 2.0 can tell.
package enum IncomingMessage: Sendable {
    case request(IncomingRequest)
    case notification(method: String, params: JSONObject)
    /// To be passed over: a notification nobody can read, or an answer though nothing was asked.
    case ignored
    /// To be answered with the error; the id is nil where none could be read.
    case refused(RequestID?, RPCError)

    /// Reads one message. Batches and bare values are refused: MCP has had no batches since 2025-06-18.
    package static func parse(_ text: [UInt8]) -> IncomingMessage {
        let value: JSONValue
        let replaced: Int
        do throws(JSONError) {
            // A client that cut an emoji in half still gets an answer to its request.
            (value, replaced) = try JSONParser.parseReplacingSurrogates(text)
        } catch {
            return .refused(nil, RPCError(.parseError, error.description))
        }
        guard case .object(let members) = value else {
            let what = value.arrayValue == nil ? "a bare \(value.typeName)" : "a batch"
            return .refused(nil, RPCError(.invalidRequest, "\(what) is not a message; send one object a message"))
        }
        return parse(members, replaced)
    }

    private static func parse(_ members: JSONObject, _ replacedSurrogates: Int) -> IncomingMessage {
        let id = members["id"].flatMap(RequestID.init)
        if members["method"] == nil, members["result"] != nil || members["error"] != nil { return .ignored }
        guard case .string(let method)? = members["method"] else {
            return .refused(id, RPCError(.invalidRequest, "a message needs a method, a string"))
        }
        guard let givenID = members["id"] else { return notification(method, members) }
        guard let id else {
            let what = "an id is a string or an integer, not \(givenID.typeName)"
            return .refused(nil, RPCError(.invalidRequest, what))
        }
        guard members["jsonrpc"]?.stringValue == "2.0" else {
            return .refused(id, RPCError(.invalidRequest, "jsonrpc must be \"2.0\""))
        }
        guard let params = parameters(members) else {
            return .refused(id, RPCError(.invalidParams, "params must be an object"))
        }
        return .request(
            IncomingRequest(id: id, method: method, params: params, replacedSurrogates: replacedSurrogates))
    }

    /// A notification is never answered, however malformed.
    private static func notification(_ method: String, _ members: JSONObject) -> IncomingMessage {
        guard members["jsonrpc"]?.stringValue == "2.0", let params = parameters(members) else { return .ignored }
        return .notification(method: method, params: params)
    }

    /// The params, empty when absent or null; nil when they are something else than an object.
    private static func parameters(_ members: JSONObject) -> JSONObject? {
        switch members["params"] {
        case nil, .null?: [:]
        case .object(let params)?: params
        default: nil
        }
    }
}
