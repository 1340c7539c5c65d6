import JSON

/// One thing that can be read by its URI.
package struct Resource: Sendable {
    package let uri: String
    package let name: String
    package let title: String?
    package let description: String?
    package let mimeType: String?
    package let sizeBytes: Int?

    package init(
        uri: String, name: String, title: String? = nil, description: String? = nil, mimeType: String? = nil,
        sizeBytes: Int? = nil
    ) {
        self.uri = uri
        self.name = name
        self.title = title
        self.description = description
        self.mimeType = mimeType
        self.sizeBytes = sizeBytes
    }

    /// The members without those that are not set.
    package var members: JSONObject {
        var members: JSONObject = ["uri": .string(uri), "name": .string(name)]
        if let title { members["title"] = .string(title) }
        if let description { members["description"] = .string(description) }
        if let mimeType { members["mimeType"] = .string(mimeType) }
        if let sizeBytes { members["size"] = .integer(Int64(sizeBytes)) }
        return members
    }
}

/// A pointer to a resource inside a tool's answer.
package struct ResourceLink: Sendable {
    package let resource: Resource

    package init(_ resource: Resource) { self.resource = resource }

    package var json: JSONValue {
        var members: JSONObject = ["type": "resource_link"]
        members.merge(resource.members) { _, new in new }
        return .object(members)
    }
}

/// A family of resources: a URI with variables (RFC 6570).
package struct ResourceTemplate: Sendable {
    package let uriTemplate: String
    package let name: String
    package let title: String
    package let description: String
    package let mimeType: String?

    package init(uriTemplate: String, name: String, title: String, description: String, mimeType: String? = nil) {
        self.uriTemplate = uriTemplate
        self.name = name
        self.title = title
        self.description = description
        self.mimeType = mimeType
    }

    package func listing(for version: ProtocolVersion) -> JSONValue {
        var members: JSONObject = ["uriTemplate": .string(uriTemplate), "name": .string(name)]
        if version >= .june2025 { members["title"] = .string(title) }
        members["description"] = .string(description)
        if let mimeType { members["mimeType"] = .string(mimeType) }
        return .object(members)
    }
}

/// The contents of a resource.
package enum ResourceContents: Sendable {
    case text(uri: String, mimeType: String, text: String)
    /// Bytes, already in base64.
    case blob(uri: String, mimeType: String, base64: String)

    package var json: JSONValue {
        switch self {
        case .text(let uri, let mimeType, let text):
            ["uri": .string(uri), "mimeType": .string(mimeType), "text": .string(text)]
        case .blob(let uri, let mimeType, let base64):
            ["uri": .string(uri), "mimeType": .string(mimeType), "blob": .string(base64)]
        }
    }
}

/// One page of a listing.
package struct ResourcePage: Sendable {
    package let resources: [Resource]
    /// What asks for the next page; nil on the last one.
    package let nextCursor: String?
    /// Why resources may be missing; nil when none are.
    package let degradedReason: String?

    package init(resources: [Resource], nextCursor: String? = nil, degradedReason: String? = nil) {
        self.resources = resources
        self.nextCursor = nextCursor
        self.degradedReason = degradedReason
    }
}

/// A wish to complete one variable of a template.
package struct CompletionRequest: Sendable {
    package let uriTemplate: String
    package let argument: String
    /// What has been typed so far.
    package let value: String
    /// Variables already settled.
    package let context: [String: String]

    package init(uriTemplate: String, argument: String, value: String, context: [String: String] = [:]) {
        self.uriTemplate = uriTemplate
        self.argument = argument
        self.value = value
        self.context = context
    }
}

/// Proposals, best first.
package struct Completion: Sendable {
    /// As many as there are; the reply carries the first 100 and says that there are more.
    package let values: [String]
    /// How many exist, where that is known.
    package let total: Int?

    package init(values: [String], total: Int? = nil) {
        self.values = values
        self.total = total
    }
}

/// Why a catalog has no answer.
package enum ResourceError: Error, Sendable {
    /// No resource of that URI, or no template of that text.
    case notFound
    /// A cursor this catalog did not give out.
    case invalidCursor
    /// A URI or an argument that cannot be; the text says why.
    case invalidArgument(String)
    /// The catalog failed; the text is fit for a client's eyes.
    case failed(String)
}

/// The resources of a server, as closures over wherever they are kept. Each is cancelled by cancelling its task.
package struct ResourceCatalog: Sendable {
    /// The page after `cursor`, the first one for nil, in an order that does not change while nothing is written.
    package let list: @Sendable (_ cursor: String?) async throws(ResourceError) -> ResourcePage
    package let templates: [ResourceTemplate]
    /// The contents of one resource: never empty, an unknown URI throws `notFound`.
    package let read: @Sendable (_ uri: String) async throws(ResourceError) -> [ResourceContents]
    package let complete: @Sendable (_ request: CompletionRequest) async throws(ResourceError) -> Completion

    package init(
        templates: [ResourceTemplate],
        list: @escaping @Sendable (_ cursor: String?) async throws(ResourceError) -> ResourcePage,
        read: @escaping @Sendable (_ uri: String) async throws(ResourceError) -> [ResourceContents],
        complete: @escaping @Sendable (_ request: CompletionRequest) async throws(ResourceError) -> Completion
    ) {
        self.templates = templates
        self.list = list
        self.read = read
        self.complete = complete
    }
}
