import Foundation

/// The time of day, for callers that were not given a clock.
package enum WallClock {
    /// Microseconds since 1970 in UTC.
    package static func microseconds() -> Int64 {
        var time = timespec()
        guard unsafe clock_gettime(CLOCK_REALTIME, &time) == 0 else { return 0 }
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
