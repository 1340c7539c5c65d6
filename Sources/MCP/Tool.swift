import JSON

/// Something a model can call: its description, its two schemas and what it does.
package struct Tool: Sendable {
    /// What a client may assume about the tool's effects; these are hints, nothing enforces them.
    package struct Annotations: Sendable {
        package var isReadOnly: Bool
        package var isDestructive: Bool
        package var isIdempotent: Bool
        /// Whether the tool reaches beyond what this server holds.
        package var isOpenWorld: Bool

        package init(isReadOnly: Bool, isDestructive: Bool, isIdempotent: Bool, isOpenWorld: Bool = false) {
            self.isReadOnly = isReadOnly
            self.isDestructive = isDestructive
            self.isIdempotent = isIdempotent
            self.isOpenWorld = isOpenWorld
        }
    }

    /// Does the work. It checks the values of its arguments itself and answers bad ones with `isError`, in a text that
    /// a model can act on. When the task is cancelled it should stop; whatever it returns then is thrown away.
    package typealias Call = @Sendable (_ arguments: JSONObject, _ call: ToolCall) async -> ToolOutcome

    package let name: String
    package let title: String
    package let description: String
    /// JSON Schema 2020-12, an object schema that closes `additionalProperties`, without references to elsewhere.
    package let inputSchema: JSONObject
    /// JSON Schema 2020-12 that every result without `isError` satisfies.
    package let outputSchema: JSONObject
    package let annotations: Annotations
    package let icons: [Icon]
    /// Capabilities a client must declare before it may call the tool, such as `elicitation`.
    package let requiredClientCapabilities: [String]
    package let call: Call

    /// - Precondition: the name is 1…64 of `A-Z a-z 0-9 _ . -`, the input schema is a closed object schema.
    package init(
        name: String, title: String, description: String, inputSchema: JSONObject, outputSchema: JSONObject,
        annotations: Annotations, icons: [Icon] = [], requiredClientCapabilities: [String] = [],
        call: @escaping Call
    ) {
        precondition(Self.isName(name), "a tool's name is 1 to 64 of A-Z a-z 0-9 _ . -")
        precondition(inputSchema["type"] == "object", "a tool takes an object")
        precondition(inputSchema["additionalProperties"] == false, "a tool's arguments are closed")
        self.name = name
        self.title = title
        self.description = description
        self.inputSchema = inputSchema
        self.outputSchema = outputSchema
        self.annotations = annotations
        self.icons = icons
        self.requiredClientCapabilities = requiredClientCapabilities
        self.call = call
    }

    /// Whether `text` may name a tool. The specification allows 128 characters; clients check 64.
    package static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// The entry in `tools/list`, without what `version` did not know.
    package func listing(for version: ProtocolVersion) -> JSONValue {
        var entry: JSONObject = ["name": .string(name)]
        if version >= .june2025 { entry["title"] = .string(title) }
        entry["description"] = .string(description)
        entry["inputSchema"] = .object(inputSchema)
        if version >= .june2025 { entry["outputSchema"] = .object(outputSchema) }
        if version >= .march2025 {
            var hints: JSONObject = [
                "readOnlyHint": .bool(annotations.isReadOnly), "destructiveHint": .bool(annotations.isDestructive),
                "idempotentHint": .bool(annotations.isIdempotent), "openWorldHint": .bool(annotations.isOpenWorld),
            ]
            // The only title that this revision knows; later ones have the one above.
            if version < .june2025 { hints["title"] = .string(title) }
            entry["annotations"] = .object(hints)
        }
        if version >= .november2025, !icons.isEmpty { entry["icons"] = .array(icons.map(\.json)) }
        return .object(entry)
    }
}

/// What a tool knows of the call it serves. The call is cancelled by cancelling its task.
package struct ToolCall: Sendable {
    package let version: ProtocolVersion
    /// Who calls, as it says itself: for display and for records, never for decisions.
    package let client: ClientDescription?
    package let progress: ProgressReporter
    /// Halves of characters in the arguments for which U+FFFD was read.
    package let replacedSurrogates: Int
    /// Whether the arguments came as JSON in a text.
    package let areArgumentsFromText: Bool

    package init(
        version: ProtocolVersion, client: ClientDescription?, progress: ProgressReporter, replacedSurrogates: Int = 0,
        areArgumentsFromText: Bool = false
    ) {
        self.version = version
        self.client = client
        self.progress = progress
        self.replacedSurrogates = replacedSurrogates
        self.areArgumentsFromText = areArgumentsFromText
    }
}

/// Tells the client how far a call has come, if it asked to be told; else it does nothing.
package struct ProgressReporter: Sendable {
    package typealias Report = @Sendable (_ progress: Double, _ total: Double?, _ message: String?) -> Void
    package typealias Notify = @Sendable (_ method: String, _ params: JSONObject) -> Void
    private let send: Report?
    private let sendNotification: Notify?

    package init(_ send: Report?, notify: Notify? = nil) {
        self.send = send
        sendNotification = notify
    }

    /// Sends a notification that belongs to this request, as long as the request is not answered.
    func notify(_ method: String, _ params: JSONObject) { sendNotification?(method, params) }

    /// Whether anyone listens; spares a tool the counting.
    package var isWanted: Bool { send != nil }

    /// Reports `progress` out of `total`, in whatever unit the tool counts.
    ///
    /// Never waits. A value that is not finite or not above the last one is not sent, nor is one that comes after the
    /// reply or while the client is far behind in reading.
    package func report(_ progress: Double, total: Double? = nil, message: String? = nil) {
        send?(progress, total, message)
    }
}

/// What a tool answers: a text for the model and the same facts for programs, or a failure.
package struct ToolOutcome: Sendable {
    /// What the model reads; nil where that is ``structured`` as JSON.
    package let text: String?
    /// The facts; they conform to the tool's output schema. Legacy clients take objects only. nil for a failure, since
    /// clients check it against the schema even then, and show their own complaint instead of the text.
    package let structured: JSONValue?
    package let links: [ResourceLink]

    /// The tool failed in a way the model can read and act on.
    package var isError: Bool { structured == nil }

    /// - Parameter text: what the model reads; without it, `structured` as JSON.
    package init(_ structured: JSONValue, text: String? = nil, links: [ResourceLink] = []) {
        self.structured = structured
        self.text = text
        self.links = links
    }

    private init(failure text: String) {
        self.text = text
        structured = nil
        links = []
    }

    /// A failure; `text` says what happened and what to do.
    package static func failure(_ text: String) -> ToolOutcome { ToolOutcome(failure: text) }

    /// The members of a `tools/call` result.
    package func members(for version: ProtocolVersion) -> EncodedMembers {
        let encoded = structured.map { JSONWriter.bytes($0) }
        let shown = text ?? String(decoding: encoded ?? [], as: UTF8.self)
        var content: [JSONValue] = [["type": "text", "text": .string(shown)]]
        if version >= .june2025 { content += links.map(\.json) }
        var members = EncodedMembers()
        members.set("content", .array(content))
        if let encoded, version.isModern || (version >= .june2025 && structured?.objectValue != nil) {
            members.set("structuredContent", encoded: encoded)
        }
        members.set("isError", .bool(isError))
        return members
    }
}
