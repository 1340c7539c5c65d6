import Foundation
import JSON

/// Times in a histogram of high dynamic range: buckets whose width grows with their value (as HdrHistogram by Gil Tene
/// has them), so that a percentile is at most one bucket too high, whatever the number of times.
package struct LatencyHistogram: Sendable {
    /// Buckets to each doubling: 128 are exact to less than one per cent, 3 to about a quarter.
    private let perDoubling: Double
    private var buckets: [Int: Int] = [:]
    package private(set) var count = 0
    /// Microseconds.
    package private(set) var longest = 0.0

    /// - Parameter perDoubling: 1 … 1024.
    package init(perDoubling: Int = 128) { self.perDoubling = Double(min(max(perDoubling, 1), 1_024)) }

    /// Times below a microsecond count as one; NaN counts as zero.
    package mutating func add(microseconds: Double) {
        guard !microseconds.isNaN else { return }
        let value = min(max(1, microseconds), 1e15)
        buckets[Int((log2(value) * perDoubling).rounded(.up)), default: 0] += 1
        count += 1
        longest = max(longest, min(microseconds, 1e15))
    }

    /// Milliseconds within which this share (0 … 1) of the times lies; 0 when there are none.
    package func percentile(_ share: Double) -> Double {
        var left = Int((share * Double(count)).rounded(.up))
        for (bucket, times) in buckets.sorted(by: { $0.key < $1.key }) {
            left -= times
            if left <= 0 { return min(exp2(Double(bucket) / perDoubling), longest) / 1000 }
        }
        return longest / 1000
    }

    /// `p50_ms`, `p95_ms`, `p99_ms` and `max_ms`.
    package var percentiles: JSONObject {
        func rounded(_ value: Double) -> JSONValue { .number((value * 1000).rounded() / 1000) }
        return [
            "p50_ms": rounded(percentile(0.5)), "p95_ms": rounded(percentile(0.95)),
            "p99_ms": rounded(percentile(0.99)), "max_ms": rounded(longest / 1000),
        ]
    }

    /// The number of times and the percentiles.
    package var json: JSONValue {
        let members: JSONObject = ["count": .integer(Int64(count))]
        return .object(members.merging(percentiles) { first, _ in first })
    }
}
