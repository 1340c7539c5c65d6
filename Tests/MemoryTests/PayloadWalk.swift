import JSON
import VectorEngine

/// Filters decided by reading the payload, the slow and plain way.
enum PayloadWalk {
    /// - Parameter object: The point's payload, parsed.
    static func passes(_ point: Point, _ object: JSONObject, _ filter: Filter) -> Bool {
        filter.must.allSatisfy { passes(point, object, $0) }
            && (filter.should.isEmpty || filter.should.contains { passes(point, object, $0) })
            && !filter.mustNot.contains { passes(point, object, $0) }
            && filter.minShould.count { passes(point, object, $0) } >= filter.minimumCount
    }

    private static func passes(_ point: Point, _ object: JSONObject, _ condition: Condition) -> Bool {
        switch condition {
        case .field(let path, let test): values(at: path.description, in: object).contains { passes($0, test) }
        case .isEmpty(let path, let expected):
            values(at: path.description, in: object).isEmpty == expected
        case .isNull(let path, let expected):
            values(at: path.description, in: object).contains(where: \.isNull) == expected
        case .hasID(let ids): ids.contains(point.id)
        case .hasVector(let name): point.vectors.dense[name] != nil || point.vectors.sparse[name] != nil
        case .nested(let path, let filter):
            values(at: path.description, in: object).contains { value in
                value.objectValue.map { passes(point, $0, filter) } ?? false
            }
        case .filter(let filter): passes(point, object, filter)
        case .valuesCount, .slice: preconditionFailure("the memory asks no such thing")
        }
    }

    private static func passes(_ value: JSONValue, _ test: FieldTest) -> Bool {
        switch test {
        case .anyOf(let values): values.contains { equal($0, value) }
        case .noneOf(let values): !value.isNull && !values.contains { equal($0, value) }
        case .range(let range): Number(value).map(range.contains) ?? false
        default: preconditionFailure("the memory asks no such thing")
        }
    }

    private static func equal(_ wanted: MatchValue, _ value: JSONValue) -> Bool {
        switch wanted {
        case .keyword(let text): value.stringValue?.hasSameBytes(as: text) ?? false
        case .integer(let number): if case .integer(number) = value { true } else { false }
        case .bool(let flag): value.boolValue == flag
        }
    }

    /// The values that `path` meets; an array at its end counts as its elements.
    static func values(at path: String, in object: JSONObject) -> [JSONValue] {
        var values: [JSONValue] = [.object(object)]
        for part in path.split(separator: ".") {
            let entersArray = part.hasSuffix("[]")
            let name = String(entersArray ? part.dropLast(2) : part)
            values = values.compactMap { $0[name] }
            if entersArray { values = values.flatMap { $0.arrayValue ?? [] } }
        }
        return values.flatMap { $0.arrayValue ?? [$0] }
    }
}
