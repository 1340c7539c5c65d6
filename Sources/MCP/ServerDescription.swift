import JSON

/// A picture that travels inside the message, so that no client fetches anything to show it.
package struct Icon: Sendable {
    /// A `data:` URI.
    package let source: String
    package let mimeType: String
    /// Such as `48x48`, or `any` for a drawing that scales.
    package let sizes: [String]

    package init(source: String, mimeType: String, sizes: [String]) {
        precondition(source.hasPrefix("data:"), "an icon is a data: URI")
        self.source = source
        self.mimeType = mimeType
        self.sizes = sizes
    }

    package var json: JSONValue {
        ["src": .string(source), "mimeType": .string(mimeType), "sizes": .array(sizes.map { .string($0) })]
    }
}

/// All that a server is to its clients: who it is, what it can do.
package struct ServerDescription: Sendable {
    package let name: String
    package let title: String
    package let version: String
    package let description: String
    package let icons: [Icon]
    /// What a model should know before it uses the tools.
    package let instructions: String
    /// In the order in which clients see them.
    package let tools: [Tool]
    /// Nil when the server has no resources; their methods then do not exist.
    package let resources: ResourceCatalog?
    /// In the order in which clients see them; empty when there are none, whose methods then do not exist.
    package let prompts: [Prompt]
    /// Tells of changed resources; nil when nobody can listen.
    package let changes: ChangeFeed?

    /// - Precondition: no two tools have one name.
    package init(
        name: String, title: String, version: String, description: String, icons: [Icon] = [],
        instructions: String, tools: [Tool], resources: ResourceCatalog? = nil, prompts: [Prompt] = [],
        changes: ChangeFeed? = nil
    ) {
        precondition(Set(tools.map(\.name)).count == tools.count, "two tools have one name")
        self.name = name
        self.title = title
        self.version = version
        self.description = description
        self.icons = icons
        self.instructions = instructions
        self.tools = tools
        self.resources = resources
        self.prompts = prompts
        self.changes = changes
    }

    /// `serverInfo` as `revision` knows it.
    package func identity(for revision: ProtocolVersion) -> JSONValue {
        var members: JSONObject = ["name": .string(name)]
        if revision >= .june2025 { members["title"] = .string(title) }
        members["version"] = .string(version)
        if revision >= .november2025 {
            members["description"] = .string(description)
            if !icons.isEmpty { members["icons"] = .array(icons.map(\.json)) }
        }
        return .object(members)
    }

    /// `serverInfo` as every modern result bears it: without the picture and the prose, which `server/discover` has.
    package var signature: JSONValue { ["name": .string(name), "title": .string(title), "version": .string(version)] }

    /// Clients can use the declared capabilities; methods of the others are answered with "method not found".
    package func capabilities(for revision: ProtocolVersion) -> JSONValue {
        var members: JSONObject = ["tools": [:]]
        if resources != nil {
            // Only clients of the modern era can subscribe to changes.
            members["resources"] =
                changes != nil && revision.isModern ? ["listChanged": true, "subscribe": true] : [:]
            if revision >= .march2025 { members["completions"] = [:] }
        }
        if !prompts.isEmpty { members["prompts"] = [:] }
        return .object(members)
    }
}

/// Who a client says it is, and what it says it can do.
package struct ClientDescription: Sendable, Equatable {
    package let name: String?
    package let version: String?
    package let capabilities: JSONObject

    /// Takes what is readable of `info`; a client that misdescribes itself is still served.
    package init(info: JSONValue?, capabilities: JSONObject) {
        name = info?["name"]?.stringValue
        version = info?["version"]?.stringValue
        self.capabilities = capabilities
    }
}
