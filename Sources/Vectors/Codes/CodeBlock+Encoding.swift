extension VectorBlock {
    /// Rows over which the mean is taken; more rows change it by less than a code's step.
    private static let meanRows = 16_384

    /// The mean of the first `rowCount` rows, or of `meanRows` rows spread over them.
    package func mean(rowCount: Int) -> [Float] {
        var sums = [Double](repeating: 0, count: dimension)
        let step = max(1, rowCount / Self.meanRows)
        var counted = 0
        for row in Swift.stride(from: 0, to: rowCount, by: step) {
            let vector = vector(row)
            for i in 0..<dimension { sums[i] += Double(vector[i]) }
            counted += 1
        }
        return sums.map { Float($0 / Double(max(counted, 1))) }
    }
}

extension CodeBlock {
    /// Codes of the first `rowCount` rows of `block`.
    ///
    /// - Parameter mean: nil subtracts the mean for L2 coded in bytes, and nothing otherwise.
    package static func encoding(
        _ block: VectorBlock, _ kind: CodeKind, _ metric: Metric, rowCount: Int, mean: [Float]?
    ) -> CodeBlock {
        let mean = mean ?? (metric == .euclidean ? block.mean(rowCount: rowCount) : nil)
        let codes = CodeBlock(kind: kind, metric: metric, dimension: block.dimension, count: rowCount, mean: mean)
        codes.encode(0..<rowCount, of: block)
        return codes
    }

    /// Codes `rows` of `block`. Several threads may encode different rows at the same time.
    package func encode(_ rows: Range<Int>, of block: VectorBlock) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: dimension) { scratch in
            guard let scratch = scratch.baseAddress else { return }
            for row in rows { encode(row, block.vector(row), scratch: scratch) }
        }
    }
}
