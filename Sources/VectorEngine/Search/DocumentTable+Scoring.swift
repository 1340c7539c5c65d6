import CKernels
import Foundation
import GRDB
import Vectors

// Scores for documents: the nearest of a query, and the similarities to examples that other queries are made of.
// *Similarity* is larger for what is nearer, in every metric: the inner distance with its sign turned.

/// A vector of any kind.
package enum AnyVector: Sendable, Equatable {
    case dense([Float])
    case sparse(SparseVector)
    case multi(MultiVector)
}

/// Similarities of documents to several examples.
package struct Similarities: Sendable {
    package var slots: [UInt32] = []
    /// One array an example, parallel to `slots`.
    package var values: [[Float]]
}

extension DocumentTable {
    /// The `limit` documents nearest to a vector, nearest first, with their similarity.
    ///
    /// - Parameters:
    ///   - allowed: slots to choose from; nil for all.
    ///   - codes: what is made of the graph's codes; `oversampling` from 1.
    ///   - corpus: slots over which IDF counts; nil for all.
    package func nearest(
        _ query: AnyVector, name: String, limit: Int, breadth: Int?, isExact: Bool, codes: CodeSearch = CodeSearch(),
        allowed: RowSet?, corpus: RowSet?
    ) throws -> [(id: PointID, similarity: Float)] {
        try newestView { searcher in
            try nearest(
                query, name: name, limit: limit, breadth: breadth, isExact: isExact, codes: codes, allowed: allowed,
                corpus: corpus, in: searcher)
        }
    }

    /// How often a search begins again because another process has replaced the segments meanwhile.
    private static let attempts = 4

    private func newestView<Result>(_ body: (Searcher) throws -> Result) throws -> Result {
        for _ in 1..<Self.attempts {
            do {
                return try body(try collection.searcher())
            } catch is FloatsOvertaken {
                continue
            }
        }
        return try body(try collection.searcher())
    }

    private func nearest(
        _ query: AnyVector, name: String, limit: Int, breadth: Int?, isExact: Bool, codes: CodeSearch,
        allowed: RowSet?, corpus: RowSet?, in searcher: Searcher
    ) throws -> [(id: PointID, similarity: Float)] {
        let rows = try rows(of: allowed, in: searcher)
        let hits: [RowHit]
        switch query {
        case .dense(let vector):
            var damaged = 0
            hits = try searcher.nearest(
                to: try searcher.schema.checked(vector, name: name), name: name, limit: limit, breadth: breadth,
                isExact: isExact, codes: codes, allowed: rows, damaged: &damaged)
            if damaged > 0 { collection.noteDamagedFloats(damaged) }
        case .sparse(let vector):
            hits = searcher.nearest(
                to: vector, name: name, limit: limit, allowed: rows, corpus: try self.rows(of: corpus, in: searcher))
        case .multi: return try nearestMulti(query, name: name, limit: limit, allowed: allowed)
        }
        return hits.map { (searcher.segments[$0.segment].rows.ids[Int($0.row)].id, -$0.distance) }
    }

    private func nearestMulti(
        _ query: AnyVector, name: String, limit: Int, allowed: RowSet?
    ) throws -> [(id: PointID, similarity: Float)] {
        let found = try similarities(to: [query], name: name, allowed: allowed)
        let best = zip(found.slots, found.values[0]).sorted { $0.1 != $1.1 ? $0.1 > $1.1 : $0.0 < $1.0 }.prefix(limit)
        return try use { documents in
            best.compactMap { slot, value in documents.slots[Int(slot)].map { ($0.id, value) } }
        }
    }

    /// The rows of each segment whose documents are in `slots`.
    private func rows(of slots: RowSet?, in searcher: Searcher) throws -> [RowSet?] {
        guard let slots else { return searcher.everything }
        return try use { documents in
            documents.forgetRows(butOf: searcher)
            return searcher.segments.map { segment in
                let map = documents.slots(ofRows: segment)
                var rows = RowSet(rowCount: segment.rowCount)
                for row in 0..<segment.rowCount where slots.contains(Int(map[row])) { rows.insert(row) }
                rows.subtract(segment.deleted)
                return rows
            }
        }
    }

    /// How similar each document of `allowed` that has the vector is to each example.
    package func similarities(to examples: [AnyVector], name: String, allowed: RowSet?) throws -> Similarities {
        switch examples.first {
        case .dense: return try newestView { try denseSimilarities(examples, name, allowed, in: $0) }
        case .multi: return try multiSimilarities(examples, name, allowed)
        case .sparse: return try sparseSimilarities(examples, name, allowed)
        case nil: return Similarities(values: [])
        }
    }

    private func denseSimilarities(
        _ examples: [AnyVector], _ name: String, _ allowed: RowSet?, in searcher: Searcher
    ) throws -> Similarities {
        let schema = searcher.schema
        guard let slot = schema.denseNames.firstIndex(of: name), let description = schema.dense[name] else {
            return Similarities(values: Array(repeating: [], count: examples.count))
        }
        let vectors = try examples.map { example -> [Float] in
            guard case .dense(let vector) = example else { return [] }
            return try schema.checked(vector, name: name)
        }
        let allowedRows = try rows(of: allowed ?? use { $0.live }, in: searcher)
        var found = Similarities(values: Array(repeating: [], count: examples.count))
        for (segment, rows) in zip(searcher.segments, allowedRows) {
            var rows = rows ?? RowSet()
            rows.subtract(segment.indexes.read { $0.missing[name] ?? RowSet() })
            var list: [UInt32] = []
            rows.forEach { list.append(UInt32($0)) }
            let map = try use { $0.slots(ofRows: segment) }
            let floats = segment.rows.floats[slot]
            if let resident = floats.resident, resident.lost.isEmpty {
                found.slots += list.map { map[Int($0)] }
                for (i, vector) in vectors.enumerated() {
                    found.values[i] += Self.similarities(vector, resident.block, description.metric, list)
                }
                continue
            }
            let damaged = try floats.forEach(list) { row, stored in
                found.slots.append(map[Int(row)])
                for (i, vector) in vectors.enumerated() {
                    let distance = vector.withUnsafeBufferPointer { query in
                        query.baseAddress.map {
                            DistanceKernels.best.distance(
                                description.metric, $0, stored, dimension: description.dimension)
                        }
                    }
                    found.values[i].append(-(distance ?? 0))
                }
            }
            if damaged > 0 { collection.noteDamagedFloats(damaged) }
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

    private func multiSimilarities(_ examples: [AnyVector], _ name: String, _ allowed: RowSet?) throws -> Similarities {
        let schema = collection.schema
        guard let description = schema.multi[name] else {
            return Similarities(values: Array(repeating: [], count: examples.count))
        }
        let queries = try examples.compactMap { example -> MultiVector? in
            guard case .multi(let vector) = example else { return nil }
            return try schema.checked(vector, name: name)
        }
        let stored = try use { documents in
            var stored: [(slot: UInt32, vector: MultiVector)] = []
            (allowed ?? documents.live).forEach { slot in
                if let vector = documents.slots[slot]?.multi[name] { stored.append((UInt32(slot), vector)) }
            }
            return stored
        }
        return Similarities(
            slots: stored.map(\.slot),
            values: queries.map { query in stored.map { query.bestMatches(in: $0.vector, description.metric) } })
    }

    // MARK: Sparse

    private func sparseSimilarities(
        _ examples: [AnyVector], _ name: String, _ allowed: RowSet?
    ) throws -> Similarities {
        let stored = try sparseVectors(name, allowed: allowed)
        var found = Similarities(slots: [], values: Array(repeating: [], count: examples.count))
        for (slot, vector) in stored {
            let products = examples.map { example -> Float? in
                guard case .sparse(let query) = example else { return nil }
                return query.product(vector)
            }
            // Who shares no index with any example is not among the candidates.
            guard products.contains(where: { $0 != nil }) else { continue }
            found.slots.append(slot)
            for (i, product) in products.enumerated() { found.values[i].append(product ?? 0) }
        }
        return found
    }

    /// One named sparse vector of each document that has it, read from the file.
    private func sparseVectors(_ name: String, allowed: RowSet?) throws -> [(slot: UInt32, vector: SparseVector)] {
        let schema = collection.schema
        let wanted = try use { documents in
            var wanted: [(slot: UInt32, version: UInt64)] = []
            (allowed ?? documents.live).forEach { slot in
                if let document = documents.slots[slot] { wanted.append((UInt32(slot), document.version)) }
            }
            return wanted
        }
        let cipher = collection.file.cipher
        return try collection.file.pool.read { db in
            var found: [(slot: UInt32, vector: SparseVector)] = []
            for (slot, version) in wanted {
                try db.scan("SELECT sparse, id FROM points WHERE sequence = ?", [Int64(clamping: version)]) { row in
                    let place = RowCipher.Place.sparse(sequence: Int64(clamping: version), key: Array(row.blob(1)))
                    let decoded = cipher.withPlain(row.blob(0), place) { StoredRow.decodeSparse($0, schema) }
                    guard let vector = (decoded ?? nil)?.sparse[name] else { return }
                    found.append((slot, vector))
                }
            }
            return found
        }
    }
}

extension SparseVector {
    /// The inner product over the common indices; nil when there is none.
    package func product(_ other: SparseVector) -> Float? {
        var (i, j, sum, shares) = (0, 0, Float(0), false)
        while i < count, j < other.count {
            if indices[i] == other.indices[j] {
                sum += values[i] * other.values[j]
                shares = true
                i += 1
                j += 1
            } else if indices[i] < other.indices[j] {
                i += 1
            } else {
                j += 1
            }
        }
        return shares ? sum : nil
    }
}

extension MultiVector {
    /// For each row the similarity of its best match in `other`, summed (MaxSim; Khattab and Zaharia, ColBERT, 2020).
    package func bestMatches(in other: MultiVector, _ metric: Metric) -> Float {
        var sum: Float = 0
        for i in 0..<rowCount {
            var best = -Float.infinity
            for j in 0..<other.rowCount { best = max(best, Self.similarity(row(i), other.row(j), metric)) }
            sum += best
        }
        return sum
    }

    private static func similarity(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>, _ metric: Metric) -> Float {
        var sum: Float = 0
        switch metric {
        case .cosine, .dot: for (x, y) in zip(a, b) { sum += x * y }
        case .euclidean: for (x, y) in zip(a, b) { sum -= (x - y) * (x - y) }
        case .manhattan: for (x, y) in zip(a, b) { sum -= abs(x - y) }
        }
        return sum
    }
}

extension Documents {
    /// For each row of a segment its document's slot; `UInt32.max` where the point is gone.
    mutating func slots(ofRows segment: SegmentView) -> [UInt32] {
        var map = rowSlots.removeValue(forKey: segment.number) ?? []
        for row in map.count..<max(map.count, segment.rowCount) {
            map.append(slot(of: segment.rows.ids[row].id).map(UInt32.init) ?? .max)
        }
        rowSlots[segment.number] = map
        return map
    }

    mutating func forgetRows(butOf searcher: Searcher) {
        guard rowSlots.count > searcher.segments.count else { return }
        let numbers = Set(searcher.segments.map(\.number))
        rowSlots = rowSlots.filter { numbers.contains($0.key) }
    }
}
