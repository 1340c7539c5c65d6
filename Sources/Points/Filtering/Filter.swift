import JSON

/// Which points count: all of `must`, none of `mustNot`, one of `should` (if there are any), and so many of
/// `minShould`.
///
/// The one filter of Cortex, with the meaning that Qdrant gives to each condition. `Filter+Payload.swift` defines every
/// condition by a plain walk over one payload; the indexes of a segment narrow the rows down before and never change an
/// answer, with one exception that Qdrant has too: where a text index stands on a path, its analyser decides what a
/// word is, and without one `text` means "contains".
public struct Filter: Sendable, Equatable {
    public var must: [Condition]
    public var should: [Condition]
    public var mustNot: [Condition]
    /// At least `minimumCount` of `minShould` must hold; 0 asks nothing.
    public var minShould: [Condition]
    public var minimumCount: Int

    public init(
        must: [Condition] = [], should: [Condition] = [], mustNot: [Condition] = [], minShould: [Condition] = [],
        minimumCount: Int = 0
    ) {
        self.must = must
        self.should = should
        self.mustNot = mustNot
        self.minShould = minShould
        self.minimumCount = minimumCount
    }

    public var isEmpty: Bool { must.isEmpty && should.isEmpty && mustNot.isEmpty && minimumCount == 0 }

    /// Every condition of the tree, including those inside other filters.
    package var leaves: [Condition] {
        (must + should + mustNot + minShould).flatMap { condition -> [Condition] in
            switch condition {
            case .filter(let filter), .nested(_, let filter): filter.leaves
            default: [condition]
            }
        }
    }

    /// Joins this filter with that of an inner query, clause by clause, as Qdrant joins a query's filter with those of
    /// its prefetches: one condition of the two `should` lists is enough, and the larger count of the two `minShould`
    /// holds over all their conditions.
    package func merged(with inner: Filter) -> Filter {
        var all = self
        all.must += inner.must
        all.should += inner.should
        all.mustNot += inner.mustNot
        all.minShould += inner.minShould
        all.minimumCount = max(minimumCount, inner.minimumCount)
        return all
    }
}

/// One test of a point.
public indirect enum Condition: Sendable, Equatable {
    /// One of the values at the path passes the test.
    case field(PayloadPath, FieldTest)
    /// The member is missing, null or an empty array (true), or none of these (false).
    case isEmpty(PayloadPath, Bool)
    /// A null is there, also inside an array (true), or not (false).
    case isNull(PayloadPath, Bool)
    /// The number of values: the length of an array, 0 where nothing is there or null, else 1.
    case valuesCount(PayloadPath, NumericRange)
    case hasID(Set<PointID>)
    case hasVector(String)
    /// One object of the array at the path passes the filter.
    case nested(PayloadPath, Filter)
    case filter(Filter)
    /// The part `index` of `total` equal parts into which the hashes of the ids fall.
    case slice(total: UInt64, index: UInt64)

    /// One of `values` is at `path`.
    ///
    /// - Throws: `invalidArgument` for a path that cannot be read.
    public static func match(path: String, anyOf values: [MatchValue]) throws(EngineError) -> Condition {
        .field(try PayloadPath(path), .anyOf(Set(values)))
    }

    /// A number in `range` is at `path`.
    ///
    /// - Throws: `invalidArgument` for a path that cannot be read.
    public static func range(path: String, _ range: NumericRange) throws(EngineError) -> Condition {
        .field(try PayloadPath(path), .range(range))
    }

    /// Nothing is at `path`: the member is missing, null or an empty array.
    ///
    /// - Throws: `invalidArgument` for a path that cannot be read.
    public static func isEmpty(path: String) throws(EngineError) -> Condition { .isEmpty(try PayloadPath(path), true) }
}

/// A test that one of the values at a path must pass.
public enum FieldTest: Sendable, Equatable {
    case anyOf(Set<MatchValue>)
    /// A value that is none of these (and not null) is there.
    case noneOf(Set<MatchValue>)
    case text(String)
    case textAny(String)
    case phrase(String)
    case prefix(String)
    case substring(String)
    case range(NumericRange)
    /// Bounds in microseconds since 1970-01-01T00:00:00Z.
    case moments(after: Int64?, from: Int64?, before: Int64?, through: Int64?)
    case geo(GeoRegion)
}

extension Condition {
    /// Written out because a vector's name is told by its bytes: a memory of answers is asked by this.
    public static func == (a: Condition, b: Condition) -> Bool {
        switch (a, b) {
        case (.field(let path, let test), .field(let otherPath, let otherTest)): path == otherPath && test == otherTest
        case (.isEmpty(let path, let wanted), .isEmpty(let otherPath, let otherWanted)),
            (.isNull(let path, let wanted), .isNull(let otherPath, let otherWanted)):
            path == otherPath && wanted == otherWanted
        case (.valuesCount(let path, let range), .valuesCount(let otherPath, let otherRange)):
            path == otherPath && range == otherRange
        case (.hasID(let ids), .hasID(let others)): ids == others
        case (.hasVector(let name), .hasVector(let other)): name.hasSameBytes(as: other)
        case (.nested(let path, let filter), .nested(let otherPath, let other)): path == otherPath && filter == other
        case (.filter(let filter), .filter(let other)): filter == other
        case (.slice(let total, let index), .slice(let otherTotal, let otherIndex)):
            total == otherTotal && index == otherIndex
        default: false
        }
    }
}

extension FieldTest {
    /// Written out because texts are equal when their bytes are.
    public static func == (a: FieldTest, b: FieldTest) -> Bool {
        switch (a, b) {
        case (.anyOf(let values), .anyOf(let others)), (.noneOf(let values), .noneOf(let others)): values == others
        case (.text(let text), .text(let other)), (.textAny(let text), .textAny(let other)),
            (.phrase(let text), .phrase(let other)), (.prefix(let text), .prefix(let other)),
            (.substring(let text), .substring(let other)):
            text.hasSameBytes(as: other)
        case (.range(let range), .range(let other)): range == other
        case (.moments(let a1, let a2, let a3, let a4), .moments(let b1, let b2, let b3, let b4)):
            a1 == b1 && a2 == b2 && a3 == b3 && a4 == b4
        case (.geo(let region), .geo(let other)): region == other
        default: false
        }
    }
}

/// A value that a payload value is compared with; the types must agree, and texts agree when their bytes do.
public enum MatchValue: Sendable {
    case keyword(String)
    case integer(Int64)
    case bool(Bool)
}

extension MatchValue: Hashable {
    public static func == (a: MatchValue, b: MatchValue) -> Bool {
        switch (a, b) {
        case (.keyword(let x), .keyword(let y)): x.hasSameBytes(as: y)
        case (.integer(let x), .integer(let y)): x == y
        case (.bool(let x), .bool(let y)): x == y
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .keyword(let text):
            text.hashBytes(into: &hasher)
        case .integer(let number): hasher.combine(number)
        case .bool(let flag): hasher.combine(flag)
        }
    }
}

extension MatchValue: Comparable {
    /// Booleans, then integers, then keywords; each by value.
    public static func < (a: MatchValue, b: MatchValue) -> Bool {
        switch (a, b) {
        case (.bool(let x), .bool(let y)): !x && y
        case (.integer(let x), .integer(let y)): x < y
        case (.keyword(let x), .keyword(let y)): x.precedesInBytes(y)
        case (.bool, _), (.integer, .keyword): true
        default: false
        }
    }
}

extension MatchValue {
    /// The value as one to compare with; `1.0` is no integer. nil for null, fractions, arrays and objects.
    package init?(exactly value: JSONValue) {
        switch value {
        case .string(let text): self = .keyword(text)
        case .bool(let flag): self = .bool(flag)
        case .integer(let number): self = .integer(number)
        default: return nil
        }
    }
}
