import ArgumentParser
import CKernels
import Foundation
import Vectors

/// `Bench kernels`: nanoseconds a distance, for each instruction set of the machine and several dimensions.
struct KernelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels", abstract: "Measures nanoseconds a distance per instruction set.",
        discussion: """
            "cached" scores the same 16 rows again and again; "random" scores rows of a block that fits no second \
            cache, in random order, four a call, without prefetch.
            """)

    @Option(help: "Dimensions, separated by commas.") var dimensions = "384,768,1536"
    @Option(help: "MiB of vectors the random rows are drawn from.") var mebibytes = 256

    @Option(help: "Queries scored together in the batch measurement; 0 leaves it out.") var queries = 64

    func run() throws {
        guard (0...4096).contains(queries) else { throw ValidationError("\(queries) queries are out of range") }
        let list = try dimensions.split(separator: ",").map { text in
            guard let value = Int(text.trimmingCharacters(in: .whitespaces)), (1...65_536).contains(value) else {
                throw ValidationError("\(text) is no dimension")
            }
            return value
        }
        guard (1...65_536).contains(mebibytes) else { throw ValidationError("\(mebibytes) MiB are out of range") }
        print("dim   set       metric     cached ns  random ns")
        for dimension in list {
            let bench = RowsBench(dimension: dimension, byteCount: mebibytes << 20)
            for kernels in DistanceKernels.available {
                for metric in [Metric.dot, .euclidean, .manhattan] {
                    let (cached, random) = bench.measure(kernels, metric)
                    print(
                        "\(dimension)".padded(6) + kernels.name.padded(10) + metric.rawValue.padded(11)
                            + String(format: "%9.1f  %9.1f", cached, random))
                }
            }
            guard queries > 0 else { continue }
            for scoring in BatchScoring.allCases {
                let time = bench.measureBatch(scoring, queries: queries)
                print(
                    "\(dimension)".padded(6) + "\(queries) queries by \(scoring): "
                        + String(format: "%.1f ns a pair", time))
            }
        }
    }
}

extension String {
    fileprivate func padded(_ width: Int) -> String { padding(toLength: width, withPad: " ", startingAt: 0) }
}

/// One block of random vectors and the two orders in which its rows are scored.
private struct RowsBench {
    private let block: VectorBlock
    private let random: [UInt32]
    private static let cachedRows = 16

    init(dimension: Int, byteCount: Int) {
        let rowCount = max(byteCount / (4 * dimension), Self.cachedRows)
        let block = VectorBlock(dimension: dimension, capacity: rowCount)
        var generator = SystemRandomNumberGenerator()
        var vector = [Float](repeating: 0, count: dimension)
        for _ in 0..<rowCount {
            for j in vector.indices { vector[j] = Float(UInt8.random(in: 0...255, using: &generator)) / 255 - 0.5 }
            vector.withUnsafeBufferPointer { block.append($0) }
        }
        self.block = block
        random = (0..<40_000).map { _ in UInt32.random(in: 0..<UInt32(rowCount), using: &generator) }
    }

    /// Nanoseconds a distance, the better of five runs.
    func measure(_ kernels: DistanceKernels, _ metric: Metric) -> (cached: Double, random: Double) {
        let score = kernels.rows(metric)
        let near = (0..<UInt32(random.count)).map { $0 % UInt32(Self.cachedRows) }
        return (run(score, near), run(score, random))
    }

    /// Nanoseconds a (query, row) pair of an exact batch, the better of three runs.
    func measureBatch(_ scoring: BatchScoring, queries: Int) -> Double {
        let index = FlatIndex(block: block, metric: .dot, rowCount: min(block.count, 20_000))
        guard queries <= block.count else { return .nan }
        let batch = UnsafeBufferPointer(start: block.vector(0), count: queries * block.dimension)
        var best = Double.infinity
        let clock = ContinuousClock()
        for _ in 0..<3 {
            let began = clock.now
            _ = index.searchBatch(batch, queryCount: queries, k: 10, scoring: scoring)
            best = min(best, seconds(clock.now - began) * 1e9 / Double(queries * index.rowCount))
        }
        return best
    }

    private func run(_ score: ck_rows_fn, _ order: [UInt32]) -> Double {
        var best = Double.infinity
        var out: [Float] = [0, 0, 0, 0]
        let clock = ContinuousClock()
        for _ in 0..<5 {
            let began = clock.now
            order.withUnsafeBufferPointer { rows in
                guard let base = rows.baseAddress else { return }
                for i in stride(from: 0, to: rows.count, by: 4) {
                    score(block.vector(0), block.base, block.dimension, base + i, 4, &out)
                }
            }
            best = min(best, seconds(clock.now - began) * 1e9 / Double(order.count))
        }
        return best
    }
}
