import CKernels
import TestSupport
import Testing
import Vectors

/// Tables of the rows at which queries begin.
@Suite struct EntryTableTests {
    static let rows = 1000

    struct Entries {
        let codes: CodeBlock
        let sketches: SketchBlock?
        let vectors: [[Float]]

        /// The rows that `table` returns for `vector`.
        func found(_ table: EntryTable, for vector: [Float]) -> [UInt32] {
            let buffer = UnsafeMutableRawPointer.allocate(byteCount: codes.queryBytes, alignment: 64)
            defer { buffer.deallocate() }
            var coded = codes.query(vector, buffer)
            var planes = [UInt64](repeating: 0, count: SketchBlock.planeWords(dimension: codes.dimension))
            var found = [UInt32](repeating: .max, count: EntryTable.mostGroups + 1)
            let count = planes.withUnsafeMutableBufferPointer { planes in
                guard let sketches, let start = planes.baseAddress else { return table.nearest(&coded, nil, &found) }
                var query = sketches.query(coded, start)
                return table.nearest(&coded, &query, &found)
            }
            #expect(found[count...].allSatisfy { $0 == .max }, "it writes no more rows than it returns")
            return Array(found[..<count])
        }

        /// The distance of `row` by sketches or codes, as the table compares it.
        func distance(_ row: UInt32, to vector: [Float]) -> Float {
            let buffer = UnsafeMutableRawPointer.allocate(byteCount: codes.queryBytes, alignment: 64)
            defer { buffer.deallocate() }
            var coded = codes.query(vector, buffer)
            guard let sketches else { return CodeScorer(query: &coded, block: codes).distance(row) }
            var planes = [UInt64](repeating: 0, count: SketchBlock.planeWords(dimension: codes.dimension))
            return planes.withUnsafeMutableBufferPointer { planes in
                planes.baseAddress.map { sketches.estimate(Int(row), sketches.query(coded, $0)).distance } ?? .nan
            }
        }
    }

    /// Random vectors of length 1, with sketches or without.
    func entries(_ metric: Metric, dimension: Int, kernels: DistanceKernels, sketched: Bool) throws -> Entries {
        var generator = SplitMix(seed: 23)
        let codes = CodeBlock(
            kind: .nibbles, metric: metric, dimension: dimension, count: Self.rows,
            mean: generator.floats(dimension).map { $0 / 8 }, kernels: kernels)
        var scratch = [Float](repeating: 0, count: dimension)
        let vectors = (0..<Self.rows).map { _ in
            let vector = generator.floats(dimension)
            let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return vector.map { $0 / length }
        }
        for (row, vector) in vectors.enumerated() { codes.encode(row, vector, scratch: &scratch) }
        let sketches = sketched ? SketchBlock(codes) : nil
        try #require((sketches != nil) == sketched)
        return Entries(codes: codes, sketches: sketches, vectors: vectors)
    }

    @Test(
        "A small table returns the nearest of its rows, on every instruction set",
        arguments: [Metric.cosine, .dot, .euclidean], [true, false])
    func smallTable(metric: Metric, sketched: Bool) throws {
        for kernels in DistanceKernels.available {
            let all = try entries(metric, dimension: 384, kernels: kernels, sketched: sketched)
            for count in [1, 2, 5, 16, 63, 192] {
                let chosen = (0..<UInt32(count)).map { $0 * 5 + 3 }
                let table = EntryTable(chosen, of: all.codes, all.sketches)
                for vector in all.vectors.prefix(20) {
                    let found = all.found(table, for: vector)
                    let least = chosen.map { all.distance($0, to: vector) }.min() ?? .nan
                    #expect(found.count == 1 && chosen.contains(found[0]))
                    #expect(
                        abs(all.distance(found[0], to: vector) - least) <= 1e-4 * max(1, abs(least)),
                        "\(kernels.name), \(count) rows")
                }
            }
        }
    }

    @Test(
        "A large table returns a row of each group it compares, the nearest first, and finds most of its own rows",
        arguments: [Metric.cosine, .dot, .euclidean], [true, false])
    func largeTable(metric: Metric, sketched: Bool) throws {
        for kernels in DistanceKernels.available {
            let all = try entries(metric, dimension: 384, kernels: kernels, sketched: sketched)
            let chosen = (0..<UInt32(Self.rows)).filter { !$0.isMultiple(of: 5) }
            let table = EntryTable(chosen, of: all.codes, all.sketches)
            var met = 0
            for row in chosen {
                let found = all.found(table, for: all.vectors[Int(row)])
                #expect((1...EntryTable.mostGroups).contains(found.count) && Set(found).count == found.count)
                #expect(found.allSatisfy { chosen.contains($0) })
                let distances = found.map { all.distance($0, to: all.vectors[Int(row)]) }
                #expect(distances[0] <= (distances.min() ?? .nan) + 1e-4)
                met += found[0] == row ? 1 : 0
            }
            // At random it would be one row in eight hundred.
            #expect(met > chosen.count / 3, "\(kernels.name): \(met) of \(chosen.count)")
        }
    }

    @Test("A table of equal rows returns some of them", arguments: [true, false])
    func rowsThatAreAlike(sketched: Bool) throws {
        let all = try entries(.cosine, dimension: 384, kernels: .best, sketched: sketched)
        let table = EntryTable(Array(repeating: 7, count: 300), of: all.codes, all.sketches)
        #expect(all.found(table, for: all.vectors[0]).allSatisfy { $0 == 7 })
    }
}
