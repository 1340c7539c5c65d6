/// Whether, and how late, a call is made again.
package struct RetryPolicy: Sendable {
    /// The most tries, the first included.
    package var attempts = 4
    /// The longest pause before the second try; it doubles from try to try.
    package var firstPauseSeconds = 1.0
    /// A service that asks for a longer pause is reported instead of waited for.
    package var longestPauseSeconds = 30.0
    /// Whether a call that got no answer is made again, as one that got 429 or 5xx is.
    package var retriesFailures = false
    /// Tries again that may be made before a success; each success allows `perSuccess` more. So a service that is down
    /// is not asked several times as often as one that is well.
    package var budget = 10.0
    package var perSuccess = 0.1

    package init() {}

    /// Whether an answer of this status may be another one later.
    package static func isPassing(status: Int) -> Bool { status == 429 || status >= 500 }

    /// Seconds before try `attempt` (2, 3, …): what the service asks for in `Retry-After`, else a random part of the
    /// doubled pause ("full jitter": M. Brooker, Exponential Backoff And Jitter, AWS, 2015). A date is not read.
    ///
    /// - Parameter jitter: 0 … 1.
    package func pauseSeconds(before attempt: Int, retryAfter: String?, jitter: Double) -> Double {
        if let asked = retryAfter.flatMap({ Double($0) }), asked.isFinite, asked >= 0 { return asked }
        let doublings = max(0, min(attempt - 2, 16))
        return min(firstPauseSeconds * Double(1 << doublings), longestPauseSeconds) * jitter
    }
}

/// How many tries again are left.
package struct RetryBudget: Sendable {
    private let policy: RetryPolicy
    package private(set) var left: Double

    package init(_ policy: RetryPolicy) {
        self.policy = policy
        left = policy.budget
    }

    /// Takes one; false when none is left.
    package mutating func take() -> Bool {
        guard left >= 1 else { return false }
        left -= 1
        return true
    }

    package mutating func succeeded() { left = min(policy.budget, left + policy.perSuccess) }
}
