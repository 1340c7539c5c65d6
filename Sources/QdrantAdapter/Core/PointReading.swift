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
                    try merge(try WireVector.vectors(.object([name: row]), config), into: &points[i].vectors)
                }
            }
        default: throw .format("data did not match any variant of untagged enum BatchVectorStruct")
        }
        for (i, payload) in (payloads ?? []).enumerated() {
            points[i].payload = try self.payload(payload)
        }
        return points
    }

    static func merge(_ vectors: PointVectors, into all: inout PointVectors) throws(QdrantFailure) {
        all.dense.merge(vectors.dense) { $1 }
        all.sparse.merge(vectors.sparse) { $1 }
        all.multi.merge(vectors.multi) { $1 }
    }
}

/// Changes of a payload by paths.
enum PayloadEditing {
    /// Puts `members` over those of the object: null removes, all else replaces.
    static func merge(_ members: JSONObject, into object: inout JSONObject) {
        for (key, value) in members {
            // Not by assigning nil, which the compiler may take for JSON's null.
            if value.isNull { object.removeValue(forKey: key) } else { object[key] = value }
        }
    }

    /// Merges `members` into the object at `path`; what is not there is made, what is no object is replaced.
    static func merge(_ members: JSONObject, into object: inout JSONObject, at path: PayloadPath) {
        var value = JSONValue.object(object)
        set(members, in: &value, path.steps[...])
        object = value.objectValue ?? object
    }

    private static func set(_ members: JSONObject, in value: inout JSONValue, _ steps: ArraySlice<PayloadPath.Step>) {
        guard let step = steps.first else {
            var object = value.objectValue ?? [:]
            merge(members, into: &object)
            value = .object(object)
            return
        }
        let rest = steps.dropFirst()
        switch step {
        case .key(let key):
            var object = value.objectValue ?? [:]
            var inner = object[key] ?? .null
            set(members, in: &inner, rest)
            object[key] = inner
            value = .object(object)
        case .elements:
            value = .array(
                (value.arrayValue ?? []).map { element in
                    var element = element
                    set(members, in: &element, rest)
                    return element
                })
        case .index(let index):
            guard var elements = value.arrayValue else {
                value = .array([])
                return
            }
            guard index < elements.count else { return }
            set(members, in: &elements[index], rest)
            value = .array(elements)
        }
    }

    /// Removes whatever lies at `path`: a member, all elements of an array; as Qdrant does, no single element.
    static func remove(_ path: PayloadPath, from object: inout JSONObject) {
        var value = JSONValue.object(object)
        remove(path.steps[...], from: &value)
        object = value.objectValue ?? object
    }

    private static func remove(_ steps: ArraySlice<PayloadPath.Step>, from value: inout JSONValue) {
        guard let step = steps.first else { return }
        let rest = steps.dropFirst()
        switch (step, value) {
        case (.key(let key), .object(var members)):
            if rest.isEmpty {
                members[key] = nil
            } else if var inner = members[key] {
                remove(rest, from: &inner)
                members[key] = inner
            }
            value = .object(members)
        case (.elements, .array(let elements)):
            let left = elements.map { element in
                var element = element
                remove(rest, from: &element)
                return element
            }
            value = .array(rest.isEmpty ? [] : left)
        case (.index(let index), .array(var elements)):
            // An element alone is not taken out, only what lies in it.
            guard !rest.isEmpty, index < elements.count else { return }
            remove(rest, from: &elements[index])
            value = .array(elements)
        default: return
        }
    }
}
