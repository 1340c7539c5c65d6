import CKernels
import TestSupport
import Testing
import Vectors

/// Sketches of coded rows, compared with the codes from which they are made.
@Suite struct SketchTests {
    static let rows = 400
    static let loud = 3

    /// Codes of random rows and their sketches; the first `loud` components are `loudness` times as large as others.
    func make(
        _ metric: Metric, dimension: Int, kernels: DistanceKernels = .best, seed: UInt64 = 5, loudness: Float = 1
    ) throws -> (codes: CodeBlock, sketches: SketchBlock?) {
        var generator = SplitMix(seed: seed)
        let mean = generator.floats(dimension).map { $0 / 8 }
        let codes = CodeBlock(
            kind: .nibbles, metric: metric, dimension: dimension, count: Self.rows, mean: mean, kernels: kernels)
        var scratch = [Float](repeating: 0, count: dimension)
        for row in 0..<Self.rows {
            var vector = generator.floats(dimension)
            for i in 0..<Self.loud { vector[i] *= loudness }
            codes.encode(row, vector, scratch: &scratch)
        }
        return (codes, SketchBlock(codes))
    }

    func withQuery<Result>(
        _ sketches: SketchBlock, _ vector: [Float], _ body: (ck_code_query, ck_sketch_query) -> Result
    ) -> Result {
        let codes = sketches.codes
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: codes.queryBytes, alignment: 64)
        let planes = UnsafeMutablePointer<UInt64>.allocate(
            capacity: SketchBlock.planeWords(dimension: codes.dimension))
        defer {
            buffer.deallocate()
            planes.deallocate()
        }
        let coded = codes.query(vector, buffer)
        return body(coded, sketches.query(coded, planes))
    }

    @Test(
        "Winnowing keeps the rows whose estimates are within the limit, in order, on every instruction set",
        arguments: [Metric.cosine, .dot, .euclidean], [257, 384, 500, 768, 1536])
    func winnowingFollowsTheEstimates(metric: Metric, dimension: Int) throws {
        for kernels in DistanceKernels.available {
            let sketches = try #require(try make(metric, dimension: dimension, kernels: kernels).sketches)
            var generator = SplitMix(seed: 9)
            withQuery(sketches, generator.floats(dimension)) { _, query in
                let least = (0..<Self.rows).map { row in
                    let (distance, error) = sketches.estimate(row, query)
                    return distance - query.slack * error
                }
                let ordered = least.sorted()
                for count in [0, 1, 2, 3, 4, 5, 11, Self.rows] {
                    // Halfway between two estimates, so that rounding does not matter.
                    let limit = (ordered[Self.rows / 3] + ordered[Self.rows / 3 + 1]) / 2
                    let asked = (0..<count).map { UInt32(($0 * 7) % Self.rows) }
                    var rows = asked + [9, 9, 9]
                    var query = query
                    let kept = kernels.table.pointee.winnow(&query, sketches.layout, &rows, count, limit)
                    let expected = asked.filter { least[Int($0)] <= limit }
                    #expect(Array(rows.prefix(kept)) == expected, "\(kernels.name), \(count) rows")
                }
            }
        }
    }

    @Test(
        "Estimates of some rows are the same on every instruction set",
        arguments: [Metric.cosine, .dot, .euclidean], [257, 384, 500, 1536])
    func estimatesOfManyRows(metric: Metric, dimension: Int) throws {
        for kernels in DistanceKernels.available {
            let sketches = try #require(try make(metric, dimension: dimension, kernels: kernels).sketches)
            var generator = SplitMix(seed: 15)
            withQuery(sketches, generator.floats(dimension)) { _, query in
                var query = query
                for count in [0, 1, 2, 3, 4, 5, 11, Self.rows] {
                    let rows = (0..<count).map { UInt32(($0 * 7 + 1) % Self.rows) }
                    let expected = rows.map { sketches.estimate(Int($0), query).distance }
                    var found = [Float](repeating: .nan, count: count + 1)
                    kernels.table.pointee.estimate_rows(&query, sketches.layout, rows, count, &found)
                    #expect(found[count].isNaN, "\(kernels.name) writes beyond \(count) rows")
                    for (one, other) in zip(found, expected) {
                        #expect(abs(one - other) <= 1e-4 * max(1, abs(other)), "\(kernels.name), \(count) rows")
                    }
                }
            }
        }
    }

    @Test("Winnowing to a number of rows keeps those with the least estimates", arguments: [Metric.dot, .euclidean])
    func winnowingToANumber(metric: Metric) throws {
        let (codes, drawn) = try make(metric, dimension: 384)
        let sketches = try #require(drawn)
        var generator = SplitMix(seed: 21)
        withQuery(sketches, generator.floats(384)) { coded, query in
            var (coded, query) = (coded, query)
            let scorer = SketchedScorer(
                codes: CodeScorer(query: &coded, block: codes), sketches: sketches, query: &query)
            for (count, wanted) in [(48, 12), (48, 48), (5, 12), (1, 1), (0, 3), (48, 0)] {
                var rows = (0..<count).map { UInt32(($0 * 5 + 2) % Self.rows) }
                let ordered = rows.sorted {
                    sketches.estimate(Int($0), query).distance < sketches.estimate(Int($1), query).distance
                }
                let kept = scorer.winnow(&rows, count, toNearest: wanted)
                #expect(kept == min(count, wanted))
                #expect(Set(rows.prefix(kept)) == Set(ordered.prefix(wanted)), "\(wanted) of \(count)")
            }
        }
    }

    @Test(
        "Scales and biases read from sketches give the same distances", arguments: [Metric.cosine, .dot, .euclidean])
    func distancesBesideSketches(metric: Metric) throws {
        for kernels in DistanceKernels.available {
            let (codes, drawn) = try make(metric, dimension: 500, kernels: kernels)
            let sketches = try #require(drawn)
            var generator = SplitMix(seed: 27)
            withQuery(sketches, generator.floats(500)) { coded, query in
                var (coded, query) = (coded, query)
                let rows = (0..<UInt32(Self.rows)).map { $0 }
                var plain = [Float](repeating: 0, count: Self.rows), beside = plain
                let scorer = CodeScorer(query: &coded, block: codes)
                scorer.score(rows, Self.rows, &plain)
                SketchedScorer(codes: scorer, sketches: sketches, query: &query).score(rows, Self.rows, &beside)
                #expect(plain == beside, "\(kernels.name)")
            }
        }
    }

    @Test(
        "Errors of estimates have the stated spread and no bias, also if a few components are large",
        arguments: [Metric.cosine, .dot, .euclidean], [Float(1), 2])
    func estimatesAreAsGoodAsTheySay(metric: Metric, loudness: Float) throws {
        let (codes, drawn) = try make(metric, dimension: 384, loudness: loudness)
        let sketches = try #require(drawn)
        var generator = SplitMix(seed: 31)
        var sum = 0.0, beyond = 0, counted = 0
        for _ in 0..<20 {
            var vector = generator.floats(384)
            for i in 0..<Self.loud { vector[i] *= loudness }
            withQuery(sketches, vector) { coded, query in
                var coded = coded
                let scorer = CodeScorer(query: &coded, block: codes)
                for row in 0..<Self.rows {
                    let (distance, error) = sketches.estimate(row, query)
                    let off = (distance - scorer.distance(UInt32(row))) / (query.slack * error)
                    sum += Double(off)
                    beyond += abs(off) > 1 ? 1 : 0
                    counted += 1
                }
            }
        }
        #expect(abs(sum / Double(counted)) < 0.1)
        // Two standard deviations; one value in twenty of a normal distribution is outside.
        #expect(Double(beyond) / Double(counted) < 0.1)
    }

    @Test("Rows have no sketches if sketches would not save reads")
    func sketchesThatSpareNothing() throws {
        #expect(try make(.cosine, dimension: 256).sketches == nil, "two lines of code, one of sketch")
        let same = CodeBlock(kind: .nibbles, metric: .dot, dimension: 384, count: 10)
        #expect(SketchBlock(same) == nil, "rows of zeros")
        #expect(try make(.dot, dimension: 384, loudness: 40).sketches == nil, "three components decide everything")
        #expect(SketchBlock(CodeBlock(kind: .nibbles, metric: .dot, dimension: 384, count: 0)) == nil)
        #expect(SketchBlock(CodeBlock(kind: .bytes, metric: .dot, dimension: 384, count: 10)) == nil)
    }

    @Test("A scan with sketches finds the same rows as a scan without, except for one row in a hundred")
    func scansAgree() throws {
        let (codes, drawn) = try make(.cosine, dimension: 384, seed: 77)
        let sketches = try #require(drawn)
        var generator = SplitMix(seed: 3)
        var missed = 0, wanted = 0
        for _ in 0..<50 {
            withQuery(sketches, generator.floats(384)) { coded, query in
                var (coded, query) = (coded, query)
                let all = RowSelection(rowCount: Self.rows, allowed: nil, deleted: nil)
                let scorer = CodeScorer(query: &coded, block: codes)
                let plain = SketchedScorer(codes: scorer).nearest(20, in: all)
                let quick = SketchedScorer(codes: scorer, sketches: sketches, query: &query).nearest(20, in: all)
                #expect(quick.count == plain.count)
                missed += Set(plain.map(\.row)).subtracting(quick.map(\.row)).count
                wanted += plain.count
            }
        }
        #expect(missed * 100 <= wanted, "\(missed) of \(wanted)")
    }
}
