import JSON
import VectorEngine

/// How far a search goes beyond what it found (`graph_expansion`).
struct Expansion: Sendable, Equatable {
    enum Kind: String, Sendable, CaseIterable { case none, relations, parents, children, all }
    enum Direction: String, Sendable, CaseIterable { case outgoing, incoming, both }

    var kind = Kind.none
    var maximumDepth = 2
    var maximumNodes = 100
    /// Empty for every type.
    var relationTypes: [String] = []
    var direction = Direction.both

    init() {}

    /// `enabled` alone means all.
    init(checked arguments: JSONObject) {
        let members = arguments["graph_expansion"]
        let isEnabled = members?["enabled"]?.boolValue
        let named = members?["expansion_type"]?.stringValue.flatMap(Kind.init)
        let isDeep = arguments["search_strategy"] == "deep"
        kind = isEnabled == false ? .none : named ?? (isEnabled == true || isDeep ? .all : .none)
        func whole(_ name: String, _ otherwise: Int) -> Int {
            members?[name]?.integerValue.flatMap { Int(exactly: $0) } ?? otherwise
        }
        maximumDepth = whole("max_depth", maximumDepth)
        maximumNodes = whole("max_nodes", maximumNodes)
        relationTypes = (members?["relation_types"]?.arrayValue ?? []).compactMap(\.stringValue)
        direction = members?["direction"]?.stringValue.flatMap(Direction.init) ?? direction
    }

    func wants(_ type: String) -> Bool {
        guard relationTypes.isEmpty || relationTypes.containsBytes(of: type) else { return false }
        switch kind {
        case .none: return false
        case .all: return true
        case .parents, .children: return Edge.hierarchy.contains(ByteText(type))
        case .relations: return !Edge.hierarchy.contains(ByteText(type))
        }
    }

    /// Parents are what an item names, children what names it.
    var follows: (outgoing: Bool, incoming: Bool) {
        switch kind {
        case .parents: (true, false)
        case .children: (false, true)
        default: (direction != .incoming, direction != .outgoing)
        }
    }
}

/// One edge between two items.
struct Edge: Sendable, Hashable {
    static let hierarchy: Set<ByteText> = ["document_id", "parent_id", "dependencies", "supersedes", "entity_id"]

    let from: UUIDBytes
    let to: UUIDBytes
    let type: ByteText

    var json: JSONValue {
        ["from": .string(from.description), "to": .string(to.description), "type": .string(type.text)]
    }
}

/// What an expansion reached.
struct Graph: Sendable {
    struct Node: Sendable {
        let record: MemoryRecord
        let depth: Int
        /// From a found item to this one.
        let path: [UUIDBytes]
    }

    private(set) var nodes: [Node] = []
    private(set) var edges: [Edge] = []
    private(set) var cycles = 0
    private(set) var isTruncated = false
    private var seen: Set<UUIDBytes>
    private var known: Set<Edge> = []

    init(seeds: [UUIDBytes]) { seen = Set(seeds) }

    mutating func truncate() { isTruncated = true }

    /// - Returns: Whether the edge is new and its end had not been reached.
    mutating func add(_ edge: Edge, reaching id: UUIDBytes) -> Bool {
        guard known.insert(edge).inserted else { return false }
        edges.append(edge)
        if seen.insert(id).inserted { return true }
        cycles += 1
        return false
    }

    mutating func add(_ node: Node) { nodes.append(node) }

    var json: JSONValue {
        var members: JSONObject = [
            "nodes": .array(
                nodes.map { node in
                    [
                        "id": .string(node.record.id.description), "depth": .integer(Int64(node.depth)),
                        "path": .array(node.path.map { .string($0.description) }),
                    ]
                }),
            "edges": .array(edges.map(\.json)), "cycles": .integer(Int64(cycles)),
        ]
        if isTruncated { members["truncated"] = true }
        return .object(members)
    }
}
