// Numbers of a request. A client may send any whole number, so arithmetic on them could trap and end the process.
// Each becomes a value of one of these types where it is read; the types have no operators, only the few operations
// that requests need, and none of these traps.

/// How many results are asked for: 0 or more.
package struct Limit: Hashable, Sendable {
    package let count: Int

    /// Results that one query or page may have.
    package static let most = Limit(within: EngineLimits.resultCount)

    /// nil for a negative number.
    package init?(_ count: Int) {
        guard count >= 0 else { return nil }
        self.count = count
    }

    /// The number itself, or the nearest one that is allowed.
    package init(within count: Int) { self.count = max(0, count) }

    /// Results up to the end of a page that begins at `offset`; nil when that is more than `most`.
    package func reaching(_ offset: Offset) -> Limit? {
        let (end, overflows) = count.addingReportingOverflow(offset.count)
        return overflows || end > Self.most.count ? nil : Limit(end)
    }

    /// As many as this, but `other` at most.
    package func atMost(_ other: Limit) -> Limit { count < other.count ? self : other }

    /// As many as this and `other` together; the largest limit where the sum is no number.
    package func with(_ other: Int) -> Limit {
        let (sum, overflows) = count.addingReportingOverflow(max(0, other))
        return overflows ? Limit(within: .max) : Limit(within: sum)
    }

    /// So many times as many; the largest limit where the product is no number.
    package func times(_ factor: Int) -> Limit {
        let (product, overflows) = count.multipliedReportingOverflow(by: max(0, factor))
        return overflows ? Limit(within: .max) : Limit(within: product)
    }
}

/// How many results are passed over before the first one of a page: 0 or more.
package struct Offset: Hashable, Sendable {
    package let count: Int

    package static let none = Offset(within: 0)

    /// nil for a negative number.
    package init?(_ count: Int) {
        guard count >= 0 else { return nil }
        self.count = count
    }

    package init(within count: Int) { self.count = max(0, count) }
}

extension Int {
    /// The whole number nearest to `number` towards zero, cut off at the ends of `Int`; 0 for NaN.
    package init(saturating number: Double) {
        self = number.isNaN ? 0 : Int(exactly: number.rounded(.towardZero)) ?? (number < 0 ? .min : .max)
    }
}
