import JSON
import Serving
import VectorEngine

// Reading: retrieve, scroll, count, facet, query and the older searches.

extension QdrantAPI {
    private func readable(_ request: Request, _ name: String) async throws -> QdrantCollection {
        try request.needs(.read, of: name)
        let collection = try await catalog.collection(name)
        try collection.reads.take(collection.strictMode.readsPerMinute, "Read")
        try collection.strictMode.checkTimeout(try request.timeout())
        return collection
    }

    func point(_ request: Request, _ name: String, _ text: String) async throws -> CallResult {
        let id = try WireID.read(path: text)
        let target = try await SearchableCollection(try await readable(request, name))
        return .json(
            try await EmbeddedStore.blocking {
                try target.reading { moment in
                    guard let row = moment.view.row(of: id) else {
                        throw QdrantFailure.notFound("Point with id \(id) does not exists!")
                    }
                    var writer = WireWriter()
                    try writer.points([AnswerRow(row: row)], AnswerParts(payload: .all, vectors: .all), of: moment)
                    return Array(writer.bytes.dropFirst().dropLast())
                }
            })
    }

    func retrieve(_ request: Request, _ name: String) async throws -> CallResult {
        let body = try request.body()
        let collection = try await readable(request, name)
        // A point is in the answer once, however often it is asked for.
        var seen: Set<PointID> = []
        let ids = try WireID.list(try body.required("ids")).filter { seen.insert($0).inserted }
        let parts = try AnswerParts.read(body, payload: .all)
        let target = try await SearchableCollection(collection)
        return .json(
            try await EmbeddedStore.blocking {
                try target.reading { moment in
                    var writer = WireWriter()
                    let rows = ids.compactMap { moment.view.row(of: $0) }
                    try writer.points(rows.map { AnswerRow(row: $0) }, parts, of: moment)
                    return writer.bytes
                }
            })
    }

    // MARK: Scroll, count, facet

    func scroll(_ request: Request, _ name: String) async throws -> CallResult {
        let body = try request.optionalBody()
        let collection = try await readable(request, name)
        let limit = try body.limit("limit", default: 10)
        let filter = try WireFilter.read(body.optional("filter"))
        try collection.strictMode.checkLimit(limit)
        try collection.strictMode.checkFilter(filter, in: collection, isUpdate: false)
        let start = try body.optional("offset").map { value throws(QdrantFailure) in try WireID.read(value) }
        let parts = try AnswerParts.read(body, payload: .all)
        let target = try await SearchableCollection(collection)
        if let order = body.optional("order_by") {
            guard start == nil else {
                throw QdrantFailure.badRequest(
                    "Cannot use an `offset` when using `order_by`. The alternative for paging is to use "
                        + "`order_by.start_from` and a filter to exclude the IDs that you've already seen for the "
                        + "`order_by.start_from` value"
                )
            }
            let order = try QueryReading.orderBy(order)
            let kind = try Self.checkOrder(order, collection)
            return .json(try await Self.orderedPage(order, kind, filter, limit, parts, target))
        }
        return .json(
            try await EmbeddedStore.blocking {
                try target.reading { try Self.page(filter, start, limit, parts, $0) }
            })
    }

    private static func page(
        _ filter: Filter?, _ start: PointID?, _ limit: Limit, _ parts: AnswerParts, _ target: CollectionMoment
    ) throws -> [UInt8] {
        let view = target.view
        let page = view.page(of: try view.matches(filter), from: start, limit: limit.with(1).count)
        var writer = WireWriter()
        writer.raw("{\"points\":")
        try writer.points(page.prefix(limit.count).map { AnswerRow(row: $0) }, parts, of: target)
        writer.raw(",\"next_page_offset\":")
        if page.count > limit.count { writer.id(view.id(page[limit.count])) } else { writer.raw("null") }
        writer.raw("}")
        return writer.bytes
    }

    private static func orderedPage(
        _ order: OrderBy, _ kind: PayloadIndexKind, _ filter: Filter?, _ limit: Limit, _ parts: AnswerParts,
        _ target: SearchableCollection
    ) async throws -> [UInt8] {
        try await EmbeddedStore.blocking {
            try target.reading { moment in
                var node = QueryNode(kind: .orderBy(order))
                node.filter = filter
                node.limit = limit
                let hits = try QueryRunner(target: moment, lookups: [:]).run(node)
                var writer = WireWriter()
                writer.raw("{\"points\":")
                try writer.points(moment.rows(hits, order: kind, showsScores: false), parts, of: moment)
                writer.raw(",\"next_page_offset\":null}")
                return writer.bytes
            }
        }
    }

    @discardableResult
    static func checkOrder(_ order: OrderBy, _ collection: QdrantCollection) throws -> PayloadIndexKind {
        guard let kind = collection.field(order.path), [.integer, .float, .datetime].contains(kind) else {
            throw QdrantFailure.badRequest(
                "No range index for `order_by` key: `\(order.path)`. Please create one to use `order_by`. Check "
                    + "https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload schemas "
                    + "support Range conditions"
            )
        }
        return kind
    }

    func count(_ request: Request, _ name: String) async throws -> CallResult {
        let body = try request.optionalBody()
        let collection = try await readable(request, name)
        let filter = try WireFilter.read(body.optional("filter"))
        _ = try body.bool("exact")
        try collection.strictMode.checkFilter(filter, in: collection, isUpdate: false)
        let count = try await collection.read { $0.count(try $0.matches(filter)) }
        return .value(["count": .integer(Int64(count))])
    }

    func facet(_ request: Request, _ name: String) async throws -> CallResult {
        let body = try request.body()
        let collection = try await readable(request, name)
        guard let key = try body.string("key") else { throw QdrantFailure.format("missing field `key`") }
        let path = try WirePath.read(key)
        let limit = try body.limit("limit", default: 10)
        let filter = try WireFilter.read(body.optional("filter"))
        try collection.strictMode.checkLimit(limit)
        try collection.strictMode.checkExact(try body.bool("exact"))
        try collection.strictMode.checkFilter(filter, in: collection, isUpdate: false)
        guard let kind = collection.field(path), [.keyword, .integer, .bool, .uuid].contains(kind) else {
            throw QdrantFailure.badRequest(
                "No appropriate index for faceting: `\(path)`. Please create one to facet on this field. Check "
                    + "https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload schemas "
                    + "support Match conditions"
            )
        }
        let hits = try await collection.read { try $0.facets(path, within: try $0.matches(filter), limit: limit.count) }
        return .value([
            "hits": .array(hits.map { ["value": $0.value.json, "count": .integer(Int64($0.count))] })
        ])
    }

    // MARK: Query

    func query(_ request: Request, _ name: String) async throws -> CallResult {
        let quick = QuickQuery.read(request.call.body)
        let body = try quick?.members ?? request.body()
        let collection = try await readable(request, name)
        let search = try await PreparedSearch(
            body, vector: quick?.vector, style: "query", collection, self, request)
        return .json(try await search.answer(wrapped: true))
    }

    func queryBatch(_ request: Request, _ name: String) async throws -> CallResult {
        try await batch(request, name, style: "query", wrapped: true)
    }

    func older(_ request: Request, _ name: String, _ style: String) async throws -> CallResult {
        let body = try request.body()
        let collection = try await readable(request, name)
        let search = try await PreparedSearch(body, style: style, collection, self, request)
        return .json(try await search.answer(wrapped: false))
    }

    func olderBatch(_ request: Request, _ name: String, _ style: String) async throws -> CallResult {
        try await batch(request, name, style: style, wrapped: false)
    }

    private func batch(_ request: Request, _ name: String, style: String, wrapped: Bool) async throws -> CallResult {
        let body = try request.body()
        guard let searches = try body.array("searches") else { throw QdrantFailure.format("missing field `searches`") }
        try QueryLimits.checkSearches(searches.count)
        let collection = try await readable(request, name)
        try collection.strictMode.checkBatch(searches.count)
        var prepared: [PreparedSearch] = []
        for search in searches {
            prepared.append(try await PreparedSearch(search, style: style, collection, self, request))
        }
        try QueryLimits.checkSearches(prepared.reduce(0) { $0 + $1.node.searchCount })
        return .json(try await PreparedSearch.answers(prepared, wrapped: wrapped))
    }

    func queryGroups(_ request: Request, _ name: String) async throws -> CallResult {
        try await groups(request, name, style: "query")
    }

    func olderGroups(_ request: Request, _ name: String, _ style: String) async throws -> CallResult {
        try await groups(request, name, style: style)
    }

    private func groups(_ request: Request, _ name: String, style: String) async throws -> CallResult {
        let body = try request.body()
        let collection = try await readable(request, name)
        let grouping = try Grouping(body)
        try collection.strictMode.checkLimit(grouping.groups.times(grouping.size.count))
        try collection.strictMode.checkGrouping(by: grouping.path, in: collection)
        var search = try await PreparedSearch(body, style: style, collection, self, request)
        search.node.limit = grouping.groups
        var lookup: SearchableCollection?
        if let other = grouping.lookup {
            try request.needs(.read, of: other.collection)
            lookup = try await SearchableCollection(try await catalog.collection(other.collection))
        }
        return .json(try await search.groupedAnswer(grouping, lookup))
    }

    func matrix(_ request: Request, _ name: String, asPairs: Bool) async throws -> CallResult {
        let body = try request.body()
        let collection = try await readable(request, name)
        let matrix = try DistanceMatrix(body)
        try collection.strictMode.checkLimit(matrix.sample.times(matrix.limit.count))
        try collection.strictMode.checkFilter(matrix.filter, in: collection, isUpdate: false)
        let target = try await SearchableCollection(collection)
        return .json(
            try await EmbeddedStore.blocking { try target.reading { try matrix.answer($0).json(asPairs: asPairs) } })
    }
}

extension MatchValue {
    var json: JSONValue {
        switch self {
        case .keyword(let text): .string(text)
        case .integer(let number): .integer(number)
        case .bool(let flag): .bool(flag)
        }
    }
}
