/// So many calls a minute, evenly: each call takes a token, and tokens come back with the time.
package struct TokenBucket: Sendable, Equatable {
    /// What is left, as of `filledAt`.
    package private(set) var tokens: Double
    /// When it was last looked at, in microseconds.
    package private(set) var filledAt: Int64

    private static let microsecondsPerMinute = 60_000_000.0

    /// A bucket that has `most` tokens.
    package init(most: Double, at now: Int64) {
        tokens = most
        filledAt = now
    }

    /// Takes a token where there is one.
    ///
    /// - Parameter most: as many tokens as the bucket ever holds.
    /// - Parameter now: microseconds; a clock that goes back fills nothing.
    /// - Returns: seconds until there is a token; nil when one was taken.
    package mutating func take(perMinute: Double, most: Double, at now: Int64) -> Double? {
        fill(perMinute: perMinute, most: most, at: now)
        guard tokens >= 1 else { return (1 - tokens) * 60 / perMinute }
        tokens -= 1
        return nil
    }

    /// Adds the tokens that came back since the bucket was last looked at.
    package mutating func fill(perMinute: Double, most: Double, at now: Int64) {
        let (passed, overflow) = now.subtractingReportingOverflow(filledAt)
        let gained = overflow ? most : Double(max(0, passed)) / Self.microsecondsPerMinute * perMinute
        tokens = min(most, tokens + gained)
        filledAt = max(now, filledAt)
    }
}
