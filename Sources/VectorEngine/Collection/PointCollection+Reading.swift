import Foundation
import GRDB
import JSON
import Vectors

extension PointCollection {
    /// A read that finds its view overtaken by a write is answered from a newer one, this often at most.
    private static let attempts = 4

    /// The points of `ids` that exist, in the order asked.
    func retrieve(_ ids: [PointID], _ parts: PointParts) throws -> [Point] {
        try checkIDs()
        let schema = schema
        var found: [Point] = []
        for _ in 0..<Self.attempts {
            var absent: Set<PointID> = []
            found = try file.pool.read { db in
                try ids.compactMap { id in
                    let point = try point(db, "WHERE p.id = ?", Data(id.key), parts, schema)
                    if point == nil { absent.insert(id) }
                    return point
                }
            }
            // An id that the index does not find although the view has it was overtaken by a delete, or the index lies.
            if absent.isEmpty { return found }
            if try searcher(naming: absent).namedRows.isEmpty { return found }
        }
        throw EngineError(
            .damaged,
            "the index of ids of \(file.path) does not find points that are there. Run: cortex verify --repair")
    }

    private func point(
        _ db: Database, _ condition: String, _ argument: some DatabaseValueConvertible, _ parts: PointParts,
        _ schema: CollectionSchema
    ) throws -> Point? {
        var found: Point?
        try db.scan((parts.vectors ? CollectionFile.selectRows : CollectionFile.selectPoints) + condition, [argument]) {
            var point = try StoredRow($0, schema: schema, hasDense: parts.vectors, cipher: file.cipher).point
            if !parts.vectors { point.vectors = PointVectors() }
            if !parts.payload { point.payload = .empty }
            found = point
        }
        return found
    }

    func count(_ filter: Filter?) throws -> Int {
        let searcher = try searcher(naming: filter?.namedIDs ?? [])
        let matches = try searcher.matches(filter, payloads: payloads)
        return zip(searcher.segments, matches).reduce(0) { $0 + ($1.1?.count ?? $1.0.liveCount) }
    }

    private func payloads(_ sequences: [Int64]) throws -> [Int64: Payload] {
        try file.pool.read { try file.payloads($0, sequences) }
    }

    // MARK: Scroll

    func passing(_ filters: [Filter], among ids: [PointID]) throws -> [Set<PointID>] {
        let asked = Set(ids)
        let searcher = try searcher(naming: filters.reduce(into: asked) { $0.formUnion($1.namedIDs) })
        return try filters.map { filter in
            let narrowed = Filter(must: [.hasID(asked), .filter(filter)])
            return Set(searcher.ids(of: try searcher.matches(narrowed, payloads: payloads)))
        }
    }

    func scroll(_ request: ScrollRequest) throws -> ScrollPage {
        guard (1...EngineLimits.resultCount).contains(request.limit) else {
            throw EngineError(
                .invalidArgument, "a page has 1 to \(EngineLimits.resultCount) points, not \(request.limit)")
        }
        if let order = request.order { return try ordered(request, by: order) }
        guard let filter = request.filter, !filter.isEmpty else { return try scrollAll(request) }
        let searcher = try searcher(naming: filter.namedIDs)
        var ids = searcher.ids(of: try searcher.matches(filter, payloads: payloads))
        if let start = request.startAt { ids.removeAll { $0 < start } }
        ids.sort()
        let page = Array(ids.prefix(request.limit))
        // Ids alone stand in memory; the rows need not be read.
        let points = request.parts == .idOnly ? page.map { Point(id: $0) } : try retrieve(page, request.parts)
        return ScrollPage(points: points, next: ids.count > request.limit ? ids[request.limit] : nil)
    }

    private func scrollAll(_ request: ScrollRequest) throws -> ScrollPage {
        try checkIDs()
        let schema = schema
        let keys = try file.pool.read { db in
            try Data.fetchAll(
                db, sql: "SELECT id FROM points WHERE id >= ? ORDER BY id LIMIT ?",
                arguments: [Data(request.startAt?.key ?? []), request.limit + 1])
        }
        let ids = keys.compactMap { key in key.withUnsafeBytes { PointID(key: $0) } }
        let points = try file.pool.read { db in
            try ids.prefix(request.limit).compactMap {
                try point(db, "WHERE p.id = ?", Data($0.key), request.parts, schema)
            }
        }
        return ScrollPage(points: points, next: ids.count > request.limit ? ids[request.limit] : nil)
    }

    private func ordered(_ request: ScrollRequest, by order: PayloadOrder) throws -> ScrollPage {
        guard let kind = schema.payloadIndexes[order.path], kind == .integer || kind == .float else {
            throw EngineError(
                .invalidArgument, "order needs an integer or float index on '\(order.path)'; make one or scroll by id")
        }
        let searcher = try searcher(naming: request.filter?.namedIDs ?? [])
        let matches = try searcher.matches(request.filter, payloads: payloads)
        var entries: [(value: Double, id: PointID)] = []
        for (segment, rows) in zip(searcher.segments, matches) {
            var live = rows ?? RowSet(allOf: segment.rowCount)
            live.subtract(segment.deleted)
            let page = segment.indexes.read {
                $0.payload[order.path]?.ordered(within: live, descending: order.descending, limit: request.limit) ?? []
            }
            entries.append(contentsOf: page.map { ($0.value, segment.rows.ids[Int($0.row)].id) })
        }
        entries.sort { a, b in
            if a.value != b.value { return (a.value < b.value) != order.descending }
            return (a.id < b.id) != order.descending
        }
        return ScrollPage(points: try retrieve(entries.prefix(request.limit).map(\.id), request.parts), next: nil)
    }

    // MARK: Query

    /// Answers all queries on one view.
    package func query(_ queries: [PointQuery]) throws -> [[ScoredPoint]] {
        for query in queries { try check(query) }
        let named = queries.reduce(into: Set<PointID>()) { ids, query in
            ids.formUnion(query.filter?.namedIDs ?? [])
            ids.formUnion(query.idfCorpus?.namedIDs ?? [])
        }
        for _ in 1..<Self.attempts {
            do {
                if let answers = try answer(queries, on: try searcher(naming: named), mayMiss: false) { return answers }
            } catch is FloatsOvertaken {
                continue
            }
        }
        return try answer(queries, on: try searcher(naming: named), mayMiss: true) ?? []
    }

    private func check(_ query: PointQuery) throws(EngineError) {
        guard (1...EngineLimits.resultCount).contains(query.limit) else {
            throw EngineError(
                .invalidArgument, "a query returns 1 to \(EngineLimits.resultCount) points, not \(query.limit)")
        }
        guard query.breadth.map({ (1...EngineLimits.resultCount).contains($0) }) ?? true else {
            throw EngineError(.invalidArgument, "a query's breadth (ef) is 1 to \(EngineLimits.resultCount)")
        }
        guard query.codes.oversampling >= 1 else {
            throw EngineError(.invalidArgument, "oversampling is 1 or more: candidates for every point wanted")
        }
    }

    /// nil when a found point's row has been overwritten meanwhile and `mayMiss` is false.
    private func answer(_ queries: [PointQuery], on searcher: Searcher, mayMiss: Bool) throws -> [[ScoredPoint]]? {
        var answers: [[ScoredPoint]] = []
        var filters = AnsweredFilters(searcher: searcher, payloads: payloads)
        let batched = queries.count > 1 ? try exactHits(of: queries, on: searcher, &filters) : [:]
        for (place, query) in queries.enumerated() {
            let hits = try batched[place] ?? hits(of: query, on: searcher, &filters)
            let metric: Metric? =
                if case .dense(let name, _) = query.target { searcher.dense[name]?.metric } else { nil }
            let scored = searcher.scored(hits, metric, within: query.scoreThreshold)
            guard query.parts != .idOnly else {
                answers.append(scored.map { ScoredPoint(id: $0.id, score: $0.score) })
                continue
            }
            var found: [ScoredPoint] = []
            found.reserveCapacity(scored.count)
            for (hit, id, score) in scored {
                let rows = searcher.segments[hit.segment].rows
                let point: Point?
                do {
                    point = try file.pool.read { db in
                        try self.point(
                            db, "WHERE p.sequence = ?", rows.sequences[Int(hit.row)], query.parts, searcher.schema)
                    }
                } catch let error as EngineError where error.code == .damaged {
                    noteDamagedRow(rows.sequences[Int(hit.row)])
                    continue
                }
                guard let point, point.id == id else {
                    guard mayMiss else { return nil }
                    // Overwritten meanwhile; where nothing was written the row is gone without a trace.
                    if try isUnchanged(since: searcher) { noteDamagedRow(rows.sequences[Int(hit.row)]) }
                    continue
                }
                found.append(
                    ScoredPoint(
                        id: id, score: score, payload: query.parts.payload ? point.payload : nil,
                        vectors: query.parts.vectors ? point.vectors : nil))
            }
            answers.append(found)
        }
        return answers
    }

    private func isUnchanged(since searcher: Searcher) throws -> Bool {
        try file.pool.read { try file.header($0).sequence == searcher.sequence }
    }

    /// The exact dense queries of one call, those of one vector name, limit and filter together.
    private func exactHits(
        of queries: [PointQuery], on searcher: Searcher, _ filters: inout AnsweredFilters
    ) throws -> [Int: [RowHit]] {
        var answered: [Int: [RowHit]] = [:]
        for (first, query) in queries.enumerated() where query.isExact && answered[first] == nil {
            guard case .dense(let name, _) = query.target else { continue }
            var places: [Int] = []
            var vectors: [Float] = []
            for place in first..<queries.count {
                let other = queries[place]
                guard other.isExact, other.limit == query.limit, other.filter == query.filter,
                    case .dense(name, let vector) = other.target
                else { continue }
                places.append(place)
                vectors += try searcher.schema.checked(vector, name: name)
            }
            var damaged = 0
            let found = try searcher.nearestExactly(
                to: vectors, queryCount: places.count, name: name, limit: query.limit,
                allowed: try filters.rows(query.filter), damaged: &damaged)
            if damaged > 0 { noteDamagedFloats(damaged) }
            for (place, hits) in zip(places, found) { answered[place] = hits }
        }
        return answered
    }

    private func hits(
        of query: PointQuery, on searcher: Searcher, _ filters: inout AnsweredFilters
    ) throws -> [RowHit] {
        switch query.target {
        case .dense(let name, let vector):
            let vector = try searcher.schema.checked(vector, name: name)
            let allowed = try filters.rows(query.filter)
            var damaged = 0
            let found = try searcher.nearest(
                to: vector, name: name, limit: query.limit, breadth: query.breadth, isExact: query.isExact,
                codes: query.codes, allowed: allowed, damaged: &damaged)
            if damaged > 0 { noteDamagedFloats(damaged) }
            return found
        case .sparse(let name, let vector):
            try searcher.schema.check(vector, name: name)
            let allowed = try filters.rows(query.filter)
            let corpus = try query.idfCorpus.map { try filters.rows($0) } ?? allowed
            return searcher.nearest(to: vector, name: name, limit: query.limit, allowed: allowed, corpus: corpus)
        }
    }
}

/// The filters of one call, each answered once: the queries of a hybrid search share theirs.
private struct AnsweredFilters {
    let searcher: Searcher
    let payloads: PayloadLookup
    private var answers: [(filter: Filter?, rows: [RowSet?])] = []

    init(searcher: Searcher, payloads: @escaping PayloadLookup) {
        self.searcher = searcher
        self.payloads = payloads
    }

    mutating func rows(_ filter: Filter?) throws -> [RowSet?] {
        if let known = answers.first(where: { $0.filter == filter }) { return known.rows }
        let rows = try searcher.matches(filter, payloads: payloads)
        answers.append((filter, rows))
        return rows
    }
}
