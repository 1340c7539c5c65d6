import CKernels
import TestSupport
import Testing
import Vectors

/// Exact search by codes and bounds, compared with a plain scan of the floats.
@Suite struct BoundedScanTests {
    static let metrics: [Metric] = [.cosine, .dot, .euclidean]

    struct Case {
        let block: VectorBlock
        let codes: CodeBlock
        let bounds: CodeBounds
        let queries: [Float]
        var kernels = DistanceKernels.best
    }

    static let queryCount = 5

    /// - Parameter spread: the distance of rows from their cluster's centre; 0 makes copies.
    func make(
        _ metric: Metric, rows: Int, dimension: Int, spread: Float, _ generator: inout SplitMix,
        _ kernels: DistanceKernels = .best
    ) -> Case {
        let block = VectorBlock(dimension: dimension, capacity: rows)
        let centres = (0..<6).map { _ in generator.floats(dimension) }
        func vector() -> [Float] {
            let centre = centres[Int(generator.next() % 6)], noise = generator.floats(dimension)
            let vector = zip(centre, noise).map { $0 + spread * $1 }
            return metric == .cosine ? normalized(vector) ?? vector : vector
        }
        for _ in 0..<rows { vector().withUnsafeBufferPointer { block.append($0) } }
        let codes = CodeBlock(
            kind: .nibbles, metric: metric, dimension: dimension, count: rows, mean: block.mean(rowCount: rows),
            kernels: kernels)
        var scratch = [Float](repeating: 0, count: dimension)
        for row in 0..<rows { codes.encode(row, block.vector(row), scratch: &scratch) }
        return Case(
            block: block, codes: codes, bounds: CodeBounds(codes, floats: block, rowCount: rows, kernels: kernels),
            queries: (0..<Self.queryCount).flatMap { _ in vector() }, kernels: kernels)
    }

    func check(_ made: Case, _ selection: RowSelection, k: Int, _ comment: Comment) {
        let dimension = made.block.dimension
        let found = made.queries.withUnsafeBufferPointer { queries -> [[Neighbor]] in
            guard let base = queries.baseAddress else { return [] }
            return made.codes.nearestExactly(
                k, to: base, queryCount: Self.queryCount, floats: made.block, bounds: made.bounds, in: selection)
        }
        let flat = FlatIndex(
            block: made.block, metric: made.codes.metric, rowCount: selection.rowCount, kernels: made.kernels)
        for q in 0..<Self.queryCount {
            let query = Array(made.queries[q * dimension..<(q + 1) * dimension])
            #expect(
                found[q] == flat.search(query, k: k, allowed: selection.allowed, deleted: selection.deleted), comment)
        }
    }

    @Test(
        "A bounded scan finds exactly the rows that a scan of the floats finds", arguments: metrics,
        [0.05, 0.5, 3] as [Float])
    func findsTheSame(metric: Metric, spread: Float) {
        var generator = SplitMix(seed: 81)
        for kernels in DistanceKernels.available {
            for dimension in [64, 97, 384] {
                let rows = 1_500
                let made = make(metric, rows: rows, dimension: dimension, spread: spread, &generator, kernels)
                var allowed = RowSet(rowCount: rows), deleted = RowSet(rowCount: rows)
                for row in 0..<rows {
                    if generator.next() % 3 == 0 { allowed.insert(row) }
                    if generator.next() % 7 == 0 { deleted.insert(row) }
                }
                for k in [1, 10, 256] {
                    let comment: Comment = "\(kernels.name) \(metric) dimension \(dimension) k \(k)"
                    check(made, RowSelection(rowCount: rows, allowed: nil, deleted: nil), k: k, comment)
                    check(made, RowSelection(rowCount: rows, allowed: allowed, deleted: deleted), k: k, comment)
                    check(made, RowSelection(rowCount: 700, allowed: nil, deleted: deleted), k: k, comment)
                }
            }
        }
    }

    @Test("Bounds that were measured in several steps equal bounds measured in one step", arguments: metrics)
    func boundsInTurns(metric: Metric) {
        var generator = SplitMix(seed: 83)
        let rows = 1_500
        let made = make(metric, rows: rows, dimension: 97, spread: 0.5, &generator)
        var bounds: CodeBounds?
        for end in [0, 64, 700, rows] {
            bounds = CodeBounds(made.codes, floats: made.block, rowCount: end, after: bounds)
        }
        guard let bounds else { return }
        let turned = Case(block: made.block, codes: made.codes, bounds: bounds, queries: made.queries)
        check(turned, RowSelection(rowCount: rows, allowed: nil, deleted: nil), k: 10, "in turns")
    }

    @Test(
        "Copies, rows of zeros and more neighbours than rows give the same answer as a plain scan", arguments: metrics)
    func degenerate(metric: Metric) {
        var generator = SplitMix(seed: 82)
        // Six different rows, repeated many times: hundreds meet every bound, and equal distances are ordered by row.
        let copies = make(metric, rows: 9_000, dimension: 64, spread: 0, &generator)
        check(copies, RowSelection(rowCount: 9_000, allowed: nil, deleted: nil), k: 20, "copies")
        let few = make(metric, rows: 30, dimension: 64, spread: 1, &generator)
        check(few, RowSelection(rowCount: 30, allowed: nil, deleted: nil), k: 100, "few")
        check(few, RowSelection(rowCount: 30, allowed: RowSet(rowCount: 30), deleted: nil), k: 3, "none")
        check(few, RowSelection(rowCount: 30, allowed: nil, deleted: nil), k: 0, "no neighbours")
        let zeros = VectorBlock(dimension: 64, capacity: 40)
        zeros.appendZeros(rows: 40)
        let codes = CodeBlock.encoding(zeros, .nibbles, metric, rowCount: 40, mean: nil)
        let bounds = CodeBounds(codes, floats: zeros, rowCount: 40)
        let made = Case(block: zeros, codes: codes, bounds: bounds, queries: few.queries)
        check(made, RowSelection(rowCount: 40, allowed: nil, deleted: nil), k: 5, "zeros")
    }

    @Test(
        "No row is missed if the squares of components leave the range of floats", arguments: [Metric.dot, .euclidean])
    func extremes(metric: Metric) {
        var generator = SplitMix(seed: 85)
        for (sizeOfRows, sizeOfQueries) in [
            (1e30, 1e-30), (1e-30, 1e30), (1e19, 1), (1, 1e19), (1e-25, 1e-25), (3e37, 1e-3),
        ]
            as [(Float, Float)]
        {
            for share in [1, 0.5, 0.001] {
                let block = VectorBlock(dimension: 64, capacity: 2000)
                for _ in 0..<2000 {
                    let size = Double.random(in: 0..<1, using: &generator) < share ? sizeOfRows : 1
                    generator.floats(64).map { $0 * size }.withUnsafeBufferPointer { block.append($0) }
                }
                let codes = CodeBlock.encoding(
                    block, .nibbles, metric, rowCount: 2000, mean: block.mean(rowCount: 2000))
                let bounds = CodeBounds(codes, floats: block, rowCount: 2000)
                let queries = (0..<Self.queryCount).flatMap { _ in generator.floats(64).map { $0 * sizeOfQueries } }
                check(
                    Case(block: block, codes: codes, bounds: bounds, queries: queries),
                    RowSelection(rowCount: 2000, allowed: nil, deleted: nil), k: 10,
                    "rows of \(sizeOfRows), \(share) of them, queries of \(sizeOfQueries)")
            }
        }
    }

    @Test("The measured error of a code is the one computed in Double, on every instruction set and dimension")
    func errorsAreMeasured() {
        var generator = SplitMix(seed: 83)
        for kernels in DistanceKernels.available {
            for dimension in Array(1...130) + [384, 768, 1536] {
                let vector = generator.floats(dimension)
                var codes = [UInt8](repeating: 0, count: (dimension + 127) / 128 * 64)
                let scale = kernels.table.pointee.encode_nibbles(vector, dimension, &codes)
                var length: Float = 0
                let error = kernels.table.pointee.nibble_error(vector, dimension, codes, scale, &length)
                var lost = 0.0, square = 0.0
                for (i, component) in vector.enumerated() {
                    let byte = codes[i / 128 * 64 + i % 64]
                    let value = Double(scale) * (Double(i % 128 < 64 ? byte & 15 : byte >> 4) - 7.5)
                    lost += (Double(component) - value) * (Double(component) - value)
                    square += value * value
                }
                #expect(abs(Double(error) - lost.squareRoot()) <= 1e-5 * (1 + lost), "\(kernels.name) \(dimension)")
                #expect(
                    abs(Double(length) - square.squareRoot()) <= 1e-5 * (1 + square), "\(kernels.name) \(dimension)")
            }
        }
    }
}
