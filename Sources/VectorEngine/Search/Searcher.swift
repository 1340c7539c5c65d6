import Foundation
import HNSW
import Vectors

/// One moment of a collection: what a search works on, unmoved by later writes. An object, so that a search that hands
/// it on counts one reference and not one for each of its parts.
final class Searcher: Sendable {
    let schema: CollectionSchema
    /// The dense vectors of `schema`, as a search needs them.
    let dense: [String: DenseName]
    let segments: [SegmentView]
    /// The last change this view has seen.
    let sequence: Int64
    /// Payload indexes besides those of the schema; not every segment has them yet.
    let fields: [PayloadPath: PayloadIndexDefinition]
    /// What `matches` answers where there is no filter.
    let everything: [RowSet?]
    /// Analysers of the text indexes that the schema names.
    fileprivate let textIndexes: [PayloadPath: TextAnalyzer]
    /// Kinds of the indexes that the schema names.
    fileprivate let schemaIndexes: [PayloadPath: PayloadIndexKind]

    init(
        schema: CollectionSchema, dense: [String: DenseName], segments: [SegmentView], sequence: Int64,
        fields: [PayloadPath: PayloadIndexDefinition]
    ) {
        (self.schema, self.dense, self.segments, self.sequence) = (schema, dense, segments, sequence)
        self.fields = fields
        everything = Array(repeating: nil, count: segments.count)
        textIndexes = schema.payloadIndexes.reduce(into: [:]) { known, index in
            if index.value == .text { known[PayloadPath(known: index.key)] = TextAnalyzer() }
        }
        schemaIndexes = schema.payloadIndexes.reduce(into: [:]) { known, index in
            known[PayloadPath(known: index.key)] = index.value
        }
    }

    var pointCount: Int { segments.reduce(0) { $0 + $1.liveCount } }

    /// The row of a point; nil where there is none.
    func row(of id: PointID) -> ViewRow? {
        for i in segments.indices.reversed() {
            if let row = segments[i].liveRow(of: id) { return ViewRow(segment: i, row: row) }
        }
        return nil
    }
}

/// A row of a view: the segment's place in `Searcher.segments`, and the row in it.
package struct ViewRow: Hashable, Sendable {
    let segment: Int
    let row: UInt32
}

/// A row of a view and its distance from a query.
struct RowHit: Sendable {
    let segment: Int
    let row: UInt32
    let distance: Float
}

/// The contents of a segment, read from the file where they are not in memory.
typealias ContentsLookup = (SegmentView) throws -> RowContents

extension Searcher {
    /// Live rows that pass `filter`, one set a segment; nil in place of a set means every live row.
    ///
    /// - Throws: `ViewOvertaken`; what `contents` throws.
    func matches(_ filter: Filter?, contents: ContentsLookup) throws -> [RowSet?] {
        guard let filter, !filter.isEmpty else { return everything }
        // Where a point stands is a fact of the moment; all else that a filter asks is a fact of the row.
        guard !filter.namesIDs else {
            return try segments.map { try matches(filter, in: $0, contents: contents) }
        }
        return try segments.map { segment in
            try segment.indexes.rows(filter, segment) { try matches(filter, in: segment, contents: contents) }
        }
    }

    private func matches(_ filter: Filter, in segment: SegmentView, contents: ContentsLookup) throws -> RowSet {
        guard segment.rowCount > 0 else { return RowSet() }
        var bound = segment.indexes.read { filter.bound(FilterScope(indexes: $0, segment: segment)) }
        bound.rows.subtract(segment.deleted)
        guard !bound.isExact, !bound.rows.isEmpty else { return bound.rows }
        let contents = try contents(segment)
        let missing = segment.indexes.read { $0.missing }
        var matching = RowSet(rowCount: segment.rowCount)
        try bound.rows.forEach { row in
            guard contents.isThere(row) else {
                if contents.isDamaged(row) { return }
                throw ViewOvertaken()
            }
            let context = context(of: row, in: segment, missing: missing)
            if contents.withPayload(row, { filter.matches($0, context) }) { matching.insert(row) }
        }
        return matching
    }

    /// What a filter asks of a row besides its payload.
    func context(of row: Int, in segment: SegmentView, missing: [String: RowSet]) -> FilterContext {
        FilterContext(
            id: segment.rows.ids[row].id, hasVector: { name in missing[name].map { !$0.contains(row) } ?? false },
            analyzer: analyzer, indexKind: indexKind)
    }

    /// The analyser of a text index on a path; nil where there is none.
    func analyzer(_ path: PayloadPath) -> TextAnalyzer? { fields[path]?.analyzer ?? textIndexes[path] }

    /// The kind of the index on a path; nil where there is none.
    func indexKind(_ path: PayloadPath) -> PayloadIndexKind? { fields[path]?.kind ?? schemaIndexes[path] }

    /// Ids of the live rows in `matches`, in no order.
    func ids(of matches: [RowSet?]) -> [PointID] {
        var ids: [PointID] = []
        forEachRow(of: matches) { ids.append(segments[$0.segment].rows.ids[Int($0.row)].id) }
        return ids
    }

    /// Calls `body` with each live row in `matches`.
    func forEachRow(of matches: [RowSet?], _ body: (ViewRow) throws -> Void) rethrows {
        for (i, rows) in matches.enumerated() {
            var live = rows ?? RowSet(allOf: segments[i].rowCount)
            live.subtract(segments[i].deleted)
            try live.forEach { try body(ViewRow(segment: i, row: UInt32($0))) }
        }
    }
}

extension Searcher {
    // MARK: Dense

    /// The `limit` nearest rows to `vector` (normalised where the metric is cosine), nearest first; `damaged` counts
    /// rows whose floats could not be read.
    ///
    /// - Throws: `ViewOvertaken`; what SQLite throws when floats are read from the file.
    func nearest(
        to vector: [Float], name: String, limit: Int, breadth: Int?, isExact: Bool, codes: CodeSearch,
        allowed: [RowSet?], damaged: inout Int
    ) throws -> [RowHit] {
        guard let dense = dense[name], limit > 0 else { return [] }
        let breadth = breadth ?? dense.searchBreadth
        if isExact {
            return try nearestExactly(
                to: vector, queryCount: 1, name: name, limit: limit, allowed: allowed, damaged: &damaged)[0]
        }
        var best: [RowHit] = []
        for i in segments.indices where segments[i].rowCount > 0 {
            let found = try vector.withUnsafeBufferPointer { query -> [Neighbor] in
                try segments[i].nearest(
                    limit, to: query, dense, breadth: breadth, codes: codes, allowed: allowed[i], damaged: &damaged)
            }
            if segments.count == 1 { return found.map { RowHit(segment: i, row: $0.row, distance: $0.distance) } }
            best.append(contentsOf: found.map { RowHit(segment: i, row: $0.row, distance: $0.distance) })
        }
        best.sort { $0.distance < $1.distance }
        return Array(best.prefix(limit))
    }

    /// The `limit` nearest rows to each of some vectors, every row having been taken into account; many queries share
    /// the reading of the rows.
    ///
    /// - Parameter vectors: `queryCount × dimension`, row-major.
    /// - Returns: one list a query.
    func nearestExactly(
        to vectors: [Float], queryCount: Int, name: String, limit: Int, allowed: [RowSet?], damaged: inout Int
    ) throws -> [[RowHit]] {
        var best = [[RowHit]](repeating: [], count: queryCount)
        guard let dense = dense[name], limit > 0 else { return best }
        for (i, segment) in segments.enumerated() where segment.rowCount > 0 {
            let found = try vectors.withUnsafeBufferPointer {
                try segment.nearestExactly(
                    limit, to: $0, queryCount: queryCount, dense, in: segment.selection(dense, allowed[i]),
                    damaged: &damaged)
            }
            for (q, neighbors) in found.enumerated() {
                best[q].append(
                    contentsOf: neighbors.map { RowHit(segment: i, row: $0.row, distance: $0.distance) })
            }
        }
        guard segments.count > 1 else { return best }
        return best.map { Array($0.sorted { $0.distance < $1.distance }.prefix(limit)) }
    }

    /// Hits with the ids and scores of their points, less those that `threshold` leaves out; a nil `metric` is an inner
    /// product.
    func scored(
        _ hits: [RowHit], _ metric: Metric?, within threshold: Float?
    ) -> [(hit: RowHit, id: PointID, score: Float)] {
        var found: [(hit: RowHit, id: PointID, score: Float)] = []
        found.reserveCapacity(hits.count)
        var first = 0
        while first < hits.count {
            // Hits of one segment together, nothing counted between them: the processor waits for their ids at once.
            let segment = hits[first].segment, ids = segments[segment].rows.ids
            while first < hits.count, hits[first].segment == segment {
                let hit = hits[first]
                first += 1
                let score = metric?.score(ofDistance: hit.distance) ?? -hit.distance
                if let threshold, metric?.largerScoreIsNearer ?? true ? score < threshold : score > threshold {
                    continue
                }
                found.append((hit, ids[Int(hit.row)].id, score))
            }
        }
        return found
    }

    // MARK: Sparse

    /// The `limit` rows with the highest score, highest first (as negative distances).
    func nearest(to query: TermQuery, name: String, limit: Int, allowed: [RowSet?]) -> [RowHit] {
        guard schema.sparse[name] != nil, limit > 0 else { return [] }
        var best: [RowHit] = []
        for (i, segment) in segments.enumerated() where segment.rowCount > 0 {
            let found = segment.nearest(query, name: name, limit: limit, allowed: allowed[i])
            best.append(contentsOf: found.map { RowHit(segment: i, row: $0.row, distance: $0.distance) })
        }
        if segments.count > 1 { best.sort { $0.distance < $1.distance } }
        return Array(best.prefix(limit))
    }

    /// The inner product with `vector`, IDF counted over `corpus` where the vector name has it.
    func product(_ vector: SparseVector, name: String, corpus: [RowSet?]) -> TermQuery {
        TermQuery(terms: vector.indices, weights: weights(of: vector, name: name, corpus: corpus))
    }

    /// What the sparse query counts at each of its indexes: its values, times IDF over `corpus` where the name has it.
    func weights(of vector: SparseVector, name: String, corpus: [RowSet?]) -> [Float] {
        schema.sparse[name]?.usesIDF == true ? idfWeights(of: vector, name: name, corpus: corpus) : vector.values
    }

    /// Query weights times ln(1 + (N − n + .5) / (n + .5)), N and n counted over the live rows of `corpus`.
    private func idfWeights(of vector: SparseVector, name: String, corpus: [RowSet?]) -> [Float] {
        var total = 0
        var having = [Int](repeating: 0, count: vector.count)
        for (i, segment) in segments.enumerated() {
            total += corpus[i]?.count ?? segment.liveCount
            // What matches is alive; where everything matches, what was deleted is left out.
            let (marked, counts) = corpus[i].map { ($0.words, true) } ?? (segment.deleted.words, false)
            segment.indexes.read { indexes in
                guard let index = indexes.sparse[name] else { return }
                for (t, term) in vector.indices.enumerated() {
                    having[t] += index.count(of: term, below: segment.rowCount, whoseBitsIn: marked, are: counts)
                }
            }
        }
        return zip(vector.values, having).map { value, count in
            let without = Float(total - count) + 0.5
            return value * Float(log1p(Double(without / (Float(count) + 0.5))))
        }
    }
}

/// A sparse query as it is scored: what each term counts.
struct TermQuery {
    let terms: [UInt32]
    let weights: [Float]
    /// A row that has a term counts the query's weight, whatever its own is.
    var countsPresence = false
}

/// A dense vector name and where a segment keeps it.
struct DenseName: Sendable {
    let name: String
    let slot: Int
    let metric: Metric
    let searchBreadth: Int

    /// Every dense vector of `schema` by its name.
    static func all(_ schema: CollectionSchema) -> [String: DenseName] {
        var names: [String: DenseName] = [:]
        for (slot, name) in schema.denseNames.enumerated() {
            guard let description = schema.dense[name] else { continue }
            names[name] = DenseName(
                name: name, slot: slot, metric: description.metric, searchBreadth: description.hnsw.searchBreadth)
        }
        return names
    }
}

extension SegmentView {
    /// Has the rows that no graph has as codes coded, behind the caller's back.
    func codeRows(_ dense: [String: DenseName]) {
        for name in dense.values where graphs[name.name] == nil {
            rows.floats[name.slot].code(name.metric, rowCount: rowCount)
        }
    }

    /// The allowed live rows that have the vector. What is deleted is never allowed (`Searcher.matches`): it is taken
    /// off here where all are.
    fileprivate func selection(_ dense: DenseName, _ allowed: RowSet?) -> RowSelection {
        let missing = indexes.read { $0.missing[dense.name] ?? RowSet() }
        let deleted = allowed != nil || deletedCount == 0 ? nil : deleted
        guard !missing.isEmpty else { return RowSelection(rowCount: rowCount, allowed: allowed, deleted: deleted) }
        var having = allowed ?? RowSet(allOf: rowCount)
        having.subtract(missing)
        return RowSelection(rowCount: rowCount, allowed: having, deleted: deleted)
    }

    fileprivate func nearestExactly(
        _ limit: Int, to queries: UnsafeBufferPointer<Float>, queryCount: Int, _ dense: DenseName,
        in selection: RowSelection, damaged: inout Int
    ) throws -> [[Neighbor]] {
        let codes: CodeBlock? = if case .codes(let codes)? = graphs[dense.name]?.rows { codes } else { nil }
        return try rows.floats[dense.slot].nearest(
            limit, to: queries, queryCount: queryCount, metric: dense.metric, in: selection, codes: codes,
            damaged: &damaged)
    }

    /// The `limit` nearest allowed live rows that have the vector, by the graph where there is one.
    fileprivate func nearest(
        _ limit: Int, to query: UnsafeBufferPointer<Float>, _ dense: DenseName, breadth: Int, codes: CodeSearch,
        allowed: RowSet?, damaged: inout Int
    ) throws -> [Neighbor] {
        let selection = selection(dense, allowed)
        let matching = selection.allowed == nil ? liveCount : selection.count()
        let graph = graphs[dense.name]
        switch SearchPlan(matching: matching, limit: limit, hasGraph: graph != nil) {
        case .nothing: return []
        case .exact:
            return try nearestExactly(limit, to: query, queryCount: 1, dense, in: selection, damaged: &damaged)[0]
        case .graph:
            guard let graph, let start = query.baseAddress else { preconditionFailure("the plan asked for a graph") }
            guard case .codes = graph.rows else {
                let found = graph.candidates(
                    start, k: limit, breadth: breadth, in: selection, selectedCount: matching)
                return Array(found.prefix(limit))
            }
            let candidates = graph.candidates(
                start, k: limit, breadth: codes.breadth(breadth, limit: limit), in: selection,
                selectedCount: matching)
            if codes.rescoring == .none { return Array(candidates.prefix(limit)) }
            return try rows.floats[dense.slot].rescored(
                candidates, start, metric: dense.metric, k: limit, scoresAll: codes.rescoring == .all,
                damaged: &damaged)
        }
    }
}

extension SegmentView {
    /// Rows below this many are looked up in each list; more are scored by running through the lists.
    private static let lookupLimit = 512

    /// Up to this many are kept in order while rows are scored; more are sorted at the end.
    private static let keptLimit = 2048

    /// The `limit` allowed live rows with the highest inner product among those that share a term; highest first, as
    /// negative distances.
    fileprivate func nearest(_ query: TermQuery, name: String, limit: Int, allowed: RowSet?) -> [Neighbor] {
        let (rows, distances) = scores(of: query, name: name, allowed: allowed)
        if limit <= Self.keptLimit, rows.count > limit {
            var top = TopK(limit)
            distances.withUnsafeBufferPointer { distances in
                rows.withUnsafeBufferPointer { rows in
                    if let from = distances.baseAddress, let named = rows.baseAddress {
                        top.offer(from, rows: named, count: rows.count)
                    }
                }
            }
            return top.neighbors()
        }
        return Array(zip(distances, rows).map(Neighbor.init).sorted().prefix(limit))
    }

    private func scores(
        of query: TermQuery, name: String, allowed: RowSet?
    ) -> (rows: [UInt32], distances: [Float]) {
        if let allowed, allowed.count <= Self.lookupLimit {
            let found = lookedUpScores(query, name: name, rows: allowed)
            return (found.map(\.row), found.map { -$0.weight })
        }
        var selected = allowed ?? RowSet(allOf: rowCount)
        selected.subtract(deleted)
        var sums = [Float](repeating: 0, count: rowCount)
        indexes.read { indexes in
            guard let index = indexes.sparse[name] else { return }
            sums.withUnsafeMutableBufferPointer { sums in
                for (term, weight) in zip(query.terms, query.weights) {
                    index.withPostings(of: term) { list in
                        for posting in list.prefix(below: rowCount) {
                            sums[Int(posting.row)] += weight * (query.countsPresence ? 1 : posting.weight)
                        }
                    }
                }
            }
        }
        return sums.withUnsafeBufferPointer { Self.scored($0, selected) }
    }

    /// The selected rows with a sum, ascending, and their sums as negative distances.
    private static func scored(
        _ sums: UnsafeBufferPointer<Float>, _ selected: RowSet
    ) -> (rows: [UInt32], distances: [Float]) {
        var distances: [Float] = []
        let rows = [UInt32](unsafeUninitializedCapacity: sums.count) { rows, count in
            distances = [Float](unsafeUninitializedCapacity: sums.count) { distances, scored in
                selected.words.withUnsafeBufferPointer { words in
                    for row in 0..<min(sums.count, words.count << 6) where sums[row] != 0 {
                        rows[scored] = UInt32(truncatingIfNeeded: row)
                        distances[scored] = -sums[row]
                        scored += Int(words[row >> 6] >> UInt64(row & 63) & 1)
                    }
                }
                count = scored
            }
        }
        return (rows, distances)
    }

    private func lookedUpScores(_ query: TermQuery, name: String, rows: RowSet) -> [Posting] {
        var wanted: [Posting] = []
        rows.forEach { row in
            if row < rowCount, !deleted.contains(row) { wanted.append(Posting(row: UInt32(row), weight: 0)) }
        }
        return indexes.read { indexes in
            guard let index = indexes.sparse[name] else { return [] }
            for (term, weight) in zip(query.terms, query.weights) {
                index.withPostings(of: term) { list in
                    for i in wanted.indices {
                        let at = list.partitioningIndex { $0.row >= wanted[i].row }
                        if at < list.count, list[at].row == wanted[i].row {
                            wanted[i].weight += weight * (query.countsPresence ? 1 : list[at].weight)
                        }
                    }
                }
            }
            return wanted.filter { $0.weight != 0 }
        }
    }
}
