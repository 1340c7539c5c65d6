import Vectors

/// A vector of any kind.
package enum AnyVector: Sendable, Equatable {
    case dense([Float])
    case sparse(SparseVector)
    case multi(MultiVector)
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

extension PointVectors {
    /// The vector of that name, whatever its kind.
    package func any(_ name: String) -> AnyVector? {
        dense[name].map(AnyVector.dense) ?? sparse[name].map(AnyVector.sparse) ?? multi[name].map(AnyVector.multi)
    }
}
