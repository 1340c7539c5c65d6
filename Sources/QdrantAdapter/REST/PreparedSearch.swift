import JSON
import Serving
import VectorEngine

/// A search read and checked, with every collection it needs.
struct PreparedSearch: Sendable {
    var node: QueryNode
    private let parts: AnswerParts
    private let target: SearchableCollection
    private let lookups: [ByteText: SearchableCollection]
    private let orderKind: PayloadIndexKind?

    /// `style` says how the body is written: `query`, or the older `search`, `recommend` and `discover`; `vector` stood
    /// in its `query`, read apart.
    init(
        _ body: JSONValue, vector: [Float]? = nil, style: String, _ collection: QdrantCollection,
        _ service: QdrantAPI, _ request: Request
    ) async throws {
        node =
            try style == "query" ? QueryReading.node(body, vector: vector) : OlderSearch.node(body, style: style)
        parts = try AnswerParts.read(body, payload: .none)
        target = try await SearchableCollection(collection)
        try Self.check(node, body, collection.strictMode, collection)
        var lookups: [ByteText: SearchableCollection] = [:]
        for name in node.lookupNames where lookups[text: name] == nil {
            try request.needs(.read, of: name)
            lookups[text: name] = try await SearchableCollection(try await service.catalog.collection(name))
        }
        self.lookups = lookups
        if case .orderBy(let order) = node.kind { orderKind = collection.field(order.path) } else { orderKind = nil }
    }

    /// Holds a query and its prefetches to the collection's limits.
    private static func check(
        _ node: QueryNode, _ body: JSONValue, _ strict: StrictMode, _ collection: QdrantCollection
    ) throws {
        try strict.checkLimit(node.limit)
        try strict.checkFilter(node.filter, in: collection, isUpdate: false)
        try strict.checkFilter(node.idfCorpus, in: collection, isUpdate: false)
        if node.searchesVectors { try strict.checkGraph(of: node.using, node.filter, in: collection) }
        if case .formula(let formula) = node.kind { try strict.checkFormula(formula.needs, in: collection) }
        try strict.checkParams(body.optional("params"))
        if case .orderBy(let order) = node.kind { try QdrantAPI.checkOrder(order, collection) }
        let prefetch = body.optional("prefetch")
        for (inner, body) in zip(node.prefetch, prefetch?.arrayValue ?? [prefetch].compactMap { $0 }) {
            try check(inner, body, strict, collection)
        }
    }

    /// The hits as JSON: `{"points": […]}`, or the list alone.
    func answer(wrapped: Bool) async throws -> [UInt8] {
        // A short walk over the graph takes less time than waking another thread for it.
        if let moment = promptMoment { return try written(wrapped: wrapped, moment, [:]) }
        return try await EmbeddedStore.blocking { [self] in
            try target.reading { moment in
                try written(wrapped: wrapped, moment, try lookups.mapValues { try $0.newest() })
            }
        }
    }

    /// The answers of several searches of one collection, all of one moment, as a JSON array.
    static func answers(_ searches: [PreparedSearch], wrapped: Bool) async throws -> [UInt8] {
        guard let first = searches.first else { return Array("[]".utf8) }
        return try await EmbeddedStore.blocking {
            try first.target.reading { moment in
                var writer = WireWriter()
                writer.raw("[")
                for (i, search) in searches.enumerated() {
                    if i > 0 { writer.raw(",") }
                    let lookups = try search.lookups.mapValues { try $0.newest() }
                    writer.raw(try search.written(wrapped: wrapped, moment, lookups))
                }
                writer.raw("]")
                return writer.bytes
            }
        }
    }

    private func written(
        wrapped: Bool, _ target: CollectionMoment, _ lookups: [ByteText: CollectionMoment]
    ) throws -> [UInt8] {
        let hits = try QueryRunner(target: target, lookups: lookups).run(node)
        var writer = WireWriter()
        if wrapped { writer.raw("{\"points\":") }
        try writer.hits(hits, parts, of: target, order: orderKind)
        if wrapped { writer.raw("}") }
        return writer.bytes
    }

    /// The newest moment, for a plain search near a dense vector that can be answered in it without any waiting: no
    /// filter, and no vectors in the answer.
    private var promptMoment: CollectionMoment? {
        guard case .nearest(.vector(.dense), mmr: nil) = node.kind, node.prefetch.isEmpty, node.filter == nil,
            !node.isExact, parts.vectors == .none, target.config.vector(node.using)?.isMulti == false,
            let reach = node.limit.reaching(node.offset)
        else { return nil }
        guard let moment = target.settled else { return nil }
        let isPrompt = moment.view.isPrompt(
            name: node.using, limit: reach.count, breadth: node.breadth, codes: node.codes,
            hasPayloads: !parts.payload.isNone)
        return isPrompt ? moment : nil
    }

    func groupedAnswer(_ grouping: Grouping, _ lookup: SearchableCollection?) async throws -> [UInt8] {
        try await EmbeddedStore.blocking { [self] in
            try target.reading { moment in
                try grouped(
                    grouping, moment, try lookups.mapValues { try $0.newest() }, try lookup.map { try $0.newest() })
            }
        }
    }

    private func grouped(
        _ grouping: Grouping, _ target: CollectionMoment, _ lookups: [ByteText: CollectionMoment],
        _ lookup: CollectionMoment?
    ) throws -> [UInt8] {
        let runner = QueryRunner(target: target, lookups: lookups)
        let groups = try grouping.groups(of: node, runner)
        var writer = WireWriter()
        writer.raw("{\"groups\":[")
        for (i, group) in groups.enumerated() {
            writer.raw(i > 0 ? ",{\"id\":" : "{\"id\":")
            writer.json(group.id.json)
            writer.raw(",\"hits\":")
            try writer.hits(group.hits, parts, of: target, order: orderKind)
            if let lookup, let other = grouping.lookup, let id = group.id.pointID, let row = lookup.view.row(of: id) {
                var inner = WireWriter()
                try inner.points([AnswerRow(row: row)], other.parts, of: lookup)
                if inner.bytes.count > 2 {
                    writer.raw(",\"lookup\":")
                    writer.raw(Array(inner.bytes.dropFirst().dropLast()))
                }
            }
            writer.raw("}")
        }
        writer.raw("]}")
        return writer.bytes
    }
}

extension QueryNode {
    /// Collections named in `lookup_from`, here and in the prefetches.
    fileprivate var lookupNames: [String] { [lookup?.collection].compactMap { $0 } + prefetch.flatMap(\.lookupNames) }
}

extension MatchValue {
    /// The point that a group's id names in another collection.
    fileprivate var pointID: PointID? {
        switch self {
        case .keyword(let text): UUIDBytes(text).map(PointID.uuid)
        case .integer(let number): UInt64(exactly: number).map(PointID.number)
        case .bool: nil
        }
    }
}
