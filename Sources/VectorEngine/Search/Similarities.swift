import CKernels
import Vectors

// Similarities of rows to examples, for the queries that are made of several. *Similarity* is larger for what is
// nearer, in every metric: the inner distance with its sign turned.

/// Similarities of rows to several examples.
package struct Similarities: Sendable {
    package var rows: [ViewRow] = []
    /// One array an example, parallel to `rows`.
    package var values: [[Float]]

    init(exampleCount: Int) { values = Array(repeating: [], count: exampleCount) }
}

extension Searcher {
    /// How similar each row of `allowed` that has the vector is to each example; all examples are of one kind.
    ///
    /// - Throws: `ViewOvertaken`; `unknownVector`, `wrongDimension`, `notFinite` for an example.
    func similarities(
        to examples: [AnyVector], name: String, allowed: [RowSet?], contents: ContentsLookup, damaged: inout Int
    ) throws -> Similarities {
        switch examples.first {
        case .dense: return try denseSimilarities(examples, name, allowed, damaged: &damaged)
        case .multi: return try multiSimilarities(examples, name, allowed, contents)
        case .sparse: return sparseSimilarities(examples, name, allowed)
        case nil: return Similarities(exampleCount: 0)
        }
    }

    /// The allowed live rows of a segment that have the vector, ascending.
    private func rows(of segment: SegmentView, having name: String, _ allowed: RowSet?) -> [UInt32] {
        var rows = allowed ?? RowSet(allOf: segment.rowCount)
        rows.subtract(segment.deleted)
        rows.subtract(segment.indexes.read { $0.missing[name] ?? RowSet() })
        var list: [UInt32] = []
        rows.forEach { if $0 < segment.rowCount { list.append(UInt32($0)) } }
        return list
    }

    private func denseSimilarities(
        _ examples: [AnyVector], _ name: String, _ allowed: [RowSet?], damaged: inout Int
    ) throws -> Similarities {
        var found = Similarities(exampleCount: examples.count)
        guard let slot = schema.denseNames.firstIndex(of: name), let description = schema.dense[name] else {
            return found
        }
        let vectors = try examples.map { example -> [Float] in
            guard case .dense(let vector) = example else { return [] }
            return try schema.checked(vector, name: name)
        }
        for (i, segment) in segments.enumerated() where segment.rowCount > 0 {
            let list = rows(of: segment, having: name, allowed[i])
            let floats = segment.rows.floats[slot]
            if let resident = floats.resident, resident.lost.isEmpty {
                found.rows += list.map { ViewRow(segment: i, row: $0) }
                for (e, vector) in vectors.enumerated() {
                    found.values[e] += Self.similarities(vector, resident.block, description.metric, list)
                }
                continue
            }
            damaged += try floats.forEach(list) { row, stored in
                found.rows.append(ViewRow(segment: i, row: row))
                for (e, vector) in vectors.enumerated() {
                    let distance = vector.withUnsafeBufferPointer { query in
                        query.baseAddress.map {
                            DistanceKernels.best.distance(
                                description.metric, $0, stored, dimension: description.dimension)
                        }
                    }
                    found.values[e].append(-(distance ?? 0))
                }
            }
        }
        return found
    }

    private static func similarities(
        _ vector: [Float], _ block: VectorBlock, _ metric: Metric, _ rows: [UInt32]
    ) -> [Float] {
        guard !rows.isEmpty, vector.count == block.dimension else { return [] }
        return [Float](unsafeUninitializedCapacity: rows.count) { values, count in
            vector.withUnsafeBufferPointer { vector in
                rows.withUnsafeBufferPointer { rows in
                    guard let query = vector.baseAddress, let list = rows.baseAddress, let into = values.baseAddress
                    else { return }
                    DistanceKernels.best.rows(metric)(
                        query, UnsafePointer(block.base), block.dimension, list, rows.count, into)
                    for i in 0..<rows.count { into[i] = -into[i] }
                    count = rows.count
                }
            }
        }
    }

    // MARK: Several rows a point

    private func multiSimilarities(
        _ examples: [AnyVector], _ name: String, _ allowed: [RowSet?], _ contents: ContentsLookup
    ) throws -> Similarities {
        var found = Similarities(exampleCount: examples.count)
        guard let description = schema.multi[name] else { return found }
        let queries = try examples.compactMap { example -> MultiVector? in
            guard case .multi(let vector) = example else { return nil }
            return try schema.checked(vector, name: name)
        }
        for (i, segment) in segments.enumerated() where segment.rowCount > 0 {
            let list = rows(of: segment, having: name, allowed[i])
            guard !list.isEmpty else { continue }
            let held = try contents(segment)
            let vectors = held.multiVectors(name)
            for row in list {
                guard let vector = vectors[row] else {
                    if held.isThere(Int(row)) || held.isDamaged(Int(row)) { continue }
                    throw ViewOvertaken()
                }
                found.rows.append(ViewRow(segment: i, row: row))
                for (e, query) in queries.enumerated() {
                    found.values[e].append(query.bestMatches(in: vector, description.metric))
                }
            }
        }
        return found
    }

    // MARK: Sparse

    /// Only rows that share an index with an example are among the candidates.
    private func sparseSimilarities(_ examples: [AnyVector], _ name: String, _ allowed: [RowSet?]) -> Similarities {
        var found = Similarities(exampleCount: examples.count)
        for (i, segment) in segments.enumerated() where segment.rowCount > 0 {
            var shares = RowSet(rowCount: segment.rowCount)
            for example in examples {
                Self.forEachPosting(example, name, segment) { row, _ in shares.insert(row) }
            }
            let list = rows(of: segment, having: name, allowed[i]).filter { shares.contains(Int($0)) }
            guard !list.isEmpty else { continue }
            found.rows += list.map { ViewRow(segment: i, row: $0) }
            // Of one example at a time, and zero again after it.
            var sums = [Float](repeating: 0, count: segment.rowCount)
            for (e, example) in examples.enumerated() {
                Self.forEachPosting(example, name, segment) { row, product in sums[row] += product }
                found.values[e] += list.map { sums[Int($0)] }
                Self.forEachPosting(example, name, segment) { row, _ in sums[row] = 0 }
            }
        }
        return found
    }

    /// Calls `body` with each row that shares an index with a sparse vector, and with the product of the weights there.
    private static func forEachPosting(
        _ example: AnyVector, _ name: String, _ segment: SegmentView, _ body: (_ row: Int, _ product: Float) -> Void
    ) {
        guard case .sparse(let query) = example else { return }
        segment.indexes.read { indexes in
            guard let index = indexes.sparse[name] else { return }
            for (term, weight) in zip(query.indices, query.values) {
                index.withPostings(of: term) { list in
                    for posting in list.prefix(below: segment.rowCount) {
                        body(Int(posting.row), weight * posting.weight)
                    }
                }
            }
        }
    }
}
