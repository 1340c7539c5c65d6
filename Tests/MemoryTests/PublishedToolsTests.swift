import JSON
import Memory
import Testing

/// What providers take of a tool's schema: the least that all of them have in common.
enum ProviderRules {
    private static let keywords: Set<String> = [
        "type", "description", "properties", "required", "items", "enum", "maximum", "minimum", "format",
        "additionalProperties", "default",
    ]
    private static let types: Set<String> = ["string", "integer", "number", "boolean", "array", "object"]
    private static let deepest = 5

    static func faults(in schema: JSONValue, at path: String = "", depth: Int = 0) -> [String] {
        guard let members = schema.objectValue else { return ["\(path) is no schema"] }
        var faults: [String] = []
        if depth > deepest { faults.append("\(path) is nested deeper than \(deepest)") }
        for key in members.keys where !keywords.contains(key) { faults.append("\(path) has \(key)") }
        guard let type = members["type"]?.stringValue, types.contains(type) else {
            return faults + ["\(path) has no plain type"]
        }
        if let format = members["format"], format != "date-time" { faults.append("\(path) has another format") }
        if type == "array", members["items"] == nil { faults.append("\(path) has no items") }
        if type == "object", members["properties"] == nil, members["additionalProperties"] != true {
            faults.append("\(path) has neither properties nor additionalProperties")
        }
        for (name, inner) in members["properties"]?.objectValue ?? [:] {
            faults += self.faults(in: inner, at: "\(path).\(name)", depth: depth + 1)
        }
        if let items = members["items"] { faults += self.faults(in: items, at: path + "[]", depth: depth + 1) }
        return faults
    }

    /// Paths of members without a description.
    static func undescribed(in schema: JSONValue, at path: String = "") -> [String] {
        var found: [String] = []
        for (name, inner) in schema["properties"]?.objectValue ?? [:] {
            if inner["description"]?.stringValue?.isEmpty ?? true { found.append("\(path).\(name)") }
            found += undescribed(in: inner, at: "\(path).\(name)")
        }
        if let items = schema["items"] { found += undescribed(in: items, at: path + "[]") }
        return found
    }
}

@Suite("The tools as they are published") struct PublishedToolsTests {
    private static let contract = MemoryContract()

    @Test("every provider takes every schema", arguments: [false, true])
    func everyProviderTakesEverySchema(full: Bool) {
        for tool in Self.contract.tools {
            let (input, output) = (JSONValue.object(tool.inputSchema(full: full)), JSONValue.object(tool.outputSchema))
            #expect(ProviderRules.faults(in: input, at: tool.name) == [])
            #expect(ProviderRules.faults(in: output, at: tool.name) == [])
            #expect(input["additionalProperties"] == false)
        }
    }

    @Test("a schema that a provider refuses is found")
    func aRefusedSchemaIsFound() {
        for schema: JSONValue in [
            ["type": ["string", "null"]], ["anyOf": [["required": ["a"]]], "type": "object", "properties": [:]],
            ["$ref": "#/a"], ["type": "string", "format": "uuid"], ["type": "array"], ["type": "object"],
            ["type": "object", "properties": ["a": ["type": "array"]]],
        ] {
            #expect(!ProviderRules.faults(in: schema).isEmpty, "\(JSONWriter.text(schema))")
        }
    }

    @Test("every parameter is described", arguments: [false, true])
    func everyParameterIsDescribed(full: Bool) {
        for tool in Self.contract.tools {
            #expect(ProviderRules.undescribed(in: .object(tool.inputSchema(full: full)), at: tool.name) == [])
        }
    }

    @Test("by default system_status shows health and stats alone, and all its operations on request")
    func statusShowsTwoOperations() {
        let status = Self.contract.status
        #expect(status.inputSchema()["properties"]?["operation"]?["enum"] == ["health", "stats"])
        #expect(status.inputSchema(full: true)["properties"]?["operation"]?["enum"]?.arrayValue?.count == 20)
        #expect(throws: Never.self) { try status.checked(["operation": "get_document"]) }
    }

    @Test("the seven tools come in one order")
    func theOrderIsFixed() {
        #expect(
            Self.contract.tools.map(\.name) == [
                "memory_store", "memory_find", "memory_get", "memory_update", "memory_delete", "memory_list",
                "system_status",
            ])
    }
}
