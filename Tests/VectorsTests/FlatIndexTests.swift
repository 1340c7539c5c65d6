import TestSupport
import Testing
import Vectors

/// A block of random rows.
func randomBlock(rows: Int, dimension: Int, seed: UInt64, normalizes: Bool = false) -> VectorBlock {
    var generator = SplitMix(seed: seed)
    let block = VectorBlock(dimension: dimension, capacity: rows)
    for _ in 0..<rows {
        var vector = generator.floats(dimension)
        if normalizes, let unit = normalized(vector) { vector = unit }
        vector.withUnsafeBufferPointer { block.append($0) }
    }
    return block
}

@Suite struct FlatIndexTests {
    /// The oracle: distances by the portable kernel, sorted.
    func sortedAll(_ block: VectorBlock, _ metric: Metric, rows: Int, _ query: [Float], _ keep: (Int) -> Bool)
        -> [Neighbor]
    {
        (0..<rows).filter(keep).map { row in
            Neighbor(
                distance: DistanceKernels.available[0]
                    .distance(metric, query, block.vector(row), dimension: block.dimension), row: UInt32(row))
        }.sorted()
    }

    func agree(_ a: [Neighbor], _ b: [Neighbor]) -> Bool {
        a.count == b.count
            && zip(a, b).allSatisfy { abs($0.distance - $1.distance) <= 1e-4 * max(1, abs($0.distance)) }
    }

    @Test("A search finds the same rows as sorting all rows, for every metric, filter and instruction set")
    func searchAgreesWithSorting() {
        let rows = 700
        let block = randomBlock(rows: rows, dimension: 19, seed: 11)
        var generator = SplitMix(seed: 12)
        for metric in Metric.allCases {
            for kernels in DistanceKernels.available {
                let index = FlatIndex(block: block, metric: metric, rowCount: rows, kernels: kernels)
                let query = generator.floats(19)
                var allowed = RowSet(rowCount: rows), deleted = RowSet()
                for row in 0..<rows {
                    if generator.next() % 3 == 0 { allowed.insert(row) }
                    if generator.next() % 7 == 0 { deleted.insert(row) }
                }
                for k in [1, 10, 256, rows, rows + 1, 5000] {
                    for a in [nil, allowed] {
                        for d in [nil, deleted] {
                            let found = index.search(query, k: k, allowed: a, deleted: d)
                            let wanted = sortedAll(block, metric, rows: rows, query) {
                                a?.contains($0) ?? true && !(d?.contains($0) ?? false)
                            }
                            #expect(agree(found, Array(wanted.prefix(k))), "\(metric) \(kernels.name) k \(k)")
                            #expect(found == found.sorted())
                        }
                    }
                }
            }
        }
    }

    @Test("More neighbours are found than the limit up to which they are kept sorted in place")
    func longLists() {
        let block = randomBlock(rows: 3000, dimension: 4, seed: 13)
        let index = FlatIndex(block: block, metric: .euclidean, rowCount: 3000)
        let query: [Float] = [0.1, 0.2, 0.3, 0.4]
        for k in [1023, 1024, 1025, 3000, 10_000] {
            let found = index.search(query, k: k, allowed: nil, deleted: nil)
            #expect(agree(found, Array(sortedAll(block, .euclidean, rows: 3000, query) { _ in true }.prefix(k))))
        }
    }

    @Test("A list of rows is searched exactly, and no other row is found")
    func listedRows() {
        let block = randomBlock(rows: 500, dimension: 8, seed: 14)
        let index = FlatIndex(block: block, metric: .dot, rowCount: 500)
        let query = [Float](repeating: 0.3, count: 8)
        let rows: [UInt32] = [3, 4, 90, 255, 256, 257, 499]
        let found = index.search(query, k: 5, rows: rows)
        #expect(found == Array(index.search(query, k: 500, rows: rows).prefix(5)))
        #expect(agree(found, Array(sortedAll(block, .dot, rows: 500, query) { rows.contains(UInt32($0)) }.prefix(5))))
        #expect(index.search(query, k: 5, rows: []).isEmpty)
    }

    @Test("An empty index, k = 0 and a filter that keeps nothing find nothing")
    func nothingIsFound() {
        let block = randomBlock(rows: 10, dimension: 3, seed: 15)
        let query: [Float] = [1, 2, 3]
        let empty = FlatIndex(block: block, metric: .dot, rowCount: 0)
        #expect(empty.search(query, k: 5, allowed: nil, deleted: nil).isEmpty)
        let index = FlatIndex(block: block, metric: .dot, rowCount: 10)
        #expect(index.search(query, k: 0, allowed: nil, deleted: nil).isEmpty)
        #expect(index.search(query, k: 5, allowed: RowSet(), deleted: nil).isEmpty)
        #expect(index.search(query, k: 5, allowed: nil, deleted: RowSet(allOf: 10)).isEmpty)
    }

    @Test("Rows beyond the index are not found even when a set names them")
    func rowsBeyondAreIgnored() {
        let block = randomBlock(rows: 130, dimension: 3, seed: 16)
        let index = FlatIndex(block: block, metric: .euclidean, rowCount: 70)
        let found = index.search([0, 0, 0], k: 200, allowed: RowSet(allOf: 130), deleted: nil)
        #expect(found.map(\.row).sorted() == (0..<70).map { UInt32($0) })
        #expect(RowSelection(rowCount: 70, allowed: RowSet(allOf: 130), deleted: nil).count() == 70)
        var deleted = RowSet()
        deleted.insert(3)
        deleted.insert(100)
        #expect(RowSelection(rowCount: 70, allowed: nil, deleted: deleted).count() == 69)
    }

    @Test("A batch finds the same rows as single searches, with and without a filter", arguments: Metric.allCases)
    func batchAgrees(metric: Metric) {
        let rows = 1300, dimension = 24
        let block = randomBlock(rows: rows, dimension: dimension, seed: 17, normalizes: metric == .cosine)
        let index = FlatIndex(block: block, metric: metric, rowCount: rows)
        var generator = SplitMix(seed: 18)
        var allowed = RowSet(rowCount: rows)
        for row in stride(from: 0, to: rows, by: 3) { allowed.insert(row) }
        for queryCount in [0, 1, 15, 16, 40, 300] {
            let queries = generator.floats(queryCount * dimension)
            for filter in [nil, allowed] {
                for scoring in BatchScoring.allCases {
                    let together = queries.withUnsafeBufferPointer {
                        index.searchBatch($0, queryCount: queryCount, k: 10, allowed: filter, scoring: scoring)
                    }
                    #expect(together.count == queryCount)
                    for (q, found) in together.enumerated() {
                        let query = Array(queries[(q * dimension)..<((q + 1) * dimension)])
                        let alone = index.search(query, k: 10, allowed: filter, deleted: nil)
                        #expect(agree(found, alone), "query \(q), \(scoring)")
                    }
                }
            }
        }
    }
}

@Suite struct NormalizationTests {
    @Test("Vectors of any finite length become length 1", arguments: [1e-30, 1e-3, 1, 1e18, 3e37])
    func lengths(scale: Double) throws {
        let unit = try #require(normalized([3, -4, 0].map { Float($0 * scale) }))
        #expect(abs(unit[0] - 0.6) < 1e-6 && abs(unit[1] + 0.8) < 1e-6 && unit[2] == 0)
    }

    @Test("Zero, infinite and NaN vectors have no direction")
    func withoutDirection() {
        #expect(normalized([0, 0]) == nil)
        #expect(normalized([.infinity, 1]) == nil)
        #expect(normalized([.nan, 1]) == nil)
        #expect(normalized([]) == nil)
    }

    @Test("The position of the first component that is not finite is returned")
    func nonFinite() {
        func first(_ vector: [Float]) -> Int? { vector.withUnsafeBufferPointer { firstNonFinite($0) } }
        #expect(first([]) == nil)
        #expect(first([0, -0.0, .greatestFiniteMagnitude, .leastNonzeroMagnitude]) == nil)
        #expect(first([1, .nan, .infinity]) == 1)
        #expect(first([-.infinity]) == 0)
    }
}

@Suite struct VectorBlockTests {
    @Test("A block larger than a huge page returns the rows that were appended and is zero elsewhere")
    func largeBlock() {
        let block = VectorBlock(dimension: 3, capacity: 400_000)
        [Float]([1, 2, 3]).withUnsafeBufferPointer { block.append($0) }
        block.appendZeros(rows: 399_998)
        [Float]([4, 5, 6]).withUnsafeBufferPointer { block.append($0) }
        #expect(block.count == 400_000)
        #expect(block.vector(0)[2] == 3 && block.vector(200_000)[0] == 0 && block.vector(399_999)[2] == 6)
        #expect(UInt(bitPattern: block.base) % 64 == 0)
    }

    @Test("A block of no rows exists")
    func emptyBlock() { #expect(VectorBlock(dimension: 384, capacity: 0).count == 0) }
}
