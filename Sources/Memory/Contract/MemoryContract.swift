import JSON

/// The three tools as an agent sees them: names, texts, arguments and results, declared once.
package struct MemoryContract: Sendable {
    package let store: MemoryTool
    package let find: MemoryTool
    package let status: MemoryTool

    package init(_ settings: MemorySettings = MemorySettings()) {
        store = MemoryTool(
            name: "memory_store", title: "Store memories",
            summary: "Keep facts, decisions, todos, incidents and other memories for later sessions. Copies and near "
                + "copies in one scope are merged. Every item answers with its status and its id.",
            arguments: .object(StoreArguments.arguments(settings)), result: ResultShapes.store,
            isReadOnly: false, isDestructive: false, isIdempotent: true)
        find = MemoryTool(
            name: "memory_find", title: "Find memories",
            summary: "Find memories by meaning and by words. Scope, types and filters narrow what is searched.",
            arguments: .object(FindArguments.arguments(settings)), result: ResultShapes.find,
            isReadOnly: true, isDestructive: false, isIdempotent: true)
        status = MemoryTool(
            name: "system_status", title: "Look after the memory",
            summary:
                "Health and statistics, one memory by its id, export, and deletion, purge and cleanup (which first "
                + "answer what they would do).",
            arguments: .object(StatusArguments.arguments(settings)), result: ResultShapes.status,
            isReadOnly: false, isDestructive: true, isIdempotent: true)
    }

    /// In the order of `tools/list`.
    package var tools: [MemoryTool] { [store, find, status] }
}

/// One tool: what `tools/list` shows, and the check of what `tools/call` sends.
package struct MemoryTool: Sendable {
    package let name: String
    package let title: String
    package let summary: String
    package let arguments: Shape
    package let result: Shape
    package let isReadOnly: Bool
    package let isDestructive: Bool
    package let isIdempotent: Bool

    package var inputSchema: JSONValue { Self.document(arguments) }
    package var outputSchema: JSONValue { Self.document(result) }

    package var annotations: JSONValue {
        [
            "title": .string(title), "readOnlyHint": .bool(isReadOnly), "destructiveHint": .bool(isDestructive),
            "idempotentHint": .bool(isIdempotent), "openWorldHint": false,
        ]
    }

    /// The arguments in their checked form: one spelling, defaults filled in, nothing unknown.
    package func checked(_ arguments: JSONObject) throws(MemoryError) -> JSONObject {
        try self.arguments.checked(.object(arguments), at: "").objectValue ?? [:]
    }

    private static func document(_ shape: Shape) -> JSONValue {
        var schema: JSONObject = ["$schema": "https://json-schema.org/draft/2020-12/schema"]
        schema.merge(shape.schema) { $1 }
        return .object(schema)
    }
}

/// Shapes that several tools use.
enum SharedArguments {
    static let scope = Shape.object(MemoryScope.keys.map { Argument($0, .text(0...200)) })

    static let kinds = MemoryKind.allCases.map(\.rawValue)

    static func filters(_ settings: MemorySettings) -> Shape {
        .object([
            Argument("created_after", .timestamp), Argument("created_before", .timestamp),
            Argument("updated_after", .timestamp), Argument("updated_before", .timestamp),
            Argument("tags", .list(.text(1...200), count: 0...50), "All of these; key:value for tags with values."),
            Argument("metadata", .openObject(maximumBytes: 16_384), "Members that must be equal."),
            Argument("confidence_min", .number(0...1)), Argument("confidence_max", .number(0...1)),
        ])
    }
}
