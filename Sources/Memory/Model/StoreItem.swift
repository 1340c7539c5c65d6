import JSON
import VectorEngine

/// Who said something, when, and in which conversation.
package struct MemorySource: Sendable, Equatable {
    package var actor: String?
    package var tool: String?
    package var session: String?
    /// Microseconds since 1970.
    package var timestamp: Int64?

    /// The tool of memories that belong to the section of a document that they came from.
    static let documentTool = "cortex sync"

    package init(actor: String? = nil, tool: String? = nil, session: String? = nil, timestamp: Int64? = nil) {
        self.actor = actor
        self.tool = tool
        self.session = session
        self.timestamp = timestamp
    }

    init(_ members: JSONObject?) {
        self.init(
            actor: members?["actor"]?.stringValue, tool: members?["tool"]?.stringValue,
            session: members?["session"]?.stringValue,
            timestamp: members?["timestamp"]?.stringValue.flatMap(Timestamp.parse))
    }
}

/// One thing to keep.
package struct StoreItem: Sendable {
    package var kind: MemoryKind
    /// At least one of `content` and `data` is there.
    package var content: String?
    package var data: JSONObject?
    /// nil takes the call's default scope.
    package var scope: MemoryScope?
    package var source = MemorySource()
    package var metadata: JSONObject?
    /// An object, or an array of strings.
    package var tags: JSONValue?
    package var idempotencyKey: String?
    package var expiry: ExpiryChoice?
    var renewal: ExpiryExtension?
    var truncation: Truncation?
    var insights: Insights?
    /// Why the item cannot be read; the others of its call are stored.
    var refusal: MemoryError?

    package init(_ kind: MemoryKind, content: String? = nil, data: JSONObject? = nil) {
        self.kind = kind
        self.content = content
        self.data = data
    }
}
