import Files
import Foundation

// The file `<collection>.mark` beside a collection:
//
//     0   "CXMARK\n\0"     8
//     8   version           u32    1
//     12  store id          16 bytes
//     28  sequence          i64    a change up to which everything was acknowledged
//     36  CRC-32C of 0..<36 u32
//
// SQLite drops damaged frames of its log without an error: the file then looks complete but is an older one. The mark
// is written after each commit and before its acknowledgement, without a sync of its own. It outlives a killed process,
// and after a power cut it is at most older than the file. So a file that is behind its mark has lost changes.

/// The file beside a collection that says which store the collection is, and how far its changes were acknowledged.
struct AcknowledgedMark: Sendable, Equatable {
    let storeID: UUID
    let sequence: Int64

    static let suffix = ".mark"
    private static let magic: [UInt8] = Array("CXMARK\n\0".utf8)
    private static let version: UInt32 = 1
    private static let sizeBytes = 40

    /// The result of reading a mark.
    enum Reading: Equatable {
        case mark(AcknowledgedMark)
        case missing
        /// The bytes are damaged; the mark is written again from the collection.
        case damaged
    }

    private var bytes: [UInt8] {
        var bytes = Self.magic + Self.version.littleEndianBytes
        bytes += storeID.bytes + sequence.littleEndianBytes
        return bytes + crc32c(bytes).littleEndianBytes
    }

    private init?(bytes: [UInt8]) {
        guard bytes.count == Self.sizeBytes, bytes.starts(with: Self.magic),
            UInt32(littleEndianBytes: bytes[8..<12]) == Self.version,
            UInt32(littleEndianBytes: bytes[36..<40]) == crc32c(bytes[..<36]),
            let id = UUID(bytes: bytes[12..<28]), let sequence = Int64(littleEndianBytes: bytes[28..<36])
        else { return nil }
        storeID = id
        self.sequence = sequence
    }

    init(storeID: UUID, sequence: Int64) {
        self.storeID = storeID
        self.sequence = sequence
    }

    static func path(of collection: String) -> String { collection + suffix }

    /// Reads the mark beside the collection file at `collection`.
    static func read(beside collection: String) -> Reading {
        let path = path(of: collection)
        guard FileManager.default.fileExists(atPath: path) else { return .missing }
        guard let bytes = FileManager.default.contents(atPath: path), let mark = AcknowledgedMark(bytes: Array(bytes))
        else { return .damaged }
        return .mark(mark)
    }

    /// Writes a new mark. It gets its name when it is complete, and it is on disk when this returns.
    func create(beside collection: String) throws {
        let path = Self.path(of: collection)
        try DurableFile.write(bytes, to: path)
    }

    /// Raises the mark in place; a higher mark, which another process has written meanwhile, stays.
    ///
    /// A failure here loses no data; it only weakens the check, and the next opening repairs it.
    func raise(_ descriptor: Int32) {
        var old = [UInt8](repeating: 0, count: Self.sizeBytes)
        guard pread(descriptor, &old, old.count, 0) == old.count else { return }
        if let there = AcknowledgedMark(bytes: old), there.storeID == storeID, there.sequence >= sequence { return }
        let new = bytes
        _ = pwrite(descriptor, new, new.count, 0)
    }
}
