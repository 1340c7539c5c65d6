import VectorEngine

/// Hits gathered by the value of a payload field.
struct Grouping: Sendable {
    struct Group {
        let id: MatchValue
        var hits: [Hit]
    }

    let path: PayloadPath
    /// Groups at most, and hits of each at most.
    let groups: Limit
    let size: Limit
    /// Where each group's id is looked up as a point.
    let lookup: (collection: String, parts: AnswerParts)?

    /// Asks for more hits until the groups are full or there are no more.
    func groups(of node: QueryNode, _ runner: QueryRunner) throws -> [Group] {
        var node = node
        node.offset = .none
        let total = runner.target.view.pointCount
        let most = Limit.most
        var asked = groups.times(size.count).times(4).atMost(most)
        while true {
            node.limit = asked
            let hits = try runner.run(node)
            let found = try gathered(hits, runner.target)
            let isFull = found.count == groups.count && found.allSatisfy { $0.hits.count == size.count }
            if isFull || hits.count < asked.count || asked.count >= total || asked == most { return found }
            asked = asked.times(4).atMost(most)
        }
    }

    private func gathered(_ hits: [Hit], _ target: CollectionMoment) throws -> [Group] {
        var order: [MatchValue: Int] = [:]
        var all: [Group] = []
        for hit in hits {
            let values = try target.view.withPayload(hit.row) { payload, _ in
                PayloadPath.values(of: payload.nodes(path)).compactMap(MatchValue.init(exactly:))
            }
            // In the payload's order, so that the same question has the same answer.
            var seen: Set<MatchValue> = []
            for value in values ?? [] {
                if case .bool = value { continue }
                guard seen.insert(value).inserted else { continue }
                if let at = order[value] {
                    if all[at].hits.count < size.count { all[at].hits.append(hit) }
                } else if all.count < groups.count {
                    order[value] = all.count
                    all.append(Group(id: value, hits: [hit]))
                }
            }
        }
        return all
    }
}
