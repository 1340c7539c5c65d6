/// The number of points of a collection, and two sums that change with every point.
///
/// It is written in the same transaction as the rows. So it shows if a row is missing, was never written, or is older
/// than the acknowledged one. The sums do not depend on an order: a change subtracts the old row and adds the new one.
struct PointTally: Sendable, Equatable {
    private(set) var count: Int64 = 0
    /// Σ mix(sequence, CRC-32C of the id's key), modulo 2^64: compared with the index of ids at every opening.
    private(set) var ids: UInt64 = 0
    /// Σ mix(sequence, the row's checksum), modulo 2^64: compared with the rows by `verify` and by the scrub.
    private(set) var rows: UInt64 = 0

    init() {}

    init(count: Int64, ids: UInt64, rows: UInt64) {
        (self.count, self.ids, self.rows) = (count, ids, rows)
    }

    mutating func add(sequence: Int64, key: some Collection<UInt8>, checksum: Int64) {
        addID(sequence: sequence, key: key)
        rows &+= Self.mix(sequence, UInt64(bitPattern: checksum))
    }

    mutating func subtract(sequence: Int64, key: some Collection<UInt8>, checksum: Int64) {
        count &-= 1
        ids &-= Self.mix(sequence, UInt64(crc32c(key)))
        rows &-= Self.mix(sequence, UInt64(bitPattern: checksum))
    }

    /// Counts an entry of the index of ids, which does not have the row's checksum.
    mutating func addID(sequence: Int64, key: some Collection<UInt8>) {
        count &+= 1
        ids &+= Self.mix(sequence, UInt64(crc32c(key)))
    }

    /// Whether the index of ids has exactly the ids that were written.
    func matchesIDs(of other: PointTally) -> Bool { count == other.count && ids == other.ids }

    /// The finaliser of MurmurHash3 (Appleby) over both numbers.
    private static func mix(_ sequence: Int64, _ checksum: UInt64) -> UInt64 {
        var z = UInt64(bitPattern: sequence) &* 0x9E37_79B9_7F4A_7C15 ^ checksum &* 0xC2B2_AE3D_27D4_EB4F
        z = (z ^ z >> 33) &* 0xFF51_AFD7_ED55_8CCD
        z = (z ^ z >> 33) &* 0xC4CE_B9FE_1A85_EC53
        return z ^ z >> 33
    }
}
