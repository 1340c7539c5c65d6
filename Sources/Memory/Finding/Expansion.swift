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

    /// `expand` and `graph_expansion.expansion_type` say the same; `enabled` alone means all.
    init(checked arguments: JSONObject) {
        let members = arguments["graph_expansion"]
        let isEnabled = members?["enabled"]?.boolValue
        let named = (members?["expansion_type"] ?? arguments["expand"])?.stringValue.flatMap(Kind.init)
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

extension MemoryStore {
    /// Walks from the found items along the edges that are wanted, breadth first, inside the search's scope.
    ///
    /// Edges are the members of `data` that name other items, by id or by what they call themselves (``LinkKeys``); a
    /// relation item is an edge of its own type between the two it names.
    func expanded(_ seeds: [MemoryRecord], _ expansion: Expansion, _ filter: Filter) async throws -> Graph {
        var graph = Graph(seeds: seeds.map(\.id))
        var frontier = seeds.map { Graph.Node(record: $0, depth: 0, path: [$0.id]) }
        for depth in 1...expansion.maximumDepth where expansion.kind != .none && !frontier.isEmpty {
            try Task.checkCancellation()
            let near = try await neighbours(of: frontier.map(\.record), expansion, filter)
            var next: [Graph.Node] = []
            for node in frontier {
                for (edge, record) in near where edge.from == node.record.id || edge.to == node.record.id {
                    let other = edge.from == node.record.id ? edge.to : edge.from
                    guard other == record.id, graph.add(edge, reaching: other) else { continue }
                    guard graph.nodes.count < expansion.maximumNodes else {
                        graph.truncate()
                        return graph
                    }
                    let reached = Graph.Node(record: record, depth: depth, path: node.path + [record.id])
                    graph.add(reached)
                    next.append(reached)
                }
            }
            frontier = next
        }
        return graph
    }

    /// Edges of the records with the record at the other end.
    private func neighbours(
        of records: [MemoryRecord], _ expansion: Expansion, _ filter: Filter
    ) async throws -> [(Edge, MemoryRecord)] {
        let follows = expansion.follows
        var conditions: [Condition] = []
        let links = records.flatMap { LinkKeys.links(of: $0.kind, $0.data) }
        if follows.outgoing || records.contains(where: { $0.kind == .relation }), !links.isEmpty {
            conditions.append(.match(member: Member.names, anyOf: links.map { .keyword($0) }))
            let ids = links.compactMap { UUIDBytes($0) }.map { PointID.uuid($0) }
            if !ids.isEmpty { conditions.append(.hasID(Set(ids))) }
        }
        let names = records.flatMap { [$0.id.description] + LinkKeys.names(of: $0.kind, $0.data) }
        conditions.append(.match(member: Member.links, anyOf: names.map { .keyword($0) }))
        var wide = filter
        wide.should = conditions
        let found = try await everyPoint(wide, limit: expansion.maximumNodes * 4).map { try MemoryRecord($0) }
        var near: [(Edge, MemoryRecord)] = []
        for record in records {
            for other in found where other.id != record.id {
                for type in Self.types(from: record, to: other) where expansion.wants(type) && follows.outgoing {
                    near.append((Edge(from: record.id, to: other.id, type: ByteText(type)), other))
                }
                for type in Self.types(from: other, to: record) where expansion.wants(type) {
                    guard follows.incoming || other.kind == .relation else { continue }
                    near.append((Edge(from: other.id, to: record.id, type: ByteText(type)), other))
                }
            }
        }
        return near
    }

    /// How `a` names `b`: the members of its data, a relation by its own type.
    private static func types(from a: MemoryRecord, to b: MemoryRecord) -> [String] {
        guard let data = a.data else { return [] }
        let names = Set(([b.id.description] + LinkKeys.names(of: b.kind, b.data)).map { ByteText($0) })
        var types: [String] = []
        for key in data.keys {
            let linked = LinkKeys.links(of: a.kind, [key: data[key] ?? .null])
            guard linked.contains(where: { names.contains(ByteText($0)) }) else { continue }
            let type = a.kind == .relation ? LinkKeys.text(data["relation_type"]) ?? "relation" : key
            if !types.containsBytes(of: type) { types.append(type) }
        }
        return types
    }
}
