import Files
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
        case .store, .update, .delete: storePerMinute
        case .find, .get, .list: findPerMinute
        case .status: statusPerMinute
        }
    }
}

/// A token bucket for each actor and tool.
final class RateLimiter: Sendable {
    private struct Key: Hashable {
        let actor: ByteText
        let tool: Telemetry.Tool
    }

    /// Actors that are remembered; beyond them those whose buckets are full again are forgotten.
    private static let rememberedActors = 10_000
    private static let burst = 2.0
    private static let microsecondsPerMinute: Int64 = 60_000_000
    private let limits: RateLimits?
    private let buckets: Mutex<[Key: TokenBucket]> = Mutex([:])

    init(_ limits: RateLimits?) { self.limits = limits }

    /// - Throws: `rateLimit` with the time after which a call is allowed again.
    func admit(_ tool: Telemetry.Tool, actor: String, at now: Int64) throws(MemoryError) {
        guard let perMinute = limits?.perMinute(tool) else { return }
        let most = Double(perMinute) * Self.burst
        let waitSeconds = buckets.withLock { buckets -> Double? in
            if buckets.count >= Self.rememberedActors {
                buckets = buckets.filter { now &- $0.value.filledAt < Self.microsecondsPerMinute }
            }
            return buckets[Key(actor: ByteText(actor), tool: tool), default: TokenBucket(most: most, at: now)]
                .take(perMinute: Double(perMinute), most: most, at: now)
        }
        guard let waitSeconds else { return }
        throw MemoryError(
            .rateLimit, "\(perMinute) calls of \(tool.rawValue) a minute are allowed; wait and try again",
            isRetryable: true, retryAfterMilliseconds: Int((waitSeconds * 1000).rounded(.up)))
    }

    func json(at now: Int64, actor: String) -> JSONValue {
        guard let limits else { return ["enabled": false] }
        var tools = JSONObject()
        for tool in Telemetry.Tool.allCases {
            let perMinute = limits.perMinute(tool)
            let most = Double(perMinute) * Self.burst
            var bucket =
                buckets.withLock { $0[Key(actor: ByteText(actor), tool: tool)] } ?? TokenBucket(most: most, at: now)
            bucket.fill(perMinute: Double(perMinute), most: most, at: now)
            tools[tool.rawValue] = [
                "per_minute": .integer(Int64(perMinute)), "burst": .integer(Int64(most)),
                "remaining": .integer(Int64(bucket.tokens)),
            ]
        }
        return ["enabled": true, "tools": .object(tools)]
    }
}
