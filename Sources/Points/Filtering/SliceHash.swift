// SipHash-2-4 with a zero key (Aumasson and Bernstein, https://www.aumasson.jp/siphash/siphash.pdf): Qdrant cuts the
// space of ids into slices by it, and a client must find the same slice on both.

extension PointID {
    /// The hash whose remainder says to which slice a point belongs: of 8 little-endian bytes, or of a UUID's 16.
    package var sliceHash: UInt64 {
        switch self {
        case .number(let number): SipHash.hash([number], byteCount: 8)
        case .uuid(let uuid): SipHash.hash([uuid.high.byteSwapped, uuid.low.byteSwapped], byteCount: 16)
        }
    }
}

private struct SipHash {
    private var v0: UInt64 = 0x736F_6D65_7073_6575
    private var v1: UInt64 = 0x646F_7261_6E64_6F6D
    private var v2: UInt64 = 0x6C79_6765_6E65_7261
    private var v3: UInt64 = 0x7465_6462_7974_6573

    /// `words` are whole little-endian words of the message; the last block holds its length alone.
    static func hash(_ words: [UInt64], byteCount: UInt64) -> UInt64 {
        var state = SipHash()
        for word in words + [byteCount << 56] { state.absorb(word) }
        state.v2 ^= 0xFF
        for _ in 0..<4 { state.round() }
        return state.v0 ^ state.v1 ^ state.v2 ^ state.v3
    }

    private mutating func absorb(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    private mutating func round() {
        v0 &+= v1
        v1 = v1 << 13 | v1 >> 51
        v1 ^= v0
        v0 = v0 << 32 | v0 >> 32
        v2 &+= v3
        v3 = v3 << 16 | v3 >> 48
        v3 ^= v2
        v0 &+= v3
        v3 = v3 << 21 | v3 >> 43
        v3 ^= v0
        v2 &+= v1
        v1 = v1 << 17 | v1 >> 47
        v1 ^= v2
        v2 = v2 << 32 | v2 >> 32
    }
}
