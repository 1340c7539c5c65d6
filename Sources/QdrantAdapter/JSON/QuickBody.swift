import JSON
import VectorEngine

// The two bodies that come by the thousand, read without a JSON value for each number: points with dense vectors, and
// a search by one. nil for every other shape and for whatever is wrong: the general way reads it again and says so.

/// The body of `PUT …/points` with `points` alone.
enum QuickPoints {
    static func read(_ text: [UInt8], _ config: CollectionConfig) -> [Point]? {
        JSONCursor.read(text) { cursor throws(JSONError) -> [Point]? in
            var points: [Point]?
            var isPlain = true
            try cursor.object { key, cursor throws(JSONError) in
                guard key == "points", points == nil, try cursor.next() == UInt8(ascii: "[") else {
                    isPlain = false
                    _ = try cursor.value()
                    return
                }
                var read: [Point] = []
                try cursor.array { cursor throws(JSONError) in
                    if let point = try point(&cursor, config) { read.append(point) } else { isPlain = false }
                }
                points = read
            }
            return isPlain ? points : nil
        }
    }

    private static func point(_ cursor: inout JSONCursor, _ config: CollectionConfig) throws(JSONError) -> Point? {
        guard try cursor.next() == UInt8(ascii: "{") else {
            _ = try cursor.value()
            return nil
        }
        var id: PointID?
        var payload: Payload?
        var vectors = PointVectors()
        var isPlain = true
        try cursor.object { key, cursor throws(JSONError) in
            switch key {
            case "id":
                let value = try cursor.value()
                id = try? WireID.read(value)  // what is refused here is read again the general way
            case "payload":
                let value = try cursor.value()
                payload = try? PointReading.payload(value)  // as above
                isPlain = isPlain && payload != nil
            case "vector":
                let isDense = try self.vectors(&cursor, into: &vectors, config)
                isPlain = isPlain && isDense
            default:
                isPlain = false
                _ = try cursor.value()
            }
        }
        guard isPlain, let id, vectors != PointVectors() else { return nil }
        return Point(id: id, vectors: vectors, payload: payload ?? .empty)
    }

    /// One array, or a map from names to arrays, all dense; false for anything else.
    private static func vectors(
        _ cursor: inout JSONCursor, into vectors: inout PointVectors, _ config: CollectionConfig
    ) throws(JSONError) -> Bool {
        switch try cursor.next() {
        case UInt8(ascii: "["): return try dense(&cursor, "", into: &vectors, config)
        case UInt8(ascii: "{"):
            var isPlain = true
            try cursor.object { name, cursor throws(JSONError) in
                let isDense = try cursor.next() == UInt8(ascii: "[")
                guard isDense else {
                    isPlain = false
                    _ = try cursor.value()
                    return
                }
                let fits = try dense(&cursor, name, into: &vectors, config)
                isPlain = isPlain && fits
            }
            return isPlain
        default:
            _ = try cursor.value()
            return false
        }
    }

    private static func dense(
        _ cursor: inout JSONCursor, _ name: String, into vectors: inout PointVectors, _ config: CollectionConfig
    ) throws(JSONError) -> Bool {
        guard let description = config.vector(name), !description.isMulti, vectors.dense[name] == nil else {
            _ = try cursor.value()
            return false
        }
        var components: [Float] = []
        components.reserveCapacity(description.size)
        try cursor.floats(into: &components)
        guard components.count == description.size else { return false }
        vectors.dense[name] = description.rounded(components)
        return true
    }
}

/// The body of a search with a dense vector in `query`; its other members are few.
enum QuickQuery {
    /// Every member but `query`, and the vector that stood there.
    static func read(_ text: [UInt8]) -> (members: JSONValue, vector: [Float])? {
        JSONCursor.read(text) { cursor throws(JSONError) -> (members: JSONValue, vector: [Float])? in
            var members: JSONObject = [:]
            var vector: [Float] = []
            try cursor.object { key, cursor throws(JSONError) in
                guard key == "query", vector.isEmpty, try cursor.next() == UInt8(ascii: "[") else {
                    members[key] = try cursor.value()
                    return
                }
                try cursor.floats(into: &vector)
            }
            return vector.isEmpty || members["query"] != nil ? nil : (.object(members), vector)
        }
    }
}
