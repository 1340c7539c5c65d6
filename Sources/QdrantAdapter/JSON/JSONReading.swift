import JSON
import VectorEngine

// Reading members of a request. A member that is null counts as absent; one of the wrong type is refused by name.

extension JSONValue {
    /// The member, or nil when it is absent or null.
    func optional(_ key: String) -> JSONValue? {
        guard let value = self[key], !value.isNull else { return nil }
        return value
    }

    func required(_ key: String) throws(QdrantFailure) -> JSONValue {
        guard let value = optional(key) else { throw .format("missing field `\(key)`") }
        return value
    }

    private func wrongType(_ key: String, _ expected: String) -> QdrantFailure {
        .format("\(key): invalid type: \(self.typeName), expected \(expected)")
    }

    func string(_ key: String) throws(QdrantFailure) -> String? {
        guard let value = optional(key) else { return nil }
        guard let text = value.stringValue else { throw value.wrongType(key, "a string") }
        return text
    }

    func bool(_ key: String) throws(QdrantFailure) -> Bool? {
        guard let value = optional(key) else { return nil }
        guard let flag = value.boolValue else { throw value.wrongType(key, "a boolean") }
        return flag
    }

    func double(_ key: String) throws(QdrantFailure) -> Double? {
        guard let value = optional(key) else { return nil }
        guard let number = value.doubleValue else { throw value.wrongType(key, "a number") }
        return number
    }

    /// A whole number from 0 on, written without a fraction.
    func count(_ key: String) throws(QdrantFailure) -> Int? {
        guard let value = optional(key) else { return nil }
        switch value {
        case .integer(let number) where number >= 0: return Int(number)
        case .integer(let number):
            throw .format("\(key): invalid value: integer `\(number)`, expected usize")
        case .unsigned: throw .format("\(key): the number is too large")
        default: throw value.wrongType(key, "usize")
        }
    }

    /// A limit with a default; 0 is a validation error, as on Qdrant.
    func limit(_ key: String, default fallback: Int) throws(QdrantFailure) -> Limit {
        guard let value = try count(key) else { return Limit(within: fallback) }
        var validation = Validation()
        validation.range(key, Int64(value), from: 1)
        try validation.finish()
        return Limit(within: value)
    }

    /// How many results are passed over; none unless it says so.
    func offset(_ key: String) throws(QdrantFailure) -> Offset { Offset(within: try count(key) ?? 0) }

    func array(_ key: String) throws(QdrantFailure) -> [JSONValue]? {
        guard let value = optional(key) else { return nil }
        guard let elements = value.arrayValue else { throw value.wrongType(key, "a sequence") }
        return elements
    }

    func object(_ key: String) throws(QdrantFailure) -> JSONObject? {
        guard let value = optional(key) else { return nil }
        guard let members = value.objectValue else { throw value.wrongType(key, "a map") }
        return members
    }

    /// Refuses members that the shape does not have.
    func only(_ known: Set<String>) throws(QdrantFailure) {
        guard let members = objectValue else { return }
        guard let stranger = members.keys.first(where: { !known.contains($0) }) else { return }
        let names = known.sorted().map { "`\($0)`" }.joined(separator: ", ")
        throw .format("unknown field `\(stranger)`, expected one of \(names)")
    }

    /// A finite Float32, or a refusal: what overflows it is no vector component.
    func component() throws(QdrantFailure) -> Float {
        guard let number = doubleValue else { throw .format("invalid type: \(typeName), expected f32") }
        let component = Float(number)
        guard component.isFinite else { throw .format("number out of range, expected f32") }
        return component
    }
}

/// Ids on the wire: a number from 0 to 2^64 − 1, or a UUID in any of its spellings.
enum WireID {
    static func read(_ value: JSONValue) throws(QdrantFailure) -> PointID {
        switch value {
        case .integer(let number) where number >= 0: return .number(UInt64(number))
        case .unsigned(let number): return .number(number)
        case .string(let text):
            if let uuid = UUIDBytes(text) { return .uuid(uuid) }
            throw refusal("\"\(text)\"")
        case .integer(let number): throw refusal("\(number)")
        default: throw .format("data did not match any variant of untagged enum ExtendedPointId")
        }
    }

    private static func refusal(_ shown: String) -> QdrantFailure {
        .format("value \(shown) is not a valid point ID, valid values are either an unsigned integer or a UUID")
    }

    /// An id as a part of a path: a number first, then a UUID.
    static func read(path text: String) throws(QdrantFailure) -> PointID {
        if text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(text) { return .number(number) }
        guard let uuid = UUIDBytes(text) else {
            throw .badRequest("Can not recognize \"\(text)\" as point id")
        }
        return .uuid(uuid)
    }

    static func list(_ value: JSONValue) throws(QdrantFailure) -> [PointID] {
        guard let elements = value.arrayValue else {
            throw .format("invalid type: \(value.typeName), expected a sequence")
        }
        return try elements.map { value throws(QdrantFailure) in try read(value) }
    }

    static func json(_ id: PointID) -> JSONValue {
        switch id {
        case .number(let number): Int64(exactly: number).map(JSONValue.integer) ?? .unsigned(number)
        case .uuid(let uuid): .string(uuid.description)
        }
    }
}
