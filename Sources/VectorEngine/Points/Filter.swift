import JSON

/// Which points count: all of `must`, none of `mustNot`, and at least one of `should` where there are any.
public struct Filter: Sendable, Equatable {
    public var must: [Condition]
    public var should: [Condition]
    public var mustNot: [Condition]

    public init(must: [Condition] = [], should: [Condition] = [], mustNot: [Condition] = []) {
        self.must = must
        self.should = should
        self.mustNot = mustNot
    }

    public var isEmpty: Bool { must.isEmpty && should.isEmpty && mustNot.isEmpty }
}

/// One test of a point. A *path* names a payload member: `a.b` goes into objects, `a[].b` into every element of an
/// array; where a path meets several values, one that passes is enough.
public indirect enum Condition: Sendable, Equatable {
    case match(path: String, anyOf: [MatchValue])
    /// A value is there and none of `noneOf`.
    case matchExcept(path: String, noneOf: [MatchValue])
    case range(path: String, NumericRange)
    /// Missing, null or an empty array.
    case isEmpty(path: String)
    /// Present and null.
    case isNull(path: String)
    case hasID(Set<PointID>)
    case hasVector(String)
    /// One element of the array at `path` passes the whole filter.
    case nested(path: String, Filter)
    case filter(Filter)
}

/// What a payload value is compared with; the types must agree, and the UTF-8 bytes of keywords.
public enum MatchValue: Hashable, Sendable {
    case keyword(String)
    case integer(Int64)
    case bool(Bool)

    public static func == (left: MatchValue, right: MatchValue) -> Bool {
        switch (left, right) {
        case (.keyword(let a), .keyword(let b)): a.hasSameBytes(as: b)
        case (.integer(let a), .integer(let b)): a == b
        case (.bool(let a), .bool(let b)): a == b
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .keyword(let text):
            hasher.combine(0)
            text.hashBytes(into: &hasher)
        case .integer(let number):
            hasher.combine(1)
            hasher.combine(number)
        case .bool(let flag):
            hasher.combine(2)
            hasher.combine(flag)
        }
    }
}

/// Bounds on a number; all that are given must hold.
public struct NumericRange: Sendable, Equatable {
    public var greaterThan: Double?
    public var atLeast: Double?
    public var lessThan: Double?
    public var atMost: Double?

    public init(
        greaterThan: Double? = nil, atLeast: Double? = nil, lessThan: Double? = nil, atMost: Double? = nil
    ) {
        self.greaterThan = greaterThan
        self.atLeast = atLeast
        self.lessThan = lessThan
        self.atMost = atMost
    }

    public func contains(_ value: Double) -> Bool { !isAbove(value) && !isBelow(value) }

    /// Whether the whole range lies above `value`.
    func isAbove(_ value: Double) -> Bool {
        if let greaterThan, !(value > greaterThan) { return true }
        if let atLeast, !(value >= atLeast) { return true }
        return false
    }

    /// Whether the whole range lies below `value`.
    func isBelow(_ value: Double) -> Bool {
        if let lessThan, !(value < lessThan) { return true }
        if let atMost, !(value <= atMost) { return true }
        return false
    }
}
