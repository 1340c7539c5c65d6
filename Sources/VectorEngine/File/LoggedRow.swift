/// A row as it is in `points` and `vectors`.
struct LoggedRow: Sendable, Equatable {
    let sequence: Int64
    let key: [UInt8]
    let payload: [UInt8]
    let sparse: [UInt8]
    let dense: [UInt8]
    let checksum: Int64
    let denseChecksum: Int64

    /// Whether the bytes match their checksums.
    var isWhole: Bool {
        Int64(crc32c(sparse, seed: crc32c(payload, seed: crc32c(key)))) == checksum
            && Int64(StoredRow.denseChecksum(dense, sequence: sequence)) == denseChecksum
    }
}
