import JSON
import MCP
import Synchronization

/// The memory of the demo: texts by their number.
final class Notes: Sendable {
    private struct Note: Sendable {
        let kind: String
        let content: String
    }

    private let notes = Mutex<[Int: Note]>([:])

    private static func failure(_ message: String) -> ToolOutcome {
        .failure("E2004 \(message)")
    }

    private static func schema(_ properties: JSONValue, required: JSONValue = []) -> JSONObject {
        ["type": "object", "additionalProperties": false, "properties": properties, "required": required]
    }

    private static func link(_ id: Int) -> ResourceLink {
        ResourceLink(Resource(uri: "memory://note/\(id)", name: "note \(id)", mimeType: "application/json"))
    }

    var storeTool: Tool {
        Tool(
            name: "memory_store", title: "Store", description: "Keeps items.",
            inputSchema: Self.schema(["items": ["type": "array"]], required: ["items"]),
            outputSchema: ["type": "object", "required": ["items"]],
            annotations: Tool.Annotations(isReadOnly: false, isDestructive: false, isIdempotent: false)
        ) { [self] arguments, _ in
            guard let items = arguments["items"]?.arrayValue else { return Self.failure("items must be an array") }
            var answers: [JSONValue] = []
            var links: [ResourceLink] = []
            for (index, item) in items.enumerated() {
                guard let kind = item["kind"]?.stringValue, let content = item["content"]?.stringValue else {
                    return Self.failure("items[\(index)] needs kind and content")
                }
                let id = notes.withLock { notes in
                    notes[notes.count] = Note(kind: kind, content: content)
                    return notes.count - 1
                }
                links.append(Self.link(id))
                answers.append(
                    [
                        "input_index": .integer(Int64(index)), "status": "stored", "id": .string(String(id)),
                        "kind": .string(kind),
                    ])
            }
            return ToolOutcome(["items": .array(answers)], links: links)
        }
    }

    var findTool: Tool {
        Tool(
            name: "memory_find", title: "Find", description: "Finds items.",
            inputSchema: Self.schema(["query": ["type": "string"]], required: ["query"]),
            outputSchema: ["type": "object", "required": ["items", "total"]],
            annotations: Tool.Annotations(isReadOnly: true, isDestructive: false, isIdempotent: true)
        ) { [self] arguments, _ in
            guard let query = arguments["query"]?.stringValue else { return Self.failure("query must be a string") }
            let found = notes.withLock { $0.filter { $0.value.content.contains(query) } }
                .sorted { $0.key < $1.key }
                .map { id, note -> JSONValue in
                    ["id": .string(String(id)), "kind": .string(note.kind), "content": .string(note.content)]
                }
            return ToolOutcome(["items": .array(found), "total": .integer(Int64(found.count))])
        }
    }

    var statusTool: Tool {
        Tool(
            name: "system_status", title: "Status", description: "Tells how the server is.",
            inputSchema: Self.schema(
                ["operation": ["type": "string"], "document_id": ["type": "string"]], required: ["operation"]),
            outputSchema: ["type": "object"],
            annotations: Tool.Annotations(isReadOnly: false, isDestructive: true, isIdempotent: false)
        ) { [self] arguments, _ in
            switch arguments["operation"]?.stringValue {
            case "health": return ToolOutcome(["status": "ok"])
            case "stats": return ToolOutcome(["count": .integer(Int64(notes.withLock { $0.count }))])
            case "get_document":
                guard let note = note(arguments["document_id"]?.stringValue) else {
                    return Self.failure("no such document")
                }
                return ToolOutcome(["kind": .string(note.kind), "content": .string(note.content)])
            default: return Self.failure("operation must be health, stats or get_document")
            }
        }
    }

    var catalog: ResourceCatalog {
        ResourceCatalog(
            templates: [
                ResourceTemplate(
                    uriTemplate: "memory://note/{id}", name: "note", title: "Note", description: "One note",
                    mimeType: "application/json")
            ],
            list: { [self] _ throws(ResourceError) in
                let ids = notes.withLock { $0.keys.sorted() }
                return ResourcePage(resources: ids.map { Self.link($0).resource })
            },
            read: { [self] uri throws(ResourceError) in
                guard uri.hasPrefix("memory://note/"), let note = note(String(uri.dropFirst(14))) else {
                    throw .notFound
                }
                let text = JSONWriter.text(["kind": .string(note.kind), "content": .string(note.content)])
                return [.text(uri: uri, mimeType: "application/json", text: text)]
            },
            complete: { [self] request throws(ResourceError) in
                let ids = notes.withLock { $0.keys.sorted() }.map(String.init)
                return Completion(values: ids.filter { $0.hasPrefix(request.value) })
            })
    }

    private func note(_ id: String?) -> Note? {
        guard let id, let number = Int(id) else { return nil }
        return notes.withLock { $0[number] }
    }
}
