import JSON

/// The file of the official knowledge-graph memory server: a line for each entity and each relation.
struct KnowledgeGraph {
    private var entities: [(name: String, type: String, observations: [String])] = []
    private var relations: [(from: String, to: String, type: String)] = []

    /// false when the line is of another kind.
    mutating func take(_ line: JSONObject) -> Bool {
        switch line["type"]?.stringValue {
        case "entity":
            guard let name = line["name"]?.stringValue else { return false }
            let observations = (line["observations"]?.arrayValue ?? []).compactMap(\.stringValue)
            entities.append((name, line["entityType"]?.stringValue ?? "entity", observations))
        case "relation":
            guard let from = line["from"]?.stringValue, let to = line["to"]?.stringValue else { return false }
            relations.append((from, to, line["relationType"]?.stringValue ?? "related_to"))
        default: return false
        }
        return true
    }

    /// Entities, then what was observed of them, then relations.
    var items: [JSONValue] {
        let types = Dictionary(entities.map { ($0.name, $0.type) }) { first, _ in first }
        var items: [JSONValue] = entities.map {
            ["kind": "entity", "data": ["entity_type": .string($0.type), "name": .string($0.name)]]
        }
        for entity in entities {
            items += entity.observations.map { text in
                [
                    "kind": "observation", "content": .string(text),
                    "data": [
                        "entity_type": .string(entity.type), "entity_id": .string(entity.name),
                        "observation": .string(text),
                    ],
                ]
            }
        }
        for relation in relations {
            items.append([
                "kind": "relation",
                "data": [
                    "from_entity_type": .string(types[relation.from] ?? "entity"),
                    "from_entity_id": .string(relation.from),
                    "to_entity_type": .string(types[relation.to] ?? "entity"), "to_entity_id": .string(relation.to),
                    "relation_type": .string(relation.type),
                ],
            ])
        }
        return items
    }
}
