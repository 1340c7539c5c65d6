import JSON
import VectorEngine

/// Filters as the wire writes them.
enum WireFilter {
    /// How deep filters may be nested.
    static let maximumDepth = 32

    static func read(_ value: JSONValue?, depth: Int = 0) throws(QdrantFailure) -> Filter? {
        guard let value, !value.isNull else { return nil }
        guard value.objectValue != nil else { throw .format("invalid type: \(value.typeName), expected struct Filter") }
        guard depth < maximumDepth else { throw .format("filters are nested deeper than \(maximumDepth)") }
        try value.only(["must", "should", "must_not", "min_should"])
        var filter = Filter()
        filter.must = try conditions(value.optional("must"), depth)
        filter.should = try conditions(value.optional("should"), depth)
        filter.mustNot = try conditions(value.optional("must_not"), depth)
        if let least = value.optional("min_should") {
            filter.minShould = try conditions(try least.required("conditions"), depth)
            guard let count = try least.count("min_count") else { throw .format("missing field `min_count`") }
            filter.minimumCount = count
        }
        return filter
    }

    private static func conditions(_ value: JSONValue?, _ depth: Int) throws(QdrantFailure) -> [Condition] {
        guard let value else { return [] }
        guard let list = value.arrayValue else { return [try condition(value, depth)] }
        return try list.map { value throws(QdrantFailure) in try condition(value, depth) }
    }

    static func condition(_ value: JSONValue, _ depth: Int = 0) throws(QdrantFailure) -> Condition {
        guard value.objectValue != nil else { throw mismatch }
        if let key = value.optional("key") { return try field(key, value) }
        if let inner = value.optional("is_empty") { return .isEmpty(try path(inner), true) }
        if let inner = value.optional("is_null") { return .isNull(try path(inner), true) }
        if let ids = value.optional("has_id") { return .hasID(Set(try WireID.list(ids))) }
        if let name = value.optional("has_vector") {
            guard let text = name.stringValue else { throw mismatch }
            return .hasVector(text)
        }
        if let nested = value.optional("nested") {
            let filter = try read(try nested.required("filter"), depth: depth + 1) ?? Filter()
            guard !filter.leaves.contains(where: { if case .hasID = $0 { true } else { false } }) else {
                throw .format("has_id is not allowed inside a nested filter")
            }
            return .nested(try path(nested), filter)
        }
        if let slice = value.optional("slice") { return try self.slice(slice) }
        let names: Set<String> = ["must", "should", "must_not", "min_should"]
        guard value.objectValue?.keys.contains(where: names.contains) ?? false || value.objectValue?.isEmpty ?? false
        else { throw mismatch }
        return .filter(try read(value, depth: depth + 1) ?? Filter())
    }

    private static var mismatch: QdrantFailure {
        .format("data did not match any variant of untagged enum Condition")
    }

    private static func path(_ value: JSONValue) throws(QdrantFailure) -> PayloadPath {
        guard let text = value["key"]?.stringValue else { throw mismatch }
        return try WirePath.read(text)
    }

    private static func slice(_ value: JSONValue) throws(QdrantFailure) -> Condition {
        guard let total = try value.count("total"), let index = try value.count("index") else { throw mismatch }
        var validation = Validation()
        validation.range("slice.total", Int64(total), from: 1)
        if total > 0 { validation.range("slice.index", Int64(index), from: 0, to: Int64(total &- 1)) }
        try validation.finish()
        return .slice(total: UInt64(total), index: UInt64(index))
    }

    // MARK: Fields

    private static func field(_ key: JSONValue, _ value: JSONValue) throws(QdrantFailure) -> Condition {
        guard let text = key.stringValue else { throw mismatch }
        let path = try WirePath.read(text)
        if let match = value.optional("match") { return .field(path, try self.match(match)) }
        if let range = value.optional("range") { return .field(path, try self.range(range)) }
        if let box = value.optional("geo_bounding_box") {
            let region = GeoRegion.box(
                topLeft: try point(try box.required("top_left")),
                bottomRight: try point(try box.required("bottom_right")))
            return .field(path, .geo(region))
        }
        if let circle = value.optional("geo_radius") {
            guard let radius = try circle.double("radius") else { throw .format("missing field `radius`") }
            return .field(
                path, .geo(.circle(center: try point(try circle.required("center")), radiusMeters: radius)))
        }
        if let polygon = value.optional("geo_polygon") { return .field(path, .geo(try self.polygon(polygon))) }
        if let count = value.optional("values_count") { return .valuesCount(path, try numbers(count)) }
        if let flag = try value.bool("is_empty") { return .isEmpty(path, flag) }
        if let flag = try value.bool("is_null") { return .isNull(path, flag) }
        var validation = Validation()
        validation.problem("filter", "Validation error: At least one field condition must be specified")
        try validation.finish()
        throw mismatch
    }

    private static func match(_ value: JSONValue) throws(QdrantFailure) -> FieldTest {
        guard value.objectValue != nil else { throw matchMismatch }
        if let one = value.optional("value") { return .anyOf([try matchValue(one)]) }
        if let text = try value.string("text") { return .text(text) }
        if let text = try value.string("text_any") { return .textAny(text) }
        if let text = try value.string("phrase") { return .phrase(text) }
        if let text = try value.string("prefix") { return .prefix(text) }
        if let text = try value.string("substring") { return .substring(text) }
        if let list = try value.array("any") { return .anyOf(try matchValues(list)) }
        if let list = try value.array("except") { return .noneOf(try matchValues(list)) }
        throw matchMismatch
    }

    private static var matchMismatch: QdrantFailure {
        .format("data did not match any variant of untagged enum MatchInterface")
    }

    private static func matchValue(_ value: JSONValue) throws(QdrantFailure) -> MatchValue {
        guard let read = MatchValue(exactly: value) else { throw matchMismatch }
        return read
    }

    /// All keywords or all integers.
    private static func matchValues(_ list: [JSONValue]) throws(QdrantFailure) -> Set<MatchValue> {
        let values = try list.map { value throws(QdrantFailure) in try matchValue(value) }
        let keywords = values.count { if case .keyword = $0 { true } else { false } }
        let integers = values.count { if case .integer = $0 { true } else { false } }
        guard keywords == values.count || integers == values.count else { throw matchMismatch }
        return Set(values)
    }

    private static func range(_ value: JSONValue) throws(QdrantFailure) -> FieldTest {
        let bounds = ["gt", "gte", "lt", "lte"].compactMap { value.optional($0) }
        guard bounds.contains(where: { $0.stringValue != nil }) else { return .range(try numbers(value)) }
        func moment(_ key: String) throws(QdrantFailure) -> Int64? {
            guard let text = try value.string(key) else { return nil }
            guard let moment = Timestamp.parseLoosely(text) else {
                throw .format("data did not match any variant of untagged enum RangeInterface")
            }
            return moment
        }
        return .moments(
            after: try moment("gt"), from: try moment("gte"), before: try moment("lt"), through: try moment("lte"))
    }

    private static func numbers(_ value: JSONValue) throws(QdrantFailure) -> NumericRange {
        guard value.objectValue != nil else { throw .format("invalid type: \(value.typeName), expected struct Range") }
        try value.only(["gt", "gte", "lt", "lte"])
        func number(_ key: String) throws(QdrantFailure) -> Number? {
            // Integers are compared exactly, and so not read as doubles.
            guard try value.double(key) != nil else { return nil }
            return value.optional(key).flatMap { Number($0) }
        }
        return NumericRange(
            greaterThan: try number("gt"), atLeast: try number("gte"), lessThan: try number("lt"),
            atMost: try number("lte"))
    }

    // MARK: Geometry

    private static func point(_ value: JSONValue) throws(QdrantFailure) -> GeoPoint {
        guard let lon = try value.double("lon") else { throw .format("missing field `lon`") }
        guard let lat = try value.double("lat") else { throw .format("missing field `lat`") }
        guard (-180...180).contains(lon), (-90...90).contains(lat) else {
            throw .format(
                "Wrong format of GeoPoint payload: expected `lat` within [-90;90] and `lon` within [-180;180]")
        }
        return GeoPoint(lon: lon, lat: lat)
    }

    private static func polygon(_ value: JSONValue) throws(QdrantFailure) -> GeoRegion {
        let interiors = try value.array("interiors") ?? []
        return .polygon(
            exterior: try ring(try value.required("exterior")),
            interiors: try interiors.map { value throws(QdrantFailure) in try ring(value) })
    }

    private static func ring(_ value: JSONValue) throws(QdrantFailure) -> [GeoPoint] {
        guard let list = try value.array("points") else { throw .format("missing field `points`") }
        let points = try list.map { value throws(QdrantFailure) in try point(value) }
        var validation = Validation()
        if points.count < 4 {
            validation.problem(
                "filter.geo_polygon", "value invalid, the size must be at least 4, got \(points.count)")
        } else if points.first != points.last {
            validation.problem(
                "filter.geo_polygon",
                "value invalid, the first and the last points should be same to form a closed line")
        }
        try validation.finish()
        return points
    }
}
