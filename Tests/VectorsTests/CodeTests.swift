import CKernels
import TestSupport
import Testing
import Vectors

/// Rows and queries as codes, compared with arithmetic in Double and between the instruction sets.
@Suite struct CodeTests {
    static let dimensions = Array(1...130) + [384, 768, 1536]
    static let rows = 9

    struct Case {
        let codes: CodeBlock
        let vectors: [[Float]]
    }

    func make(
        _ kind: CodeKind, _ metric: Metric, dimension: Int, _ kernels: DistanceKernels, _ generator: inout SplitMix
    ) -> Case {
        let vectors = (0..<Self.rows).map { _ in generator.floats(dimension) }
        let mean = kind == .nibbles || metric == .euclidean ? generator.floats(dimension).map { $0 / 8 } : nil
        let codes = CodeBlock(
            kind: kind, metric: metric, dimension: dimension, count: Self.rows, mean: mean, kernels: kernels)
        var scratch = [Float](repeating: 0, count: dimension)
        for (row, vector) in vectors.enumerated() { codes.encode(row, vector, scratch: &scratch) }
        return Case(codes: codes, vectors: vectors)
    }

    func score(_ codes: CodeBlock, _ query: ck_code_query, _ rows: [UInt32]) -> [Float] {
        var out = [Float](repeating: .nan, count: rows.count)
        var query = query
        CodeScorer(query: &query, block: codes).score(rows, rows.count, &out)
        return out
    }

    func withQuery<Result>(_ codes: CodeBlock, _ vector: [Float], _ body: (ck_code_query) -> Result) -> Result {
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: codes.queryBytes, alignment: 64)
        defer { buffer.deallocate() }
        return body(codes.query(vector, buffer))
    }

    /// The vector that the codes of one row represent, read byte by byte in the layout of ckernels.h.
    func decoded(_ codes: CodeBlock, _ row: Int) -> [Double] {
        (0..<codes.dimension).map { i in
            let value: Double
            if codes.kind == .nibbles {
                let byte = codes.codes[row * codes.stride + i / 128 * 64 + i % 64]
                value = Double(i % 128 < 64 ? byte & 15 : byte >> 4) - 7.5
            } else {
                value = Double(codes.codes[row * codes.stride + i]) - 128
            }
            return value * Double(codes.scales[row])
        }
    }

    @Test(
        "The least distance to some rows is the least of their scores, or of the fours up to the first near enough one",
        arguments: [Metric.cosine, .dot, .euclidean], [65, 384, 768])
    func nearestIsTheLeastScore(metric: Metric, dimension: Int) {
        var generator = SplitMix(seed: 73)
        let rows: [UInt32] = [8, 0, 3, 7, 1, 2, 6, 5, 4]
        for kernels in DistanceKernels.available {
            let made = make(.bytes, metric, dimension: dimension, kernels, &generator)
            var query = made.codes.query(row: 3)
            let scores = score(made.codes, query, rows)
            for count in 0...rows.count {
                for enough in [-Float.infinity, scores[1] + 1e-3, .infinity] {
                    var end = 0
                    while end < count, !(scores[..<end].min().map { $0 < enough } ?? false) {
                        end = min(end + 4, count)
                    }
                    let wanted = scores[..<end].min() ?? .infinity
                    let found = kernels.table.pointee.nearest_bytes(
                        &query, made.codes.layout, rows, count, enough)
                    #expect(found == wanted, "\(kernels.name), \(count) rows, enough \(enough)")
                }
            }
        }
    }

    @Test(
        "Scores equal those of the decoded rows, on every instruction set and dimension, with rows in any order",
        arguments: [CodeKind.nibbles, .bytes], [Metric.cosine, .dot, .euclidean])
    func scoresAreThoseOfTheCodes(kind: CodeKind, metric: Metric) {
        var generator = SplitMix(seed: 71)
        let rows: [UInt32] = [8, 0, 3, 3, 7, 1, 2, 6, 5, 4, 8]
        for kernels in DistanceKernels.available {
            for dimension in Self.dimensions {
                let made = make(kind, metric, dimension: dimension, kernels, &generator)
                let query = generator.floats(dimension)
                for count in [1, 2, 3, 4, 5, rows.count] {
                    let asked = Array(rows.prefix(count))
                    let found = withQuery(made.codes, query) { score(made.codes, $0, asked) }
                    for (distance, row) in zip(found, asked) {
                        let (wanted, size) = distanceByCodes(made.codes, query, Int(row))
                        // The query is rounded to 127 steps of its largest component.
                        #expect(
                            abs(Double(distance) - wanted) <= size / 200 + 1e-4,
                            "\(kernels.name) \(kind) \(metric) dimension \(dimension) row \(row)")
                    }
                }
            }
        }
    }

    /// The distance of the decoded row, and the sum of the magnitudes of its terms.
    func distanceByCodes(_ codes: CodeBlock, _ query: [Float], _ row: Int) -> (distance: Double, size: Double) {
        let decoded = decoded(codes, row)
        let mean = codes.mean.map(Double.init)
        if codes.metric == .euclidean {
            let centred = zip(query, mean).map { Double($0) - $1 }
            let base = centred.reduce(0) { $0 + $1 * $1 }
            let product = zip(centred, decoded).reduce(0) { $0 + $1.0 * $1.1 }
            let largest = centred.map(abs).max() ?? 0
            return (
                base + Double(codes.biases?[row] ?? .nan) - 2 * product,
                2 * largest * decoded.reduce(0) { $0 + abs($1) }
            )
        }
        let product = zip(query, decoded).reduce(0) { $0 + Double($1.0) * $1.1 }
        let base = zip(query, mean).reduce(0) { $0 + Double($1.0) * $1.1 }
        let largest = query.map { Double(abs($0)) }.max() ?? 0
        return (-base - product, largest * decoded.reduce(0) { $0 + abs($1) })
    }

    @Test("Every instruction set codes the same vectors to the same bytes, within one step of rounding")
    func codesAgree() {
        for kind in [CodeKind.nibbles, .bytes] {
            for dimension in [1, 63, 64, 65, 127, 128, 129, 384] {
                let blocks = DistanceKernels.available.map { kernels -> CodeBlock in
                    var generator = SplitMix(seed: 72)
                    return make(kind, .dot, dimension: dimension, kernels, &generator).codes
                }
                for block in blocks.dropFirst() {
                    for row in 0..<Self.rows {
                        let ratio = block.scales[row] / blocks[0].scales[row]
                        #expect(abs(ratio - 1) < 1e-3, "\(kind) \(dimension)")
                    }
                }
            }
        }
    }

    @Test(
        "A row as the query gives the same scores as its codes given as a vector",
        arguments: [Metric.cosine, .dot, .euclidean])
    func rowsAsQueries(metric: Metric) {
        var generator = SplitMix(seed: 73)
        for kernels in DistanceKernels.available {
            for dimension in [1, 64, 65, 200, 384] {
                let made = make(.bytes, metric, dimension: dimension, kernels, &generator)
                for row in 0..<Self.rows {
                    let found = score(made.codes, made.codes.query(row: row), Array(0..<UInt32(Self.rows)))
                    let own = decoded(made.codes, row)
                    for other in 0..<Self.rows {
                        let product = zip(own, decoded(made.codes, other)).reduce(0) { $0 + $1.0 * $1.1 }
                        let biases = made.codes.biases.map { Double($0[row]) + Double($0[other]) } ?? 0
                        let wanted = metric == .euclidean ? biases - 2 * product : -product
                        #expect(abs(Double(found[other]) - wanted) <= 1e-4 * (1 + abs(product)), "\(dimension)")
                    }
                }
            }
        }
    }

    @Test(
        "Of a thousand rows the true nearest is among the first ten by bytes and the first twenty by nibbles")
    func codesKeepTheOrder() {
        var generator = SplitMix(seed: 74)
        let dimension = 384
        let block = VectorBlock(dimension: dimension, capacity: 1000)
        for _ in 0..<1000 {
            let vector = normalized(generator.floats(dimension)) ?? []
            vector.withUnsafeBufferPointer { block.append($0) }
        }
        let flat = FlatIndex(block: block, metric: .cosine, rowCount: 1000)
        for (kind, depth) in [(CodeKind.bytes, 10), (.nibbles, 20)] {
            let codes = CodeBlock.encoding(
                block, kind, .cosine, rowCount: 1000, mean: kind == .nibbles ? block.mean(rowCount: 1000) : nil)
            for _ in 0..<50 {
                let query = normalized(generator.floats(dimension)) ?? []
                let nearest = flat.search(query, k: 1, allowed: nil, deleted: nil).first?.row
                let found = withQuery(codes, query) { coded -> [Neighbor] in
                    var coded = coded
                    return SketchedScorer(codes: CodeScorer(query: &coded, block: codes))
                        .nearest(depth, in: RowSelection(rowCount: 1000, allowed: nil, deleted: nil))
                }
                #expect(found.map(\.row).contains(nearest ?? .max), "\(kind)")
            }
        }
    }

    @Test("A vector of zeros can be coded, and its code scores like a vector of zeros")
    func zeros() {
        for kernels in DistanceKernels.available {
            for kind in [CodeKind.nibbles, .bytes] {
                let codes = CodeBlock(kind: kind, metric: .dot, dimension: 70, count: 1, kernels: kernels)
                var scratch = [Float](repeating: 0, count: 70)
                codes.encode(0, [Float](repeating: 0, count: 70), scratch: &scratch)
                let found = withQuery(codes, [Float](repeating: 1, count: 70)) { score(codes, $0, [0]) }
                #expect(found == [0])
                let zeroQuery = withQuery(codes, [Float](repeating: 0, count: 70)) { score(codes, $0, [0]) }
                #expect(zeroQuery == [0])
            }
        }
    }
}
