import JSON
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

    init(_ body: JSONValue) throws(QdrantFailure) {
        guard let key = try body.string("group_by") else { throw .format("missing field `group_by`") }
        var validation = Validation()
        validation.length("group_by", key, from: 1)
        try validation.finish()
        path = try WirePath.read(key)
        groups = try body.limit("limit", default: 10)
        size = try body.limit("group_size", default: 3)
        guard let value = body.optional("with_lookup") else {
            lookup = nil
            return
        }
        if let name = value.stringValue {
            lookup = (name, AnswerParts(payload: .all, vectors: .none))
        } else {
            guard let name = try value.string("collection") else { throw .format("missing field `collection`") }
            lookup = (name, try AnswerParts.read(value, payload: .all))
        }
    }

    /// Asks for more hits until the groups are full or there are no more.
    func groups(of node: QueryNode, _ runner: QueryRunner) throws -> [Group] {
        var node = node
        node.offset = .none
        let total = runner.target.view.pointCount
        let most = QueryReading.maximumLimit
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

/// How near the points of a sample are to each other.
struct DistanceMatrix: Sendable {
    let filter: Filter?
    /// Points that are compared.
    let sample: Limit
    private let limit: Limit
    private let using: String

    /// Points of a sample at most.
    private static let maximumSample = 10_000

    init(_ body: JSONValue) throws(QdrantFailure) {
        filter = try WireFilter.read(body.optional("filter"))
        let (sample, limit) = (try body.count("sample"), try body.count("limit"))
        var validation = Validation()
        validation.range("sample", sample.map(Int64.init), from: 2)
        validation.range("limit", limit.map(Int64.init), from: 1)
        try validation.finish()
        self.sample = Limit(within: sample ?? 10).atMost(Limit(within: Self.maximumSample))
        self.limit = Limit(within: limit ?? 3)
        using = try body.string("using") ?? ""
    }

    func answer(_ target: CollectionMoment, asPairs: Bool) throws -> [UInt8] {
        try target.config.checkName(using)
        let view = target.view
        let rows = try chosen(view)
        let ids = rows.map(view.id)
        let vectors = try view.vectors(rows).compactMap { $0?.any(using) }
        guard vectors.count == ids.count, ids.count > 1 else {
            return JSONWriter.bytes(
                asPairs ? ["pairs": []] : ["offsets_row": [], "offsets_col": [], "scores": [], "ids": []])
        }
        let matrix = try view.similarities(
            to: vectors, name: using, allowed: view.matches(view.everything, among: rows))
        let scale = ScoreScale(target.config, using)
        let columns = matrix.rows.map(view.id)
        var pairs: [(a: Int, b: PointID, score: Float)] = []
        for (row, id) in ids.enumerated() {
            var near: [(id: PointID, similarity: Float)] = []
            for (other, similarity) in zip(columns, matrix.values[row]) {
                if other != id { near.append((other, similarity)) }
            }
            near.sort { $0.similarity != $1.similarity ? $0.similarity > $1.similarity : $0.id < $1.id }
            for (other, similarity) in near.prefix(limit.count) { pairs.append((row, other, scale.score(similarity))) }
        }
        return asPairs ? Self.pairs(pairs, ids) : Self.offsets(pairs, ids)
    }

    /// A sample of the rows that pass the filter, by ascending id.
    private func chosen(_ view: CollectionView) throws -> [ViewRow] {
        var filter = Filter(must: [.hasVector(using)])
        if let own = self.filter { filter.must.append(.filter(own)) }
        let rows = view.rows(of: try view.matches(filter)).shuffled().prefix(sample.count)
        return rows.sorted { view.id($0) < view.id($1) }
    }

    private static func pairs(_ pairs: [(a: Int, b: PointID, score: Float)], _ ids: [PointID]) -> [UInt8] {
        var writer = WireWriter()
        writer.raw("{\"pairs\":")
        writer.list(pairs) { writer, pair in
            writer.raw("{\"a\":")
            writer.id(ids[pair.a])
            writer.raw(",\"b\":")
            writer.id(pair.b)
            writer.raw(",\"score\":")
            writer.float(pair.score)
            writer.raw("}")
        }
        writer.raw("}")
        return writer.bytes
    }

    private static func offsets(_ pairs: [(a: Int, b: PointID, score: Float)], _ ids: [PointID]) -> [UInt8] {
        let offsets = Dictionary(uniqueKeysWithValues: ids.enumerated().map { ($1, $0) })
        var writer = WireWriter()
        writer.raw("{\"offsets_row\":")
        writer.list(pairs) { $0.integer(UInt64($1.a)) }
        writer.raw(",\"offsets_col\":")
        writer.list(pairs) { $0.integer(UInt64(offsets[$1.b] ?? 0)) }
        writer.raw(",\"scores\":")
        writer.floats(pairs.map(\.score))
        writer.raw(",\"ids\":")
        writer.list(ids) { $0.id($1) }
        writer.raw("}")
        return writer.bytes
    }
}
