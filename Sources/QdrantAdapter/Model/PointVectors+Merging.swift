import VectorEngine

extension PointVectors {
    /// Takes over the vectors of `others`, in the place of its own of these names.
    mutating func merge(_ others: PointVectors) {
        dense.merge(others.dense) { $1 }
        sparse.merge(others.sparse) { $1 }
        multi.merge(others.multi) { $1 }
    }
}
