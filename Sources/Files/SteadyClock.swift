/// A clock that never goes back, whatever is done to the time of day: for pauses and rates.
package enum SteadyClock {
    private static let began = ContinuousClock.now

    /// Seconds since this process first asked.
    package static func seconds() -> Double {
        let (seconds, attoseconds) = began.duration(to: .now).components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }

    /// Whole microseconds since this process first asked.
    package static func microseconds() -> Int64 {
        let (seconds, attoseconds) = began.duration(to: .now).components
        return seconds &* 1_000_000 &+ attoseconds / 1_000_000_000_000
    }
}
