import JSON
import VectorEngine

/// Changes of points as the wire writes them.
enum UpdateReading {
    static func upsert(_ body: JSONValue, _ config: CollectionConfig) throws(QdrantFailure) -> PointUpdate {
        let points = try PointReading.points(body, config)
        let filter = try WireFilter.read(body.optional("update_filter"))
        guard let name = try body.string("update_mode") else { return .upsert(points, filter: filter, .upsert) }
        guard let mode = UpsertMode(rawValue: name) else {
            throw .format("unknown variant `\(name)`, expected one of `upsert`, `insert_only`, `update_only`")
        }
        return .upsert(points, filter: filter, mode)
    }

    static func delete(_ body: JSONValue, _ config: CollectionConfig) throws(QdrantFailure) -> PointUpdate {
        .delete(try selector(body))
    }

    static func updateVectors(_ body: JSONValue, _ config: CollectionConfig) throws(QdrantFailure) -> PointUpdate {
        guard let list = try body.array("points") else { throw .format("missing field `points`") }
        try refuseEmpty(list, "points")
        let filter = try WireFilter.read(body.optional("update_filter"))
        var changes: [VectorChange] = []
        for value in list {
            let id = try WireID.read(try value.required("id"))
            let vectors = try WireVector.vectors(try value.required("vector"), config)
            if vectors == PointVectors() {
                var validation = Validation()
                validation.problem("points[\(changes.count)].vector", "must specify vectors to update for point")
                try validation.finish()
            }
            changes.append(VectorChange(id: id, vectors: vectors))
        }
        return .updateVectors(changes, filter: filter)
    }

    static func deleteVectors(_ body: JSONValue, _ config: CollectionConfig) throws(QdrantFailure) -> PointUpdate {
        guard let list = try body.array("vector") else { throw .format("missing field `vector`") }
        let names = list.compactMap(\.stringValue)
        try refuseEmpty(names, "vector")
        return .deleteVectors(names, try selector(body))
    }

    static func setPayload(_ body: JSONValue, _ config: CollectionConfig) throws(QdrantFailure) -> PointUpdate {
        try payload(body, overwrites: false)
    }

    static func overwritePayload(_ body: JSONValue, _ config: CollectionConfig) throws(QdrantFailure) -> PointUpdate {
        try payload(body, overwrites: true)
    }

    private static func payload(_ body: JSONValue, overwrites: Bool) throws(QdrantFailure) -> PointUpdate {
        guard let members = try body.object("payload") else { throw .format("missing field `payload`") }
        let path = try body.string("key").map { key throws(QdrantFailure) in try WirePath.read(key) }
        // Whatever a payload holds there already, it becomes this deep and no deeper than it was.
        let depth = JSONValue.object(members).depth + (path?.steps.count ?? 0)
        if depth > JSONParser.maximumDepth {
            var validation = Validation()
            validation.problem(
                path == nil ? "payload" : "key",
                "payloads would be nested \(depth) levels deep, must be at most \(JSONParser.maximumDepth)")
            try validation.finish()
        }
        return .setPayload(
            PayloadChange(members: members, path: path, overwrites: overwrites), try selector(body))
    }

    static func deletePayload(_ body: JSONValue, _ config: CollectionConfig) throws(QdrantFailure) -> PointUpdate {
        guard let keys = try body.array("keys") else { throw .format("missing field `keys`") }
        let paths = try keys.map { key throws(QdrantFailure) in try WirePath.read(key.stringValue ?? "") }
        return .deletePayload(paths, try selector(body))
    }

    static func clearPayload(_ body: JSONValue, _ config: CollectionConfig) throws(QdrantFailure) -> PointUpdate {
        .clearPayload(try selector(body))
    }

    /// One operation of a batch: an object with one member, which is named after what it does.
    static func operation(_ operation: JSONValue, _ config: CollectionConfig) throws(QdrantFailure) -> PointUpdate {
        guard let (kind, body) = operation.objectValue?.elements.first, operation.objectValue?.count == 1,
            let read = operations[kind]
        else { throw .format("data did not match any variant of untagged enum UpdateOperation") }
        return try read(body, config)
    }

    private static let operations:
        [String: @Sendable (JSONValue, CollectionConfig) throws(QdrantFailure) -> PointUpdate] = [
            "upsert": upsert, "delete": delete, "set_payload": setPayload, "overwrite_payload": overwritePayload,
            "delete_payload": deletePayload, "clear_payload": clearPayload, "update_vectors": updateVectors,
            "delete_vectors": deleteVectors,
        ]

    /// The points that a request names, or those that its filter finds when the write is made.
    private static func selector(_ body: JSONValue) throws(QdrantFailure) -> PointSelector {
        if let points = body.optional("points") { return .ids(try WireID.list(points)) }
        guard let filter = try WireFilter.read(body.optional("filter")) else {
            throw .format("Either list of ids or filter must be provided")
        }
        return .filter(filter)
    }

    private static func refuseEmpty(_ list: [some Any], _ name: String) throws(QdrantFailure) {
        guard list.isEmpty else { return }
        var validation = Validation()
        validation.problem(name, "value invalid, must not be empty")
        try validation.finish()
    }
}

extension UpdateAnswer {
    var json: JSONValue {
        [
            "operation_id": .integer(Int64(clamping: operationID)),
            "status": isCompleted ? "completed" : "acknowledged",
        ]
    }
}
