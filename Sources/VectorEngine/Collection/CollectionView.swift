import Vectors

/// The rows of a view that match a filter.
package struct RowMatches: Sendable {
    /// One set a segment; nil in place of a set means every live row.
    var sets: [RowSet?]

    /// Whether nothing is left out.
    package var isEverything: Bool { sets.allSatisfy { $0 == nil } }
}

/// One moment of a collection. All answers that are asked of one view are as of the same change.
///
/// Every method may read the file, and so blocks. One that throws `ViewOvertaken` needs a row that a later change has
/// removed from the file: `PointCollection.reading` then asks again on a newer view.
package struct CollectionView: Sendable {
    let collection: PointCollection
    let searcher: Searcher

    init(_ collection: PointCollection, _ searcher: Searcher) {
        self.collection = collection
        self.searcher = searcher
    }

    package var schema: CollectionSchema { searcher.schema }
    /// The last change in the view.
    package var sequence: UInt64 { UInt64(clamping: searcher.sequence) }
    package var pointCount: Int { searcher.pointCount }
    package var everything: RowMatches { RowMatches(sets: searcher.everything) }

    // MARK: Rows

    /// The row of a point; nil where there is none.
    package func row(of id: PointID) -> ViewRow? { searcher.row(of: id) }

    package func id(_ row: ViewRow) -> PointID { searcher.id(row) }

    /// The change that wrote the row.
    package func version(_ row: ViewRow) -> UInt64 { UInt64(clamping: searcher.sequence(row)) }

    /// The payload's JSON text; nil where the row's bytes are damaged.
    package func payload(_ row: ViewRow) throws -> [UInt8]? {
        let contents = try collection.contents(searcher.segments[row.segment])
        if let text = contents.payload(Int(row.row)) { return text }
        if contents.isDamaged(Int(row.row)) { return nil }
        throw ViewOvertaken()
    }

    /// Runs `body` on the payload of a row, and on what a filter asks besides it; nil where the row's bytes are
    /// damaged.
    package func withPayload<Result>(
        _ row: ViewRow, _ body: (PayloadText, FilterContext) throws -> Result
    ) throws -> Result? {
        let segment = searcher.segments[row.segment]
        let contents = try collection.contents(segment)
        guard contents.isThere(Int(row.row)) else {
            if contents.isDamaged(Int(row.row)) { return nil }
            throw ViewOvertaken()
        }
        let context = searcher.context(of: Int(row.row), in: segment, missing: segment.indexes.read { $0.missing })
        return try contents.withPayload(Int(row.row)) { try body($0, context) }
    }

    /// The vectors of rows; nil in the place of one whose bytes are damaged.
    package func vectors(_ rows: [ViewRow]) throws -> [PointVectors?] {
        guard !rows.isEmpty else { return [] }
        return try collection.file.pool.read { db in
            try rows.map { try collection.found(db, $0, .all, on: searcher)?.vectors }
        }
    }

    /// Bytes of all payloads as JSON text. Costs a look at every row.
    package func payloadBytes() throws -> Int {
        var bytes = 0
        for (i, segment) in searcher.segments.enumerated() where segment.rowCount > 0 {
            let contents = try collection.contents(segment)
            searcher.forEachRow(of: searcher.segments.indices.map { $0 == i ? nil : RowSet() }) { row in
                bytes += contents.byteCount(Int(row.row))
            }
        }
        return bytes
    }

    // MARK: Filters

    /// The rows that pass `filter`; every row without one.
    package func matches(_ filter: Filter?) throws -> RowMatches {
        RowMatches(sets: try searcher.matches(filter, contents: collection.contents))
    }

    /// The rows of `matches` that are also among `rows`.
    package func matches(_ matches: RowMatches, among rows: [ViewRow]) -> RowMatches {
        var chosen = searcher.segments.map { RowSet(rowCount: $0.rowCount) }
        for row in rows { chosen[row.segment].insert(Int(row.row)) }
        return intersection(of: matches, RowMatches(sets: chosen))
    }

    package func intersection(of a: RowMatches, _ b: RowMatches) -> RowMatches {
        RowMatches(
            sets: zip(a.sets, b.sets).map { a, b in
                guard var both = a else { return b }
                if let b { both.formIntersection(b) }
                return both
            })
    }

    package func count(_ matches: RowMatches) -> Int {
        zip(searcher.segments, matches.sets).reduce(0) { $0 + ($1.1?.count ?? $1.0.liveCount) }
    }

    /// The first `limit` rows by ascending id, from `start` (inclusive) on.
    package func page(of matches: RowMatches, from start: PointID? = nil, limit: Int) -> [ViewRow] {
        searcher.page(of: matches.sets, from: start, limit: limit)
    }

    /// Every row of `matches`, segment by segment.
    package func rows(of matches: RowMatches) -> [ViewRow] {
        var rows: [ViewRow] = []
        searcher.forEachRow(of: matches.sets) { rows.append($0) }
        return rows
    }

    package func facets(
        _ path: PayloadPath, within matches: RowMatches, limit: Int
    ) throws -> [(value: MatchValue, count: Int)] {
        try searcher.facets(path, within: matches.sets, limit: limit, contents: collection.contents)
    }

    package func ordered(
        by path: PayloadPath, descending: Bool, from start: Number?, within matches: RowMatches, limit: Int
    ) throws -> [(value: Number, row: ViewRow)] {
        try searcher.ordered(
            by: path, descending: descending, from: start, within: matches.sets, limit: limit,
            contents: collection.contents)
    }

    /// Points with a value of the index's kind at an indexed member.
    package func indexedCount(_ path: PayloadPath) -> Int { searcher.indexedCount(path) }

    // MARK: Vectors

    /// Whether the nearest `limit` of all points are found in some hundred microseconds and without waiting.
    package func isPrompt(name: String, limit: Int, breadth: Int?, codes: CodeSearch, hasPayloads: Bool) -> Bool {
        searcher.isPrompt(name: name, limit: limit, breadth: breadth, codes: codes, hasPayloads: hasPayloads)
    }

    /// The `limit` rows nearest to a vector, nearest first, with their similarity.
    ///
    /// - Parameters:
    ///   - codes: what is made of the graph's codes; `oversampling` from 1.
    ///   - corpus: the rows over which IDF counts.
    package func nearest(
        _ query: AnyVector, name: String, limit: Int, breadth: Int?, isExact: Bool, codes: CodeSearch = CodeSearch(),
        allowed: RowMatches, corpus: RowMatches
    ) throws -> [(row: ViewRow, similarity: Float)] {
        let hits: [RowHit]
        switch query {
        case .dense(let vector):
            var damaged = 0
            hits = try searcher.nearest(
                to: try schema.checked(vector, name: name), name: name, limit: limit, breadth: breadth,
                isExact: isExact, codes: codes, allowed: allowed.sets, damaged: &damaged)
            try collection.noteDamagedFloats(damaged, on: searcher)
        case .sparse(let vector):
            let product = searcher.product(vector, name: name, corpus: corpus.sets)
            hits = searcher.nearest(to: product, name: name, limit: limit, allowed: allowed.sets)
        case .multi:
            let found = try similarities(to: [query], name: name, allowed: allowed)
            let best = zip(found.rows, found.values[0]).sorted { a, b in
                if a.1 != b.1 { return a.1 > b.1 }
                return (a.0.segment, a.0.row) < (b.0.segment, b.0.row)
            }
            return best.prefix(limit).map { ($0, $1) }
        }
        return hits.map { (ViewRow(segment: $0.segment, row: $0.row), -$0.distance) }
    }

    /// How similar each row of `allowed` that has the vector is to each example; all examples are of one kind.
    package func similarities(to examples: [AnyVector], name: String, allowed: RowMatches) throws -> Similarities {
        var damaged = 0
        let found = try searcher.similarities(
            to: examples, name: name, allowed: allowed.sets, contents: collection.contents, damaged: &damaged)
        try collection.noteDamagedFloats(damaged, on: searcher)
        return found
    }

    /// The live rows that have the vector.
    package func rows(having name: String) throws -> RowMatches { try matches(Filter(must: [.hasVector(name)])) }
}

extension PointCollection {
    /// Runs `body` on one view of the collection, and again on a newer one when a later change has overtaken it.
    /// Blocks.
    ///
    /// - Throws: `overtaken` when that goes on; what `body` throws.
    package func reading<Result>(_ body: (CollectionView) throws -> Result) throws -> Result {
        try telling { try withView { try body(CollectionView(self, $0)) } }
    }

    /// The newest view when it is known without asking the file; nil otherwise.
    package var settledView: CollectionView? { settledSearcher.map { CollectionView(self, $0) } }

    /// The newest view. Blocks.
    package func newestView() throws(EngineError) -> CollectionView { CollectionView(self, try searcher()) }
}
