import JSON

/// A text that a person starts a conversation with, filled from arguments.
package struct Prompt: Sendable {
    package struct Argument: Sendable {
        package let name: String
        package let description: String
        package let isRequired: Bool

        package init(_ name: String, _ description: String, required: Bool = false) {
            self.name = name
            self.description = description
            isRequired = required
        }
    }

    package let name: String
    package let title: String
    package let description: String
    package let arguments: [Argument]
    /// The user's message for arguments of which every required one is there.
    package let text: @Sendable (_ arguments: [String: String]) async throws(ResourceError) -> String
    /// Proposals for one argument, best first.
    package let complete: @Sendable (_ argument: String, _ value: String) async throws(ResourceError) -> [String]

    package init(
        name: String, title: String, description: String, arguments: [Argument],
        complete: @escaping @Sendable (String, String) async throws(ResourceError) -> [String] = { _, _ in [] },
        text: @escaping @Sendable ([String: String]) async throws(ResourceError) -> String
    ) {
        self.name = name
        self.title = title
        self.description = description
        self.arguments = arguments
        self.complete = complete
        self.text = text
    }

    package func listing(for version: ProtocolVersion) -> JSONValue {
        var members: JSONObject = ["name": .string(name)]
        if version >= .june2025 { members["title"] = .string(title) }
        members["description"] = .string(description)
        members["arguments"] = .array(
            arguments.map { argument in
                [
                    "name": .string(argument.name), "description": .string(argument.description),
                    "required": .bool(argument.isRequired),
                ]
            })
        return .object(members)
    }
}

extension RequestRouter {
    func listPrompts(_ exchange: Exchange) -> OutgoingMessage {
        var members = EncodedMembers()
        members.set("prompts", .array(server.prompts.map { $0.listing(for: exchange.version) }))
        return exchange.success(members, cache: constant)
    }

    /// - Throws: `invalidParams` for an unknown prompt and for arguments that are missing, unknown or no strings.
    func getPrompt(_ params: JSONObject, _ exchange: Exchange) throws(RPCError) -> Work {
        guard let prompt = server.prompts.first(where: { $0.name == params["name"]?.stringValue }) else {
            throw RPCError(.invalidParams, "no such prompt; prompts/list names them")
        }
        var arguments: [String: String] = [:]
        for (name, value) in params["arguments"]?.objectValue ?? [:] {
            guard prompt.arguments.contains(where: { $0.name == name }), let text = value.stringValue else {
                let names = prompt.arguments.map(\.name).joined(separator: ", ")
                throw RPCError(.invalidParams, "a prompt's arguments are strings; this one has \(names)")
            }
            arguments[name] = text
        }
        if let missing = prompt.arguments.first(where: { $0.isRequired && (arguments[$0.name] ?? "").isEmpty }) {
            throw RPCError(.invalidParams, "the argument \(missing.name) is required")
        }
        let given = arguments
        return work(exchange) { () async throws(ResourceError) in
            let text = try await prompt.text(given)
            var members = EncodedMembers()
            members.set("description", .string(prompt.description))
            members.set("messages", [["role": "user", "content": ["type": "text", "text": .string(text)]]])
            return exchange.success(members)
        }
    }
}
