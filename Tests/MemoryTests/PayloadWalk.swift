import JSON
import VectorEngine

/// Filters decided by reading the payload, the slow and plain way.
enum PayloadWalk {
    /// - Parameter object: The point's payload, parsed.
    static func passes(_ point: Point, _ object: JSONObject, _ filter: Filter) -> Bool {
        filter.must.allSatisfy { passes(point, object, $0) }
            && (filter.should.isEmpty || filter.should.contains { passes(point, object, $0) })
            && !filter.mustNot.contains { passes(point, object, $0) }
    }

    private static func passes(_ point: Point, _ object: JSONObject, _ condition: Condition) -> Bool {
        switch condition {
        case .match(let path, let anyOf):
            values(at: path, in: object).contains { value in anyOf.contains { equal($0, value) } }
        case .matchExcept(let path, let noneOf):
            values(at: path, in: object).contains { value in
                !value.isNull && !noneOf.contains { equal($0, value) }
            }
        case .range(let path, let range):
            values(at: path, in: object).contains { $0.doubleValue.map(range.contains) ?? false }
        case .isEmpty(let path): values(at: path, in: object).allSatisfy(\.isNull)
        case .isNull(let path): values(at: path, in: object).contains(where: \.isNull)
        case .hasID(let ids): ids.contains(point.id)
        case .hasVector(let name): point.vectors.dense[name] != nil || point.vectors.sparse[name] != nil
        case .nested(let path, let filter):
            values(at: path, in: object).contains { $0.objectValue.map { passes(point, $0, filter) } ?? false }
        case .filter(let filter): passes(point, object, filter)
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
