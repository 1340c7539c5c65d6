import CKernels
import Vectors

// A graph as bytes, little endian, version 2. It consists of parts of bounded size, so that several are read at the
// same time and none exceeds the size of one value in a database. Every part:
//
//     0   "CXGRAPH\n"                    8
//     8   format version                 u32
//     12  kind                           u32    0 head, 1 links, 2 codes
//         …
//         CRC-32C of all before          u32
//
// Head:
//     16  metric                         u32    0 cosine, 1 dot, 2 euclidean, 3 manhattan
//     20  bits of a code                 u32    4, 8; 0: rows are scored by their floats
//     24  rowCount, dimension, connections, width of level 0, buildBreadth, searchBreadth    u32 each
//     48  spread                         f32
//     52  whether the width was given    u32    0: it is the default of `connections`
//     56  seed                           u64
//     64  entry row, highest level       u32 each
//     72  levels                         u8  [rowCount]
//         links of the upper levels      u32 [Σ levels][connections]    row by row, from level 1 up
//         mean                           f32 [dimension]                only with codes
// Links and codes of some rows:
//     16  first row, how many            u32 each
//     24  links of level 0               u32 [rows][width]              unused slots: the row's own number; or
//         codes                          u8  [rows][stride], then scales f32 [rows], then for L2 biases f32 [rows]
//
// The floats are not part of it. The bytes come from disk: they are checked before they are used.

/// The bytes are not a graph of these rows: they are damaged, of another version, or of other rows. Rebuild the graph.
package struct GraphFormatError: Error, Equatable, CustomStringConvertible {
    package let reason: String
    package var description: String { "the graph cannot be read: \(reason); rebuild it" }
}

enum GraphFormat {
    static let magic: [UInt8] = Array("CXGRAPH\n".utf8)
    static let version: UInt32 = 2
    static let metrics: [Metric] = [.cosine, .dot, .euclidean, .manhattan]
    static let headBytes = 72
    static let rowsHeadBytes = 24

    enum Kind: UInt32 {
        case head, links, codes
    }

    /// The bytes of one part after `kind`, once its frame has been checked.
    static func open(_ bytes: UnsafeRawBufferPointer) throws(GraphFormatError) -> (kind: Kind, body: PartReader) {
        func fail(_ reason: String) -> GraphFormatError { GraphFormatError(reason: reason) }
        guard let start = bytes.baseAddress, bytes.count >= rowsHeadBytes + 4 else {
            throw fail("\(bytes.count) bytes are too few")
        }
        guard bytes.prefix(8).elementsEqual(magic) else { throw fail("its first bytes are not a graph's") }
        var body = PartReader(bytes: UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - 4)]), at: 8)
        let version = try body.word()
        guard version == Self.version else { throw fail("its format is version \(version)") }
        let checksum = UInt32(
            littleEndian: bytes.loadUnaligned(fromByteOffset: bytes.count - 4, as: UInt32.self))
        guard ck_crc32c(0, start, bytes.count - 4) == checksum else { throw fail("its checksum does not match") }
        let number = try body.word()
        guard let kind = Kind(rawValue: number) else { throw fail("its part is of kind \(number)") }
        return (kind, body)
    }
}

/// Reads the numbers of one part; no read goes beyond its bytes.
struct PartReader {
    let bytes: UnsafeRawBufferPointer
    var at: Int

    mutating func word() throws(GraphFormatError) -> UInt32 { try number(UInt32.self) }

    mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(
        _: Number.Type
    ) throws(GraphFormatError) -> Number {
        let size = MemoryLayout<Number>.size
        guard bytes.count - at >= size else { throw GraphFormatError(reason: "it ends too early") }
        defer { at += size }
        return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: Number.self))
    }

    /// Copies `count` elements without conversion; a part is written and read by machines of one byte order.
    mutating func copy<Element: BitwiseCopyable>(
        to target: UnsafeMutablePointer<Element>, count: Int
    ) throws(GraphFormatError) {
        let size = count * MemoryLayout<Element>.stride
        guard size <= bytes.count - at else { throw GraphFormatError(reason: "it ends too early") }
        if let start = bytes.baseAddress {
            UnsafeMutableRawPointer(target).copyMemory(from: start + at, byteCount: size)
        }
        at += size
    }

    func checkEnd() throws(GraphFormatError) {
        guard at == bytes.count else { throw GraphFormatError(reason: "it is longer than it says") }
    }
}

/// Writes one part.
struct PartWriter {
    private(set) var bytes: [UInt8]

    init(_ kind: GraphFormat.Kind, capacity: Int) {
        bytes = []
        bytes.reserveCapacity(capacity + GraphFormat.headBytes + 4)
        bytes += GraphFormat.magic
        put(GraphFormat.version)
        put(kind.rawValue)
    }

    mutating func put<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func put<Element: BitwiseCopyable>(_ elements: UnsafePointer<Element>, count: Int) {
        bytes.append(contentsOf: UnsafeRawBufferPointer(start: elements, count: count * MemoryLayout<Element>.stride))
    }

    consuming func finish() -> [UInt8] {
        put(ck_crc32c(0, bytes, bytes.count))
        return bytes
    }
}
