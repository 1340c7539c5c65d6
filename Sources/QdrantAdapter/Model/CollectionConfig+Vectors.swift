import VectorEngine

extension CollectionConfig {
    /// The vector as the one called `name` is kept: kind and dimension checked, rounded to the datatype.
    func fitted(_ vector: AnyVector, _ name: String) throws(QdrantFailure) -> AnyVector {
        if usesIDF(name) != nil {
            guard case .sparse = vector else {
                throw .wrongInput("Conversion between sparse and regular vectors failed")
            }
            return vector
        }
        guard let description = self.vector(name) else { throw .noVector(name) }
        switch vector {
        case .sparse: throw .wrongInput("Conversion between sparse and regular vectors failed")
        case .dense(let components):
            if description.isMulti, components.isEmpty {
                var validation = Validation()
                validation.problem("data", "multi vector must not be empty")
                try validation.finish()
            }
            guard components.count == description.size else {
                throw .wrongDimension(expected: description.size, got: components.count)
            }
            let rounded = description.rounded(components)
            return description.isMulti
                ? .multi(MultiVector(dimension: description.size, values: rounded)) : .dense(rounded)
        case .multi(let multi):
            guard description.isMulti else {
                throw .wrongInput("Conversion between multi and regular vectors failed")
            }
            guard multi.dimension == description.size else {
                throw .wrongDimension(expected: description.size, got: multi.dimension)
            }
            return .multi(MultiVector(dimension: multi.dimension, values: description.rounded(multi.values)))
        }
    }
}
