import Foundation
import JSON

/// Latencies in a histogram of high dynamic range: buckets whose width grows with their value (as HdrHistogram by
/// Gil Tene has them), here 128 to each doubling, so that a percentile is exact to less than one per cent.
struct LatencyHistogram {
    private static let perDoubling = 128
    private var buckets: [Int: Int] = [:]
    private(set) var count = 0
    private(set) var longest = 0.0

    mutating func add(microseconds: Double) {
        let value = max(1, microseconds)
        buckets[Int((log2(value) * Double(Self.perDoubling)).rounded(.up)), default: 0] += 1
        count += 1
        longest = max(longest, microseconds)
    }

    /// Milliseconds within which this share of the operations was done.
    func percentile(_ share: Double) -> Double {
        var left = Int((share * Double(count)).rounded(.up))
        for (bucket, operations) in buckets.sorted(by: { $0.key < $1.key }) {
            left -= operations
            if left <= 0 { return min(exp2(Double(bucket) / Double(Self.perDoubling)), longest) / 1000 }
        }
        return longest / 1000
    }

    var json: JSONValue {
        func rounded(_ value: Double) -> JSONValue { .number((value * 1000).rounded() / 1000) }
        return [
            "count": .integer(Int64(count)), "p50_ms": rounded(percentile(0.5)), "p95_ms": rounded(percentile(0.95)),
            "p99_ms": rounded(percentile(0.99)), "max_ms": rounded(longest / 1000),
        ]
    }
}
