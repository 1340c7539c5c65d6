import Foundation
import GRDB
import JSON
import Vectors

extension PointCollection {
    /// A read that finds its view overtaken by a write is answered from a newer view, this often at most.
    static let attempts = 64

    /// Runs `body` on the newest view, and again on a newer one while rows of the view are no longer in the file.
    ///
    /// - Throws: `overtaken` when that goes on; what `body` throws.
    func withView<Result>(_ body: (Searcher) throws -> Result) throws -> Result {
        for _ in 0..<Self.attempts {
            do {
                let mark = file.commitMark
                let searcher = try searcher()
                let answer = try body(searcher)
                // What was read past the view is of its moment unless the rows were laid out otherwise meanwhile.
                let isStill = mark != nil && file.commitMark == mark
                if try isStill || file.isLaidOut(by: searcher.schema) { return answer }
            } catch is ViewOvertaken {
                continue
            }
        }
        throw EngineError(
            .overtaken, "the points that were found are replaced faster than they can be read; send the request again")
    }

    /// The points of `ids` that exist, in the order asked.
    func retrieve(_ ids: [PointID], _ parts: PointParts) throws -> [Point] {
        try checkIDs()
        var found: [Point] = []
        for _ in 0..<Self.attempts {
            var absent: Set<PointID> = []
            found = try file.pool.read { db in
                let schema = try file.schema(db)
                return try ids.compactMap { id in
                    let point = try point(db, "WHERE p.id = ?", Data(id.key), parts, schema)
                    if point == nil { absent.insert(id) }
                    return point
                }
            }
            // An id that the index does not find although the view has it was overtaken by a delete, or the index lies.
            if absent.isEmpty { return found }
            let searcher = try searcher()
            if absent.allSatisfy({ searcher.row(of: $0) == nil }) { return found }
        }
        throw indexIsDamaged
    }

    private var indexIsDamaged: EngineError {
        EngineError(
            .damaged,
            "the index of ids of \(file.path) does not find points that are there. Run: cortex verify --repair")
    }

    func point(
        _ db: Database, _ condition: String, _ argument: some DatabaseValueConvertible, _ parts: PointParts,
        _ schema: CollectionSchema
    ) throws -> Point? {
        var found: Point?
        try db.scan((parts.vectors ? CollectionFile.selectRows : CollectionFile.selectPoints) + condition, [argument]) {
            var point = try readRow($0, schema, hasDense: parts.vectors).point
            if !parts.vectors { point.vectors = PointVectors() }
            if !parts.payload { point.payload = .empty }
            found = point
        }
        return found
    }

    /// A row as it was written; one that is not is noted.
    private func readRow(_ row: ScannedRow, _ schema: CollectionSchema, hasDense: Bool) throws(EngineError) -> StoredRow
    {
        do {
            return try StoredRow(row, schema: schema, hasDense: hasDense, cipher: file.cipher)
        } catch {
            if error.code == .damaged { noteDamagedRow(row.integer(0)) }
            throw error
        }
    }

    func count(_ filter: Filter?) throws -> Int {
        try withView { try count(filter, on: $0) }
    }

    private func count(_ filter: Filter?, on searcher: Searcher) throws -> Int {
        let matches = try searcher.matches(filter, contents: contents)
        return zip(searcher.segments, matches).reduce(0) { $0 + ($1.1?.count ?? $1.0.liveCount) }
    }

    func counts(of path: PayloadPath, _ filter: Filter?, limit: Int) throws -> [(value: MatchValue, count: Int)] {
        try withView { searcher in
            let matches = try searcher.matches(filter, contents: contents)
            return try searcher.facets(path, within: matches, limit: limit, contents: contents)
        }
    }

    // MARK: Scroll

    func passing(_ filters: [Filter], among ids: [PointID]) throws -> [Set<PointID>] {
        try withView { try passing(filters, among: Set(ids), on: $0) }
    }

    private func passing(
        _ filters: [Filter], among asked: Set<PointID>, on searcher: Searcher
    ) throws -> [Set<PointID>] {
        try filters.map { filter in
            let narrowed = Filter(must: [.hasID(asked), .filter(filter)])
            return Set(searcher.ids(of: try searcher.matches(narrowed, contents: contents)))
        }
    }

    func scroll(_ request: ScrollRequest) throws -> ScrollPage {
        guard (1...EngineLimits.resultCount).contains(request.limit) else {
            throw EngineError(
                .invalidArgument, "a page has 1 to \(EngineLimits.resultCount) points, not \(request.limit)")
        }
        if let order = request.order { return try ordered(request, by: order) }
        guard let filter = request.filter, !filter.isEmpty else { return try scrollAll(request) }
        return try withView { searcher in
            let matches = try searcher.matches(filter, contents: contents)
            let page = searcher.page(of: matches, from: request.startAt, limit: request.limit + 1)
            let points = try points(page.prefix(request.limit), request.parts, on: searcher)
            return ScrollPage(points: points, next: page.count > request.limit ? searcher.id(page[request.limit]) : nil)
        }
    }

    /// A page of all points, read in one transaction. Damaged ones are left out and noted.
    private func scrollAll(_ request: ScrollRequest) throws -> ScrollPage {
        try checkIDs()
        return try file.pool.read { db in
            let schema = try file.schema(db)
            let keys = try Data.fetchAll(
                db, sql: "SELECT id FROM points WHERE id >= ? ORDER BY id LIMIT ?",
                arguments: [Data(request.startAt?.key ?? []), request.limit + 1])
            let ids = keys.compactMap { key in key.withUnsafeBytes { PointID(key: $0) } }
            guard ids.count == keys.count else { throw indexIsDamaged }
            let points = try ids.prefix(request.limit).compactMap { id in
                do {
                    return try point(db, "WHERE p.id = ?", Data(id.key), request.parts, schema)
                } catch let error as EngineError where error.code == .damaged {
                    return nil
                }
            }
            return ScrollPage(points: points, next: ids.count > request.limit ? ids[request.limit] : nil)
        }
    }

    private func ordered(_ request: ScrollRequest, by order: PayloadOrder) throws -> ScrollPage {
        guard let kind = schema.payloadIndexes[order.path], [.integer, .float, .datetime].contains(kind) else {
            throw EngineError(
                .invalidArgument,
                "order needs an integer, float or datetime index on '\(order.path)'; make one or scroll by id")
        }
        let path = try PayloadPath(order.path)
        return try withView { searcher in
            let matches = try searcher.matches(request.filter, contents: contents)
            let page = try searcher.ordered(
                by: path, descending: order.descending, from: nil, within: matches, limit: request.limit,
                contents: contents)
            return ScrollPage(points: try points(page.map(\.row), request.parts, on: searcher), next: nil)
        }
    }

    /// The points of rows of a view.
    ///
    /// - Throws: `ViewOvertaken` when one is no longer in the file.
    private func points(
        _ rows: some Collection<ViewRow>, _ parts: PointParts, on searcher: Searcher
    ) throws -> [Point] {
        // Ids alone are in memory; the rows need not be read.
        if parts == .idOnly { return rows.map { Point(id: searcher.id($0)) } }
        return try file.pool.read { db in
            try rows.compactMap { row in
                try found(db, row, parts, on: searcher)
            }
        }
    }

    /// The point of a row; nil (and noted) when its bytes are not what was written.
    func found(_ db: Database, _ row: ViewRow, _ parts: PointParts, on searcher: Searcher) throws -> Point? {
        let sequence = searcher.sequence(row)
        let contents = searcher.segments[row.segment].contents.resident
        if !parts.vectors, let contents, let text = contents.payload(Int(row.row)) {
            return Point(id: searcher.id(row), payload: parts.payload ? Payload(validated: text) : .empty)
        }
        // A name of a vector may have come or gone since: rows are laid out otherwise then.
        let schema = try file.schema(db)
        guard schema.hasLayout(of: searcher.schema) else { throw ViewOvertaken() }
        do {
            let point = try point(db, "WHERE p.sequence = ?", sequence, parts, schema)
            if let point, point.id == searcher.id(row) { return point }
            // The row is not in the file: a later change has removed it, or (where there is none) it was lost.
            guard try file.header(db).sequence == searcher.sequence else { throw ViewOvertaken() }
            noteDamagedRow(sequence)
            return nil
        } catch let error as EngineError where error.code == .damaged {
            noteDamagedRow(sequence)
            return nil
        }
    }

    // MARK: Query

    /// Answers all queries on one view.
    package func query(_ queries: [PointQuery]) throws -> [[ScoredPoint]] {
        for query in queries { try check(query) }
        return try withView { searcher in
            var filters = AnsweredFilters(searcher: searcher, contents: contents)
            return try answer(queries, on: searcher, &filters)
        }
    }

    /// Answers all reads on one view.
    func read(_ reads: [PointRead]) throws -> [PointAnswer] {
        let queries = reads.compactMap { read -> PointQuery? in
            if case .query(let query) = read { query } else { nil }
        }
        for query in queries { try check(query) }
        try checkIDs()
        return try withView { searcher in
            var filters = AnsweredFilters(searcher: searcher, contents: contents)
            var found = try answer(queries, on: searcher, &filters)[...]
            return try reads.map { read in
                switch read {
                case .query: .found(found.removeFirst())
                case .weights(let vector, let name, let corpus):
                    .weights(try weights(of: vector, name: name, corpus: filters.rows(corpus), on: searcher))
                case .count(let filter): .count(try count(filter, on: searcher))
                case .passing(let filters, let ids): .passing(try passing(filters, among: Set(ids), on: searcher))
                case .points(let ids, let parts):
                    .points(try points(ids.compactMap { searcher.row(of: $0) }, parts, on: searcher))
                }
            }
        }
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

    private func weights(
        of vector: SparseVector, name: String, corpus: [RowSet?], on searcher: Searcher
    ) throws -> [Float] {
        try searcher.schema.check(vector, name: name)
        return searcher.weights(of: vector, name: name, corpus: corpus)
    }

    private func answer(
        _ queries: [PointQuery], on searcher: Searcher, _ filters: inout AnsweredFilters
    ) throws -> [[ScoredPoint]] {
        var answers: [[ScoredPoint]] = []
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
            guard !scored.isEmpty else {
                answers.append([])
                continue
            }
            answers.append(
                try file.pool.read { db in
                    try scored.compactMap { hit, id, score in
                        let row = ViewRow(segment: hit.segment, row: hit.row)
                        guard let point = try found(db, row, query.parts, on: searcher) else { return nil }
                        return ScoredPoint(
                            id: id, score: score, payload: query.parts.payload ? point.payload : nil,
                            vectors: query.parts.vectors ? point.vectors : nil)
                    }
                })
        }
        return answers
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
            try noteDamagedFloats(damaged, on: searcher)
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
            try noteDamagedFloats(damaged, on: searcher)
            return found
        case .sparse(let name, let vector):
            try searcher.schema.check(vector, name: name)
            let allowed = try filters.rows(query.filter)
            let corpus = try query.idfCorpus.map { try filters.rows($0) } ?? allowed
            let product = searcher.product(vector, name: name, corpus: corpus)
            return searcher.nearest(to: product, name: name, limit: query.limit, allowed: allowed)
        case .cover(let name, let vector):
            try searcher.schema.check(vector, name: name)
            let cover = TermQuery(terms: vector.indices, weights: vector.values, countsPresence: true)
            return searcher.nearest(
                to: cover, name: name, limit: query.limit, allowed: try filters.rows(query.filter))
        }
    }
}

/// The filters of one call, each answered once: the queries of a hybrid search share theirs.
private struct AnsweredFilters {
    let searcher: Searcher
    let contents: ContentsLookup
    private var answers: [(filter: Filter?, rows: [RowSet?])] = []

    init(searcher: Searcher, contents: @escaping ContentsLookup) {
        self.searcher = searcher
        self.contents = contents
    }

    mutating func rows(_ filter: Filter?) throws -> [RowSet?] {
        if let known = answers.first(where: { $0.filter == filter }) { return known.rows }
        let rows = try searcher.matches(filter, contents: contents)
        answers.append((filter, rows))
        return rows
    }
}
