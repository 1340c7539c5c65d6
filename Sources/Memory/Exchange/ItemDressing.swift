import JSON

/// What a command says about every item that does not say it itself.
package struct ItemDressing: Sendable {
    /// Items that a command stores in one call.
    package static let batchSize = 100

    private let kind: String
    private let tags: [String]
    private let ttl: String?

    package init(kind: String, tags: [String], ttl: String?) {
        self.kind = kind
        self.tags = tags
        self.ttl = ttl
    }

    package func dressed(_ item: JSONValue) -> JSONValue {
        guard case .object(var members) = item else { return item }
        if members["kind"] == nil, members["type"] == nil { members["kind"] = .string(kind) }
        if !tags.isEmpty, members["tags"] == nil { members["tags"] = .array(tags.map { .string($0) }) }
        if let ttl, members["ttl_config"] == nil { members["ttl_config"] = ["policy": .string(ttl)] }
        return .object(members)
    }
}
