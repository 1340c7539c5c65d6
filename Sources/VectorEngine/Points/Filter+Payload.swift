import JSON

// A filter applied to one point by reading its payload: the definition of what each condition means. Indexes answer the
// same question faster (see Filter+Segment.swift) and are tested against this.

/// What a condition can ask about a point.
struct FilterSubject {
    var id: PointID
    var payload: JSONObject
    /// Names of the dense and sparse vectors the point has.
    var hasVector: (String) -> Bool
}

extension Filter {
    /// Whether a point with these parts passes, by a plain walk over its payload.
    ///
    /// - Throws: `invalidArgument` for a path that cannot be read.
    package func matches(id: PointID, payload: Payload, vectors: PointVectors) throws(EngineError) -> Bool {
        try matches(
            FilterSubject(
                id: id, payload: payload.object,
                hasVector: { vectors.dense[$0] != nil || vectors.sparse[$0] != nil }))
    }

    /// - Throws: `invalidArgument` for a path that cannot be read.
    func matches(_ subject: FilterSubject) throws(EngineError) -> Bool {
        for condition in must where try !condition.matches(subject) { return false }
        for condition in mustNot where try condition.matches(subject) { return false }
        if should.isEmpty { return true }
        for condition in should where try condition.matches(subject) { return true }
        return false
    }
}

extension Condition {
    func matches(_ subject: FilterSubject) throws(EngineError) -> Bool {
        switch self {
        case .match(let path, let anyOf):
            return try PayloadPath(path).values(in: subject.payload).contains { value in
                MatchValue(value).map(anyOf.contains) ?? false
            }
        case .matchExcept(let path, let noneOf):
            return try PayloadPath(path).values(in: subject.payload).contains { value in
                MatchValue(value).map { !noneOf.contains($0) } ?? false
            }
        case .range(let path, let range):
            return try PayloadPath(path).values(in: subject.payload).contains { value in
                value.doubleValue.map(range.contains) ?? false
            }
        case .isEmpty(let path):
            return try PayloadPath(path).nodes(in: subject.payload).allSatisfy {
                $0.isNull || $0.arrayValue?.isEmpty == true
            }
        case .isNull(let path):
            return try PayloadPath(path).values(in: subject.payload).contains(where: \.isNull)
        case .hasID(let ids):
            return ids.contains(subject.id)
        case .hasVector(let name):
            return subject.hasVector(name)
        case .nested(let path, let filter):
            for element in try PayloadPath(path).values(in: subject.payload) {
                guard case .object(let object) = element else { continue }
                var inner = subject
                inner.payload = object
                if try filter.matches(inner) { return true }
            }
            return false
        case .filter(let filter):
            return try filter.matches(subject)
        }
    }
}

extension MatchValue {
    /// The value as something to compare with; nil for null, fractions, arrays and objects.
    init?(_ value: JSONValue) {
        switch value {
        case .string(let text): self = .keyword(text)
        case .bool(let flag): self = .bool(flag)
        default:
            guard let number = value.integerValue else { return nil }
            self = .integer(number)
        }
    }
}
