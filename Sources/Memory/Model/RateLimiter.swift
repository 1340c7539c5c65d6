import JSON
import Synchronization

/// Calls a minute that one actor may make; twice as many may come at once.
package struct RateLimits: Sendable, Equatable {
    package var storePerMinute = 100
    package var findPerMinute = 200
    package var statusPerMinute = 30

    package init() {}

    func perMinute(_ tool: Telemetry.Tool) -> Int {
        switch tool {
        case .store: storePerMinute
        case .find: findPerMinute
        case .status: statusPerMinute
        }
    }
}

/// A token bucket for each actor and tool.
final class RateLimiter: Sendable {
    private struct Bucket: Sendable {
        var tokens: Double
        var last: Int64
    }

    private struct Key: Hashable {
        let actor: ByteText
        let tool: Telemetry.Tool
    }

    /// Actors that are remembered; beyond them those whose buckets are full again are forgotten.
    private static let rememberedActors = 10_000
    private static let burst = 2.0
    private let limits: RateLimits?
    private let buckets: Mutex<[Key: Bucket]> = Mutex([:])

    init(_ limits: RateLimits?) { self.limits = limits }

    private func refilled(_ bucket: Bucket?, _ perMinute: Int, at now: Int64) -> Bucket {
        let most = Double(perMinute) * Self.burst
        guard let bucket else { return Bucket(tokens: most, last: now) }
        let gained = Double(max(0, now &- bucket.last)) / 60_000_000 * Double(perMinute)
        return Bucket(tokens: min(most, bucket.tokens + gained), last: max(now, bucket.last))
    }

    /// - Throws: `rateLimit` with the time after which a call is allowed again.
    func admit(_ tool: Telemetry.Tool, actor: String, at now: Int64) throws(MemoryError) {
        guard let perMinute = limits?.perMinute(tool) else { return }
        let wait = buckets.withLock { buckets -> Double? in
            if buckets.count >= Self.rememberedActors {
                buckets = buckets.filter { now &- $0.value.last < 60_000_000 }
            }
            let key = Key(actor: ByteText(actor), tool: tool)
            var bucket = refilled(buckets[key], perMinute, at: now)
            defer { buckets[key] = bucket }
            guard bucket.tokens >= 1 else { return (1 - bucket.tokens) / Double(perMinute) * 60_000 }
            bucket.tokens -= 1
            return nil
        }
        guard let wait else { return }
        throw MemoryError(
            .rateLimit, "\(perMinute) calls of \(tool.rawValue) a minute are allowed; wait and try again",
            isRetryable: true, retryAfterMilliseconds: Int(wait.rounded(.up)))
    }

    func json(at now: Int64, actor: String) -> JSONValue {
        guard let limits else { return ["enabled": false] }
        var tools = JSONObject()
        for tool in Telemetry.Tool.allCases {
            let perMinute = limits.perMinute(tool)
            let bucket = buckets.withLock { $0[Key(actor: ByteText(actor), tool: tool)] }
            let left = refilled(bucket, perMinute, at: now).tokens
            tools[tool.rawValue] = [
                "per_minute": .integer(Int64(perMinute)), "burst": .integer(Int64(Double(perMinute) * Self.burst)),
                "remaining": .integer(Int64(left)),
            ]
        }
        return ["enabled": true, "tools": .object(tools)]
    }
}
