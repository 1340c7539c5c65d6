import JSON

/// The file of the official knowledge-graph memory server: a line for each entity and each relation.
struct KnowledgeGraph {
    /// Where a line is.
    struct Place {
        let file: String
        let line: Int
    }

    private var entities: [(place: Place, name: String, type: String, observations: [String])] = []
    private var relations: [(place: Place, from: String, to: String, type: String)] = []

    /// The lines of a graph that is one object with its entities and its relations, as `read_graph` answers; nil where
    /// the value is of another kind.
    static func lines(of value: JSONValue) -> [JSONValue]? {
        guard let entities = value["entities"]?.arrayValue, let relations = value["relations"]?.arrayValue else {
            return nil
        }
        func typed(_ list: [JSONValue], _ type: JSONValue) -> [JSONValue] {
            list.map { entry in entry.objectValue.map { .object($0.merging(["type": type]) { $1 }) } ?? entry }
        }
        return typed(entities, "entity") + typed(relations, "relation")
    }

    /// Takes a line.
    ///
    /// - Returns: false when the line is of another kind.
    /// - Throws: `missing` for an entity or a relation that lacks what it needs.
    mutating func take(_ line: JSONObject, at place: Place) throws(MemoryError) -> Bool {
        switch line["type"]?.stringValue {
        case "entity" where line["entityType"] != nil || line["observations"] != nil:
            guard let name = line["name"]?.stringValue, !name.isEmpty else {
                throw MemoryError(.missing, "is an entity without a name")
            }
            let observations = (line["observations"]?.arrayValue ?? []).compactMap(\.stringValue)
            entities.append((place, name, line["entityType"]?.stringValue ?? "entity", observations))
        case "relation" where line["from"] != nil || line["to"] != nil || line["relationType"] != nil:
            guard let from = line["from"]?.stringValue, let to = line["to"]?.stringValue else {
                throw MemoryError(.missing, "is a relation that does not say from where to where")
            }
            relations.append((place, from, to, line["relationType"]?.stringValue ?? "related_to"))
        default: return false
        }
        return true
    }

    /// Entities, then what was observed of them, then relations.
    var rows: [ImportSource.Row] {
        let types = Dictionary(entities.map { ($0.name, $0.type) }) { first, _ in first }
        var rows = entities.map {
            Self.row(
                $0.place, ["kind": "entity", "data": ["entity_type": .string($0.type), "name": .string($0.name)]])
        }
        for entity in entities {
            rows += entity.observations.map { text in
                Self.row(entity.place, Self.observation(text, of: entity.name, entity.type, type: nil, tags: []))
            }
        }
        for relation in relations {
            rows.append(
                Self.row(
                    relation.place,
                    Self.relation(
                        from: relation.from, types[relation.from], to: relation.to, types[relation.to], relation.type)))
        }
        return rows
    }

    private static func row(_ place: Place, _ item: JSONObject) -> ImportSource.Row {
        ImportSource.Row(item: item, file: place.file, line: place.line)
    }

    static func observation(
        _ text: String, of name: String, _ entityType: String, type: String?, tags: [String]
    ) -> JSONObject {
        var data: JSONObject = [
            "entity_type": .string(entityType), "entity_id": .string(name), "observation": .string(text),
        ]
        if let type { data["observation_type"] = .string(type) }
        var item: JSONObject = ["kind": "observation", "content": .string(text), "data": .object(data)]
        if !tags.isEmpty { item["tags"] = .array(tags.map { .string($0) }) }
        return item
    }

    static func relation(
        from: String, _ fromType: String?, to: String, _ toType: String?, _ type: String
    ) -> JSONObject {
        [
            "kind": "relation",
            "data": [
                "from_entity_type": .string(fromType ?? "entity"), "from_entity_id": .string(from),
                "to_entity_type": .string(toType ?? "entity"), "to_entity_id": .string(to),
                "relation_type": .string(type),
            ],
        ]
    }
}
