import JSON

/// The members of an object that is being written, each already JSON text, so that a large value is encoded once.
package struct EncodedMembers: Sendable {
    private var text: [UInt8] = []

    package init() {}

    package mutating func set(_ key: String, _ value: JSONValue) { set(key, encoded: JSONWriter.bytes(value)) }

    /// Adds a member whose value is compact JSON text already. Keys must not repeat.
    package mutating func set(_ key: String, encoded value: [UInt8]) {
        if !text.isEmpty { text.append(UInt8(ascii: ",")) }
        text.append(contentsOf: JSONWriter.bytes(.string(key)))
        text.append(UInt8(ascii: ":"))
        text.append(contentsOf: value)
    }

    /// The whole object.
    package var object: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count + 2)
        bytes.append(UInt8(ascii: "{"))
        bytes.append(contentsOf: text)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }
}

/// One message to a peer: compact JSON without a line break.
package struct OutgoingMessage: Sendable {
    package let text: [UInt8]
    /// Set when the message is an error; HTTP derives its status from it.
    package let errorCode: RPCError.Code?

    /// The answer to `id`; `result` is an object's JSON text.
    package static func result(_ id: RequestID, encoded result: [UInt8]) -> OutgoingMessage {
        var members = EncodedMembers()
        members.set("jsonrpc", "2.0")
        members.set("id", id.json)
        members.set("result", encoded: result)
        return OutgoingMessage(text: members.object, errorCode: nil)
    }

    /// The refusal of `id`; without an id, of a message whose id could not be read.
    package static func error(_ id: RequestID?, _ error: RPCError) -> OutgoingMessage {
        var body: JSONObject = ["code": .integer(error.code.rawValue), "message": .string(error.message)]
        if let data = error.data { body["data"] = data }
        let message: JSONValue = ["jsonrpc": "2.0", "id": id?.json ?? .null, "error": .object(body)]
        return OutgoingMessage(text: JSONWriter.bytes(message), errorCode: error.code)
    }

    package static func notification(_ method: String, _ params: JSONObject) -> OutgoingMessage {
        let message: JSONValue = ["jsonrpc": "2.0", "method": .string(method), "params": .object(params)]
        return OutgoingMessage(text: JSONWriter.bytes(message), errorCode: nil)
    }
}
