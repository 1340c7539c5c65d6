import CKernels

// How far a distance by 4-bit codes can be from the distance by floats. With r = x − mean, its code r̂ and the coded
// query q̂, the Cauchy–Schwarz inequality gives:
//
//     |⟨q, r⟩ − ⟨q̂, r̂⟩| = |⟨q, r − r̂⟩ + ⟨q − q̂, r̂⟩| ≤ |q| · |r − r̂| + |q − q̂| · |r̂|
//
// For L2 it is twice as much. |r − r̂| and |r̂| are kept for every row. The error of rounding, in either distance, is
// bounded by the number of terms and the lengths (Higham, Accuracy and Stability of Numerical Algorithms, 3.1).

/// Bounds on the errors of the codes of some rows.
package final class CodeBounds: @unchecked Sendable {
    package let rowCount: Int
    private let codes: CodeBlock
    private let errors: UnsafeMutablePointer<Float>
    private let lengths: UnsafeMutablePointer<Float>
    private let meanLength: Float
    /// The length of the longest row; not finite if the length of some row is not.
    private let longest: Float

    /// Measures the first `rowCount` rows; reads once the floats of the rows that `known` does not cover.
    package init(
        _ codes: CodeBlock, floats: VectorBlock, rowCount: Int, after known: CodeBounds? = nil,
        kernels: DistanceKernels = .best
    ) {
        precondition(codes.kind == .nibbles && codes.dimension == floats.dimension)
        precondition(rowCount <= codes.count && rowCount <= floats.capacity)
        let knownRows = known?.rowCount ?? 0
        precondition(knownRows <= rowCount && known.map { $0.codes === codes } ?? true)
        self.rowCount = rowCount
        self.codes = codes
        errors = .allocate(capacity: max(rowCount, 1))
        lengths = .allocate(capacity: max(rowCount, 1))
        let dimension = codes.dimension
        let (errors, lengths) = (errors, lengths)
        if let known {
            errors.update(from: known.errors, count: knownRows)
            lengths.update(from: known.lengths, count: knownRows)
        }
        longest = withUnsafeTemporaryAllocation(of: Float.self, capacity: dimension) { residual in
            guard let residual = residual.baseAddress else { return 0 }
            var longest = known?.longest ?? 0
            for row in knownRows..<rowCount {
                let vector = floats.vector(row)
                for i in 0..<dimension { residual[i] = vector[i] - codes.mean[i] }
                var length: Float = 0
                errors[row] = kernels.table.pointee.nibble_error(
                    residual, dimension, codes.codes + row * codes.stride, codes.scales[row], &length)
                lengths[row] = length
                // NaN is not less than anything; once the value is not finite, it stays so.
                if longest.isFinite, !(longest >= length + errors[row]) { longest = length + errors[row] }
            }
            return longest
        }
        meanLength = kernels.dot(codes.mean).squareRoot()
    }

    deinit {
        errors.deallocate()
        lengths.deallocate()
    }

    /// A little more than the rounding error of the sums above.
    private static let roundingShare: Float = 1.001

    /// Squares of components a ten-thousandth of this size still have full precision.
    private static let leastLength: Float = 1e-12

    /// The bound for one query; `coded` is `query` as `CodeBlock.query` made it. Nil if the squares of which a length
    /// consists may leave the range of floats: then there is no bound.
    func bound(_ query: UnsafePointer<Float>, _ coded: ck_code_query) -> ck_code_bound? {
        let isL2 = codes.metric == .euclidean
        let step = coded.factor * (isL2 ? 1 : 2)
        var square: Float = 0, difference: Float = 0
        for i in 0..<codes.dimension {
            let component = isL2 ? query[i] - codes.mean[i] : query[i]
            let lost = component - step * Float(Int8(bitPattern: coded.values[i]))
            square += component * component
            difference += lost * lost
        }
        let length = square.squareRoot()
        let terms = Float(codes.dimension + 8) * Float.ulpOfOne
        let size = isL2 ? (length + longest) * (length + longest) : length * (longest + meanLength)
        guard size.isFinite, difference.isFinite, length >= Self.leastLength, longest >= Self.leastLength else {
            return nil
        }
        let factor = (isL2 ? 2 : 1) * Self.roundingShare
        return ck_code_bound(
            errors: errors, lengths: lengths, error: factor * length, length: factor * difference.squareRoot(),
            rest: 2 * terms * size)
    }
}
