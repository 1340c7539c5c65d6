import JSON
import VectorEngine

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
