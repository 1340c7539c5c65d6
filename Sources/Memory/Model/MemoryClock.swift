import Synchronization
import VectorEngine

/// Stamps that never repeat in a process and the ids made of them, so that id order is insertion order.
///
/// An id is a UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, the version, 12 bits that hold the
/// microseconds within the millisecond times four (section 6.2, method 3), the variant, 50 random bits and
/// twelve zeros, where the chunks of a memory have their number.
final class MemoryClock: Sendable {
    private let now: @Sendable () -> Int64
    private let random: @Sendable () -> UInt64
    private let last = Mutex<Int64>(0)

    /// - Parameter now: microseconds since 1970 in UTC.
    init(now: @escaping @Sendable () -> Int64, random: @escaping @Sendable () -> UInt64) {
        self.now = now
        self.random = random
    }

    /// The time as it is; two calls may give the same.
    func time() -> Int64 { now() }

    /// The time, moved on by a microsecond where that is needed to be later than every stamp before.
    func stamp() -> Int64 {
        let time = now()
        return last.withLock { last in
            last = time > last ? time : last &+ 1
            return last
        }
    }

    /// The id that belongs to `stamp`.
    func id(stamp: Int64) -> UUIDBytes {
        let micros = UInt64(max(0, stamp))
        let high = (micros / 1000) << 16 | 0x7000 | (micros % 1000) << 2
        return UUIDBytes(high: high, low: (random() >> 2 | 1 << 63) & ~0xFFF)
    }

    /// 16 random hex digits, for batches and searches.
    func token() -> String {
        let digits = String(random(), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
