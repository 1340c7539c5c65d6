import JSON
import VectorEngine

/// Vectors as the wire writes them, checked against a collection's configuration.
enum WireVector {
    /// A point's vectors: an array (unnamed), or a map from names to arrays, arrays of arrays and sparse objects.
    static func vectors(_ value: JSONValue, _ config: CollectionConfig) throws(QdrantFailure) -> PointVectors {
        var vectors = PointVectors()
        switch value {
        case .array: try add(value, "", config, to: &vectors)
        case .object(let members):
            try refuseInference(value)
            for (name, one) in members { try add(one, name, config, to: &vectors) }
        default: throw mismatch("VectorStruct")
        }
        return vectors
    }

    private static func mismatch(_ name: String) -> QdrantFailure {
        .format("data did not match any variant of untagged enum \(name)")
    }

    private static func refuseInference(_ value: JSONValue) throws(QdrantFailure) {
        guard value["model"]?.stringValue != nil,
            ["text", "image", "object"].contains(where: { value[$0] != nil })
        else { return }
        throw QdrantFailure.internalError(
            "InferenceService is not initialized. Please check if it was properly configured and initialized during "
                + "startup."
        )
    }

    private static func add(
        _ value: JSONValue, _ name: String, _ config: CollectionConfig, to vectors: inout PointVectors
    ) throws(QdrantFailure) {
        switch try config.fitted(read(value), name) {
        case .dense(let vector): vectors.dense[name] = vector
        case .sparse(let vector): vectors.sparse[name] = vector
        case .multi(let vector): vectors.multi[name] = vector
        }
    }

    /// One vector of whatever kind it is written as.
    static func read(_ value: JSONValue) throws(QdrantFailure) -> AnyVector {
        switch value {
        case .array(let elements):
            if elements.first?.arrayValue != nil { return .multi(try multi(elements)) }
            var dense: [Float] = []
            dense.reserveCapacity(elements.count)
            for element in elements { dense.append(try element.component()) }
            return .dense(dense)
        case .object:
            try refuseInference(value)
            return .sparse(try sparse(value))
        default: throw mismatch("Vector")
        }
    }

    private static func multi(_ rows: [JSONValue]) throws(QdrantFailure) -> MultiVector {
        var values: [Float] = []
        var dimension = 0
        for row in rows {
            guard let elements = row.arrayValue else { throw mismatch("Vector") }
            var validation = Validation()
            if elements.isEmpty { validation.problem("data", "all vectors must be non-empty") }
            if dimension > 0, elements.count != dimension, !elements.isEmpty {
                validation.problem(
                    "data", "all vectors must have the same dimension, found vector with dimension \(elements.count)")
            }
            try validation.finish()
            dimension = elements.count
            for element in elements { values.append(try element.component()) }
        }
        return MultiVector(dimension: dimension, values: values)
    }

    private static func sparse(_ value: JSONValue) throws(QdrantFailure) -> SparseVector {
        guard let indices = try value.array("indices"), let values = try value.array("values") else {
            throw mismatch("Vector")
        }
        var validation = Validation()
        if indices.count != values.count {
            validation.problem("values", "must be the same length as indices")
            try validation.finish()
        }
        var entries: [(index: UInt32, value: Float)] = []
        var seen: Set<UInt32> = []
        for (index, weight) in zip(indices, values) {
            guard case .integer(let number) = index, let index = UInt32(exactly: number) else {
                throw .format("invalid value: expected u32")
            }
            if !seen.insert(index).inserted {
                validation.problem("indices", "must be unique")
                try validation.finish()
            }
            entries.append((index, try weight.component()))
        }
        return SparseVector(sorting: entries)
    }
}
