/// Counts by integer: a table with open addressing and linear probing, at most half full. It is several times as fast
/// as a `Dictionary`. The integers come from payloads, so that places depend on a number that nobody outside knows.
struct IntegerCounts {
    private var keys: [Int64] = []
    /// 0 marks a free place.
    private var counts: [Int] = []
    private var used = 0
    private var shift: UInt64 = 64

    private static let smallestSize = 64
    /// From here on the table grows with what comes.
    private static let largestHint = 1 << 16
    private static let processSeed = UInt64.random(in: .min ... .max)
    private let seed = Self.processSeed

    /// - Parameter expected: how many different integers there will be at most; a hint.
    init(expected: Int = 0) {
        guard expected > 0 else { return }
        makeRoom(2 << (Int.bitWidth - min(expected, Self.largestHint).leadingZeroBitCount))
    }

    /// Adds `count`, which is at least 1, to the count of `key`.
    mutating func add(_ key: Int64, _ count: Int) {
        if 2 * used >= keys.count { grow() }
        var place = place(of: key)
        while counts[place] != 0 {
            if keys[place] == key {
                counts[place] += count
                return
            }
            place = (place + 1) & (keys.count - 1)
        }
        (keys[place], counts[place]) = (key, count)
        used += 1
    }

    func forEach(_ body: (Int64, Int) -> Void) {
        for place in keys.indices where counts[place] != 0 { body(keys[place], counts[place]) }
    }

    /// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014, doi:10.1145/2714064.2660195), its highest bits.
    private func place(of key: Int64) -> Int {
        var mixed = UInt64(bitPattern: key) ^ seed
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int(truncatingIfNeeded: (mixed ^ (mixed >> 31)) >> shift)
    }

    private mutating func grow() {
        let old = self
        makeRoom(max(Self.smallestSize, 2 * keys.count))
        old.forEach { add($0, $1) }
    }

    /// - Parameter size: a power of two.
    private mutating func makeRoom(_ size: Int) {
        keys = [Int64](repeating: 0, count: size)
        counts = [Int](repeating: 0, count: size)
        used = 0
        shift = 64 - UInt64(size.trailingZeroBitCount)
    }
}
