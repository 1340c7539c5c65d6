import JSON
import VectorEngine

/// What an item is called by others, what it names itself, and by what two items are the same thing.
///
/// All three are keywords in the payload, so that rules, contradictions and the graph find items by an index.
enum LinkKeys {
    /// Members of `data` by whose values an item is called, beside its id.
    private static let names = ["id", "name", "external_id", "entity_id", "migration_id", "pr_number"]
    /// Members of `data` that name other items.
    private static let links = [
        "from_entity_id", "to_entity_id", "supersedes", "dependencies", "document_id", "parent_id",
    ]
    /// Keywords of one item at most.
    private static let limit = 100

    static func names(of kind: MemoryKind, _ data: JSONObject?) -> [String] {
        guard let data else { return [] }
        var found = names.compactMap { $0 == "entity_id" && kind != .entity ? nil : text(data[$0]) }
        if kind == .todo || kind == .decision || kind == .risk || kind == .assumption, let title = text(data["title"]) {
            found.append(title)
        }
        return unique(found)
    }

    /// With an observation's entity and every `related_…` member.
    static func links(of kind: MemoryKind, _ data: JSONObject?) -> [String] {
        guard let data else { return [] }
        var found: [String] = []
        for (key, value) in data where links.contains(key) || key.hasPrefix("related_") || key == "entity_id" {
            if key == "entity_id", kind == .entity { continue }
            found += value.arrayValue.map { $0.compactMap(named) } ?? [named(value)].compactMap { $0 }
        }
        return unique(found)
    }

    /// One keyword for each way in which two items are the same thing.
    static func identities(of kind: MemoryKind, _ data: JSONObject?) -> [String] {
        guard let data else { return [] }
        return memberLists(of: kind, data).compactMap { identity(kind, $0, data) }
    }

    /// The keyword of these members; nil when one of them has no plain value.
    static func identity(_ kind: MemoryKind, _ members: [String], _ data: JSONObject?) -> String? {
        var parts: [JSONValue] = [.string(kind.rawValue)]
        for name in members {
            guard let value = text(data?[name]) else { return nil }
            parts += [.string(name), .string(value)]
        }
        return String(ContentHash.hex(of: .array(parts)).prefix(32))
    }

    private static func memberLists(of kind: MemoryKind, _ data: JSONObject) -> [[String]] {
        switch kind {
        case .ddl: [["migration_id"]]
        case .decision: [["component", "title"], ["component"]]
        case .section: [section(data)]
        case .entity: [["entity_type", "name"]]
        case .observation:
            [["entity_type", "entity_id"] + (text(data["observation_type"]) == nil ? [] : ["observation_type"])]
        default: []
        }
    }

    static func section(_ data: JSONObject?) -> [String] {
        text(data?["document_id"]) == nil ? ["title", "heading"] : ["document_id", "title", "heading"]
    }

    /// A non-empty string, or a whole number as one.
    static func text(_ value: JSONValue?) -> String? {
        switch value {
        case .string(let text)?: text.isEmpty ? nil : text
        case .integer(let number)?: String(number)
        default: nil
        }
    }

    /// A name, or the id or title of an object that stands for one.
    private static func named(_ value: JSONValue) -> String? {
        (text(value) ?? text(value["id"]) ?? text(value["title"]) ?? text(value["name"])).map(canonical)
    }

    /// A memory's id as the store spells it, whether it is given in capitals or as `memory://id`; any other name as it
    /// is.
    static func canonical(_ name: String) -> String {
        let id = name.hasPrefix("memory://") ? String(name.dropFirst("memory://".count)) : name
        return UUIDBytes(id)?.description ?? name
    }

    private static func unique(_ list: [String]) -> [String] {
        Array(list.uniqueByBytes().prefix(limit))
    }
}
