/// Decides whether a service that fails is called at all: a value without I/O and without a clock.
///
/// Closed, every call goes through. It opens when a window of time has seen `mostFailures` failures, or, from
/// `leastCalls` calls on, when `mostFailedShare` of them failed. Open, calls are refused until `restSeconds` are over;
/// then one call goes through as a probe (half open): its success closes the breaker, its failure opens it again.
/// Source: M. Nygard, Release It!, second edition, 5.2.
package struct CircuitBreaker: Sendable {
    /// When a breaker opens, and for how long.
    package struct Limits: Sendable {
        package var windowSeconds = 60.0
        package var mostFailures = 10
        package var mostFailedShare = 0.05
        package var leastCalls = 100
        package var restSeconds = 30.0

        package init() {}
    }

    package enum State: String, Sendable {
        case closed, open, halfOpen
    }

    package enum Admission: Sendable, Equatable {
        case call
        /// Seconds until a call is let through.
        case refuse(seconds: Double)
    }

    private let limits: Limits
    package private(set) var state = State.closed
    /// The calls of this window and when it began, in seconds.
    private var calls = 0
    private var failures = 0
    private var windowBegan = 0.0
    private var openedAt = 0.0
    private var isProbing = false

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// - Parameter now: seconds of a clock that never goes back.
    package mutating func admit(now: Double) -> Admission {
        switch state {
        case .closed: return .call
        case .open:
            let rest = openedAt + limits.restSeconds - now
            guard rest <= 0 else { return .refuse(seconds: rest) }
            state = .halfOpen
            isProbing = true
            return .call
        case .halfOpen:
            guard !isProbing else { return .refuse(seconds: limits.restSeconds) }
            isProbing = true
            return .call
        }
    }

    /// Notes how an admitted call ended; nil when that says nothing about the service, as when it was cancelled.
    package mutating func record(succeeded: Bool?, now: Double) {
        if state == .halfOpen {
            isProbing = false
            guard let succeeded else { return }
            if succeeded { close(now) } else { open(now) }
            return
        }
        // The end of a call that began before the breaker opened.
        guard state == .closed, let succeeded else { return }
        if now - windowBegan > limits.windowSeconds { close(now) }
        calls += 1
        if !succeeded { failures += 1 }
        let isFailing = calls >= limits.leastCalls && Double(failures) >= limits.mostFailedShare * Double(calls)
        if failures >= limits.mostFailures || isFailing { open(now) }
    }

    private mutating func close(_ now: Double) {
        state = .closed
        calls = 0
        failures = 0
        windowBegan = now
    }

    private mutating func open(_ now: Double) {
        state = .open
        openedAt = now
    }
}
