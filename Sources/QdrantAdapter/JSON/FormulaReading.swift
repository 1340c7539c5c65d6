import JSON
import VectorEngine

// Formulas as the wire writes them.

extension Formula {
    static let maximumDepth = 64

    init(_ value: JSONValue) throws(QdrantFailure) {
        self.init(
            root: try Self.read(try value.required("formula"), depth: 0), defaults: try value.object("defaults") ?? [:])
    }

    private static func read(_ value: JSONValue, depth: Int) throws(QdrantFailure) -> Expression {
        guard depth < maximumDepth else { throw .format("the formula is nested deeper than \(maximumDepth)") }
        if let number = value.doubleValue { return .constant(number) }
        if let text = value.stringValue { return try variable(text) }
        guard let members = value.objectValue, let (key, inner) = members.elements.first else { throw mismatch }
        func list() throws(QdrantFailure) -> [Expression] {
            guard let elements = inner.arrayValue else { throw mismatch }
            return try elements.map { element throws(QdrantFailure) in try read(element, depth: depth + 1) }
        }
        func some() throws(QdrantFailure) -> [Expression] {
            let operands = try list()
            guard !operands.isEmpty else { throw .wrongInput("`\(key)` needs at least one operand") }
            return operands
        }
        if let unary = Unary(rawValue: key) { return .unary(unary, try read(inner, depth: depth + 1)) }
        if let decay = Decay(rawValue: key) { return try read(decay, inner, depth) }
        switch key {
        case "sum": return .sum(try list())
        case "mult": return .product(try list())
        case "max": return .maximum(try some())
        case "min": return .minimum(try some())
        case "div":
            return .quotient(
                try read(try inner.required("left"), depth: depth + 1),
                try read(try inner.required("right"), depth: depth + 1), byZero: try inner.double("by_zero_default"))
        case "pow":
            return .power(
                try read(try inner.required("base"), depth: depth + 1),
                try read(try inner.required("exponent"), depth: depth + 1))
        case "geo_distance":
            guard let origin = GeoPoint(try inner.required("origin")), let to = try inner.string("to") else {
                throw mismatch
            }
            return .distance(origin: origin, to: try WirePath.read(to))
        case "datetime":
            guard let text = inner.stringValue, let moment = Timestamp.parseLoosely(text) else { throw mismatch }
            return .constant(Double(moment) / 1_000_000)
        case "datetime_key":
            guard let text = inner.stringValue else { throw mismatch }
            return .datetimeKey(try WirePath.read(text))
        default: return .condition(try WireFilter.condition(value))
        }
    }

    private static func read(_ decay: Decay, _ value: JSONValue, _ depth: Int) throws(QdrantFailure) -> Expression {
        let midpoint = try value.double("midpoint") ?? 0.5
        let scale = try value.double("scale") ?? 1
        let isFine = decay == .linear ? (0...1).contains(midpoint) : midpoint > 0 && midpoint < 1
        guard isFine else {
            throw .wrongInput("Decay midpoint should be between 0.0 and 1.0 (exclusive), got \(midpoint)")
        }
        guard scale > 0 else { throw .wrongInput("Decay scale should be non-zero positive, got \(scale)") }
        return .decay(
            decay, x: try read(try value.required("x"), depth: depth + 1),
            target: try value.optional("target").map { target throws(QdrantFailure) in
                try read(target, depth: depth + 1)
            }, midpoint: midpoint, scale: scale)
    }

    private static var mismatch: QdrantFailure {
        .format("data did not match any variant of untagged enum Expression")
    }

    /// `$score`, `$score[2]`, or a payload path.
    private static func variable(_ text: String) throws(QdrantFailure) -> Expression {
        guard text.hasPrefix("$score") else { return .payload(try WirePath.read(text)) }
        let rest = text.dropFirst(6)
        if rest.isEmpty { return .score(0) }
        guard rest.first == "[", rest.last == "]", let index = Int(rest.dropFirst().dropLast()), index >= 0 else {
            throw .format("Invalid score pattern: \(text)")
        }
        return .score(index)
    }
}
