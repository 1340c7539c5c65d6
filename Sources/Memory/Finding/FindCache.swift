import JSON
import Synchronization
import VectorEngine

/// Results of searches that asked to be remembered (`optimization.enable_caching`).
///
/// A result counts for as long as the collection is the same one and has not changed at all, nothing in it has expired,
/// and it is not older than `life`; the last because "last week" and the order by age move with the clock.
final class FindCache: Sendable {
    private struct Entry {
        let version: CollectionVersion
        /// Microseconds since 1970.
        let until: Int64
        let result: FindResult
    }

    private struct State {
        var entries: [ByteText: Entry] = [:]
        var hits = 0
        var misses = 0
    }

    private let limit: Int
    private let life: Int64
    private let state = Mutex(State())

    /// - Parameters:
    ///   - limit: Results that are kept; when there are more, all are forgotten.
    ///   - life: How long a result counts at most.
    init(limit: Int, life: Duration) {
        self.limit = limit
        self.life = life.components.seconds &* 1_000_000
    }

    /// The remembered result; counted as a hit or a miss.
    func result(of key: String, at version: CollectionVersion, now: Int64) -> FindResult? {
        state.withLock { state in
            guard let entry = state.entries[text: key], entry.version == version, entry.until > now else {
                state.misses += 1
                return nil
            }
            state.hits += 1
            return entry.result
        }
    }

    /// Remembers a result, unless reading it again would have to prolong something.
    func remember(_ result: FindResult, of key: String, at version: CollectionVersion, now: Int64) {
        guard result.degradedReason == nil, !result.items.contains(where: { $0.record.renewal != nil }) else { return }
        let end = result.items.compactMap(\.record.expiresAt).min() ?? .max
        state.withLock { state in
            if state.entries[text: key] == nil, state.entries.count >= limit { state.entries.removeAll() }
            state.entries[text: key] = Entry(version: version, until: min(end, now &+ life), result: result)
        }
    }

    /// Hits and misses since the start.
    var counts: (hits: Int, misses: Int) { state.withLock { ($0.hits, $0.misses) } }
}
