import Foundation
import HNSW
import Vectors

/// One segment as one moment saw it. Rows at and beyond `rowCount` do not exist yet for this view.
struct SegmentView: Sendable {
    /// Names the segment for as long as the process lives.
    var number: UInt32
    let rows: SegmentRows
    var rowCount: Int
    let indexes: SharedSegmentIndexes
    /// By dense vector name; a growing segment has none and is scored exactly.
    var graphs: [String: HNSWGraph] = [:]
    var deleted = RowSet()
    var deletedCount = 0
    /// The row of `segments` in the file; nil while the segment lives in the points table alone.
    var storedID: Int64?

    var liveCount: Int { rowCount - deletedCount }
    /// Whether it is stored and every graph it should have is there.
    var isSealed: Bool { storedID != nil && graphs.count == rows.blocks.count }
}

/// Where a point's newest version stands.
struct RowLocation: Sendable, Equatable {
    var segment: UInt32
    var row: UInt32
}

/// One moment of a collection: what a search works on, unmoved by later writes.
struct Searcher: Sendable {
    let schema: CollectionSchema
    let segments: [SegmentView]
    /// The last change this view has seen.
    let sequence: Int64
    /// Rows of the ids that a filter names, as of this moment.
    var namedRows: [PointID: RowLocation] = [:]

    var pointCount: Int { segments.reduce(0) { $0 + $1.liveCount } }
}

/// A row of a view.
struct RowHit: Sendable {
    let segment: Int
    let row: UInt32
    let distance: Float
}

/// Reads payloads by sequence; what is no longer there is left out.
typealias PayloadLookup = ([Int64]) throws -> [Int64: Payload]

extension Searcher {
    /// Live rows that pass `filter`, one set a segment; nil in place of a set means every live row.
    func matches(_ filter: Filter?, payloads: PayloadLookup) throws -> [RowSet?] {
        guard let filter, !filter.isEmpty else { return Array(repeating: nil, count: segments.count) }
        return try segments.map { try matches(filter, in: $0, payloads: payloads) }
    }

    private func matches(_ filter: Filter, in segment: SegmentView, payloads: PayloadLookup) throws -> RowSet {
        var bound = try segment.indexes.read { indexes in
            try filter.bound(FilterScope(indexes: indexes, segment: segment, namedRows: namedRows))
        }
        bound.rows.subtract(segment.deleted)
        guard !bound.isExact, !bound.rows.isEmpty else { return bound.rows }
        let missing = segment.indexes.read { $0.missing }
        var matching = RowSet(rowCount: segment.rowCount)
        var block: [Int] = []
        func check() throws {
            let found = try payloads(block.map { segment.rows.sequences[$0] })
            for row in block {
                guard let payload = found[segment.rows.sequences[row]] else { continue }
                let subject = FilterSubject(
                    id: segment.rows.ids[row].id, payload: payload.object,
                    hasVector: { name in missing[name].map { !$0.contains(row) } ?? false })
                if try filter.matches(subject) { matching.insert(row) }
            }
            block.removeAll(keepingCapacity: true)
        }
        try bound.rows.forEach { row in
            block.append(row)
            if block.count == 512 { try check() }
        }
        try check()
        return matching
    }

    // MARK: Dense

    /// The `limit` nearest rows to `vector` (normalised where the metric is cosine), nearest first.
    func nearest(
        to vector: [Float], name: String, limit: Int, breadth: Int?, isExact: Bool, allowed: [RowSet?]
    ) -> [RowHit] {
        guard let slot = schema.denseNames.firstIndex(of: name), let description = schema.dense[name], limit > 0 else {
            return []
        }
        var best: [RowHit] = []
        for (i, segment) in segments.enumerated() where segment.rowCount > 0 {
            var permitted = allowed[i]
            let missing = segment.indexes.read { $0.missing[name] ?? RowSet() }
            if !missing.isEmpty {
                permitted = permitted ?? RowSet(allOf: segment.rowCount)
                permitted?.subtract(missing)
            }
            let matching = permitted?.count ?? segment.liveCount
            let index: any VectorIndex
            switch SearchPlan(matching: matching, limit: limit, hasGraph: segment.graphs[name] != nil && !isExact) {
            case .nothing: continue
            case .exact:
                index = FlatIndex(
                    block: segment.rows.blocks[slot], metric: description.metric, rowCount: segment.rowCount)
            case .graph:
                guard let graph = segment.graphs[name] else { preconditionFailure("the plan asked for a graph") }
                index = graph
            }
            let found = vector.withUnsafeBufferPointer { query -> [Neighbor] in
                guard let start = query.baseAddress else { return [] }
                return index.search(
                    start, k: limit, breadth: breadth ?? description.hnsw.searchBreadth, allowed: permitted,
                    deleted: segment.deletedCount == 0 ? nil : segment.deleted)
            }
            best.append(contentsOf: found.map { RowHit(segment: i, row: $0.row, distance: $0.distance) })
        }
        if segments.count > 1 { best.sort { $0.distance < $1.distance } }
        return Array(best.prefix(limit))
    }

    // MARK: Sparse

    /// The `limit` rows with the highest inner product, highest first (as negative distances).
    func nearest(
        to vector: SparseVector, name: String, limit: Int, allowed: [RowSet?], corpus: [RowSet?]
    ) -> [RowHit] {
        guard let description = schema.sparse[name], limit > 0 else { return [] }
        let weights: [Float] = description.usesIDF ? idfWeights(of: vector, name: name, corpus: corpus) : vector.values
        var best: [RowHit] = []
        for (i, segment) in segments.enumerated() where segment.rowCount > 0 {
            let found = segment.nearest(vector.indices, weights: weights, name: name, limit: limit, allowed: allowed[i])
            best.append(contentsOf: found.map { RowHit(segment: i, row: $0.row, distance: $0.distance) })
        }
        if segments.count > 1 { best.sort { $0.distance < $1.distance } }
        return Array(best.prefix(limit))
    }

    /// Query weights times ln(1 + (N − n + .5) / (n + .5)), N and n counted over the live rows of `corpus`.
    private func idfWeights(of vector: SparseVector, name: String, corpus: [RowSet?]) -> [Float] {
        var total = 0
        var having = [Int](repeating: 0, count: vector.count)
        for (i, segment) in segments.enumerated() {
            total += corpus[i]?.count ?? segment.liveCount
            segment.indexes.read { indexes in
                guard let index = indexes.sparse[name] else { return }
                for (t, term) in vector.indices.enumerated() {
                    having[t] += index.withPostings(of: term) { list in
                        if corpus[i] == nil && segment.deletedCount == 0 {
                            return list.last.map { $0.row < segment.rowCount } ?? true
                                ? list.count : list.count(where: { $0.row < segment.rowCount })
                        }
                        return list.count { posting in
                            posting.row < segment.rowCount && !segment.deleted.contains(Int(posting.row))
                                && corpus[i]?.contains(Int(posting.row)) ?? true
                        }
                    }
                }
            }
        }
        return zip(vector.values, having).map { value, count in
            let without = Float(total - count) + 0.5
            return value * Float(log1p(Double(without / (Float(count) + 0.5))))
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
    fileprivate func nearest(
        _ terms: [UInt32], weights: [Float], name: String, limit: Int, allowed: RowSet?
    ) -> [Neighbor] {
        let (rows, distances) = scores(of: terms, weights: weights, name: name, allowed: allowed)
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
        of terms: [UInt32], weights: [Float], name: String, allowed: RowSet?
    ) -> (rows: [UInt32], distances: [Float]) {
        if let allowed, allowed.count <= Self.lookupLimit {
            let found = lookedUpScores(terms, weights: weights, name: name, rows: allowed)
            return (found.map(\.row), found.map { -$0.weight })
        }
        var sums = [Float](repeating: 0, count: rowCount)
        indexes.read { indexes in
            guard let index = indexes.sparse[name] else { return }
            sums.withUnsafeMutableBufferPointer { sums in
                for (term, weight) in zip(terms, weights) {
                    index.withPostings(of: term) { list in
                        for posting in list where posting.row < sums.count {
                            sums[Int(posting.row)] += weight * posting.weight
                        }
                    }
                }
            }
        }
        var rows: [UInt32] = []
        var distances: [Float] = []
        for row in 0..<rowCount where sums[row] != 0 {
            if !deleted.contains(row), allowed?.contains(row) ?? true {
                rows.append(UInt32(row))
                distances.append(-sums[row])
            }
        }
        return (rows, distances)
    }

    private func lookedUpScores(_ terms: [UInt32], weights: [Float], name: String, rows: RowSet) -> [Posting] {
        var wanted: [Posting] = []
        rows.forEach { row in
            if row < rowCount, !deleted.contains(row) { wanted.append(Posting(row: UInt32(row), weight: 0)) }
        }
        return indexes.read { indexes in
            guard let index = indexes.sparse[name] else { return [] }
            for (term, weight) in zip(terms, weights) {
                index.withPostings(of: term) { list in
                    for i in wanted.indices {
                        let at = list.partitioningIndex { $0.row >= wanted[i].row }
                        if at < list.count, list[at].row == wanted[i].row {
                            wanted[i].weight += weight * list[at].weight
                        }
                    }
                }
            }
            return wanted.filter { $0.weight != 0 }
        }
    }
}
