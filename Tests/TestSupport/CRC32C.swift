/// The checksum of Castagnoli's polynomial bit by bit, as RFC 3720 defines it: what the quick one is judged by.
package func crc32cBitByBit(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var state: UInt32 = .max
    for byte in bytes {
        state ^= UInt32(byte)
        for _ in 0..<8 { state = state & 1 == 1 ? state >> 1 ^ 0x82F6_3B78 : state >> 1 }
    }
    return ~state
}
