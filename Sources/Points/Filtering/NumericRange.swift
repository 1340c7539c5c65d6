import JSON

/// A number of JSON, compared exactly: an integer beyond 2^53 is not rounded to a double.
public enum Number: Sendable, Hashable, Comparable {
    case integer(Int64)
    case unsigned(UInt64)
    case real(Double)

    public static func < (a: Number, b: Number) -> Bool { compare(a, b) == .less }
    public static func == (a: Number, b: Number) -> Bool { compare(a, b) == .equal }

    public func hash(into hasher: inout Hasher) { hasher.combine(double) }

    /// The nearest double. It is monotone: a smaller number never has a larger one.
    package var double: Double {
        switch self {
        case .integer(let value): Double(value)
        case .unsigned(let value): Double(value)
        case .real(let value): value
        }
    }

    /// Whether `double` is the number itself and no other integer of 64 bits has the same double.
    package var isExactAsDouble: Bool {
        switch self {
        case .integer, .unsigned: abs(double) < Self.exactLimit
        case .real(let value): abs(value) < Self.exactLimit
        }
    }

    /// 2^53: from here on doubles leave integers out.
    private static let exactLimit = 9_007_199_254_740_992.0

    private enum Order { case less, equal, greater, none }

    private static func compare(_ a: Number, _ b: Number) -> Order {
        switch (a, b) {
        case (.real(let x), .real(let y)): x < y ? .less : x == y ? .equal : x > y ? .greater : .none
        case (.real(let x), _): reversed(compare(b.whole, x))
        case (_, .real(let y)): compare(a.whole, y)
        default: a.whole < b.whole ? .less : a.whole == b.whole ? .equal : .greater
        }
    }

    /// The integer; 0 for a `real`, which is never asked.
    private var whole: Int128 {
        switch self {
        case .integer(let value): Int128(value)
        case .unsigned(let value): Int128(value)
        case .real: 0
        }
    }

    private static func compare(_ whole: Int128, _ real: Double) -> Order {
        if real.isNaN { return .none }
        // Beyond every integer of 64 bits.
        if real >= 0x1p65 { return .less }
        if real <= -0x1p65 { return .greater }
        let floor = real.rounded(.down)
        guard let integral = Int128(exactly: floor) else { return .none }
        if whole != integral { return whole < integral ? .less : .greater }
        return floor == real ? .equal : .less
    }

    private static func reversed(_ order: Order) -> Order {
        switch order {
        case .less: .greater
        case .greater: .less
        default: order
        }
    }
}

extension Number {
    /// nil unless `value` is a number.
    package init?(_ value: JSONValue) {
        switch value {
        case .integer(let number): self = .integer(number)
        case .unsigned(let number): self = .unsigned(number)
        case .number(let number): self = .real(number)
        default: return nil
        }
    }

    package var json: JSONValue {
        switch self {
        case .integer(let value): .integer(value)
        case .unsigned(let value): .unsigned(value)
        case .real(let value): .number(value)
        }
    }
}

extension Number: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral {
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .real(value) }
}

/// Bounds on a number; all that are given must hold. Integers are compared exactly.
public struct NumericRange: Sendable, Equatable {
    public var greaterThan: Number?
    public var atLeast: Number?
    public var lessThan: Number?
    public var atMost: Number?

    public init(
        greaterThan: Number? = nil, atLeast: Number? = nil, lessThan: Number? = nil, atMost: Number? = nil
    ) {
        self.greaterThan = greaterThan
        self.atLeast = atLeast
        self.lessThan = lessThan
        self.atMost = atMost
    }

    public func contains(_ value: Number) -> Bool {
        if let greaterThan, !(value > greaterThan) { return false }
        if let atLeast, !(value >= atLeast) { return false }
        if let lessThan, !(value < lessThan) { return false }
        if let atMost, !(value <= atMost) { return false }
        return true
    }

    /// Whether a comparison of doubles answers for this range exactly.
    package var isExactAsDouble: Bool {
        [greaterThan, atLeast, lessThan, atMost].allSatisfy { $0?.isExactAsDouble ?? true }
    }

    /// Whether a number with the double `value` may lie in the range; exact where `isExactAsDouble`.
    package func mayContain(_ value: Double) -> Bool { !liesAbove(value) && !liesBelow(value) }

    /// Whether the whole range lies above every number whose double is `value`.
    package func liesAbove(_ value: Double) -> Bool {
        if let greaterThan {
            let bound = greaterThan.double
            if !(greaterThan.isExactAsDouble ? value > bound : value >= bound) { return true }
        }
        if let atLeast, !(value >= atLeast.double) { return true }
        return false
    }

    /// Whether the whole range lies below every number whose double is `value`.
    package func liesBelow(_ value: Double) -> Bool {
        if let lessThan {
            let bound = lessThan.double
            if !(lessThan.isExactAsDouble ? value < bound : value <= bound) { return true }
        }
        if let atMost, !(value <= atMost.double) { return true }
        return false
    }
}
