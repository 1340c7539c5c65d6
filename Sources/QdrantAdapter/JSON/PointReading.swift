import JSON
import VectorEngine

/// Points to be written, as `points` or `batch` bring them.
enum PointReading {
    /// Points of one request.
    static let maximumPoints = EngineLimits.pointsPerCall

    static func points(_ body: JSONValue, _ config: CollectionConfig) throws(QdrantFailure) -> [Point] {
        if let batch = body.optional("batch") { return try columns(batch, config) }
        guard let list = try body.array("points") else {
            throw .format("data did not match any variant of untagged enum PointInsertOperations")
        }
        return try list.map { value throws(QdrantFailure) in try point(value, config) }
    }

    private static func point(_ value: JSONValue, _ config: CollectionConfig) throws(QdrantFailure) -> Point {
        guard value.objectValue != nil else {
            throw .format("invalid type: \(value.typeName), expected struct PointStruct")
        }
        let id = try WireID.read(try value.required("id"))
        let vectors = try WireVector.vectors(try value.required("vector"), config)
        return Point(id: id, vectors: vectors, payload: try payload(value.optional("payload")))
    }

    static func payload(_ value: JSONValue?) throws(QdrantFailure) -> Payload {
        guard let value, !value.isNull else { return .empty }
        guard case .object(let members) = value else {
            throw .format("invalid type: \(value.typeName), expected a map")
        }
        return Payload(members)
    }

    /// `{ids, vectors, payloads}`: parallel columns.
    private static func columns(_ batch: JSONValue, _ config: CollectionConfig) throws(QdrantFailure) -> [Point] {
        guard let idList = batch.optional("ids") else { throw .format("missing field `ids`") }
        let ids = try WireID.list(idList)
        let vectors = try batch.required("vectors")
        let payloads = try batch.array("payloads")
        var validation = Validation()
        func check(_ count: Int, _ what: String, _ path: String) {
            guard count != ids.count else { return }
            validation.problem(path, "number of ids and \(what) must be equal (\(ids.count) != \(count))")
        }
        if let payloads { check(payloads.count, "payloads", "batch") }
        var points = ids.map { Point(id: $0) }
        switch vectors {
        case .array(let rows):
            check(rows.count, "vectors", "batch")
            try validation.finish()
            for (i, row) in rows.enumerated() { points[i].vectors = try WireVector.vectors(row, config) }
        case .object(let named):
            for (name, column) in named {
                guard let rows = column.arrayValue else {
                    throw .format("invalid type: \(column.typeName), expected a sequence")
                }
                check(rows.count, "vectors", "batch.vectors.\(name)")
            }
            try validation.finish()
            for (name, column) in named {
                for (i, row) in (column.arrayValue ?? []).enumerated() {
                    points[i].vectors.merge(try WireVector.vectors(.object([name: row]), config))
                }
            }
        default: throw .format("data did not match any variant of untagged enum BatchVectorStruct")
        }
        for (i, payload) in (payloads ?? []).enumerated() {
            points[i].payload = try self.payload(payload)
        }
        return points
    }
}
