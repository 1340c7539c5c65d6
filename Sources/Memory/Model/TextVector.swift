/// Arithmetic on the vectors of texts, which have length 1.
enum TextVector {
    /// The cosine of two vectors of length 1 and of the same dimension.
    static func cosine(_ a: [Float], _ b: [Float]) -> Double {
        var sum: Float = 0
        for (x, y) in zip(a, b) { sum += x * y }
        return Double(sum)
    }

    /// The unit vector in the direction of `a + b`; `a` where they cancel each other out.
    static func normalisedSum(_ a: [Float], _ b: [Float]) -> [Float] {
        let sum = zip(a, b).map { $0 + $1 }
        let norm = sum.reduce(into: Float(0)) { $0 += $1 * $1 }.squareRoot()
        return norm > 1e-6 && norm.isFinite ? sum.map { $0 / norm } : a
    }
}
