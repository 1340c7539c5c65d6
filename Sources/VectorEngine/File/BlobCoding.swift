import CKernels

// The layout of derived data (segment row lists, indexes) as bytes. All numbers are little-endian.
//
//     magic u32 | version u32 | fields … | CRC-32C u32 of everything before
//
// A blob is a cache: a reader that finds it damaged rebuilds it from the rows.

/// Writes one blob.
struct BlobWriter {
    private(set) var bytes: [UInt8] = []

    init(magic: UInt32, version: UInt32) {
        put(magic)
        put(version)
    }

    mutating func put<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// The number of elements, then the elements as they are in memory.
    mutating func put<Element: BitwiseCopyable>(_ elements: [Element]) {
        put(UInt64(elements.count))
        elements.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    mutating func put(_ text: String) { put(Array(text.utf8)) }

    /// The blob, closed by its checksum.
    consuming func finish() -> [UInt8] {
        let checksum = crc32c(bytes)
        put(checksum)
        return bytes
    }
}

/// Why a blob was not read.
enum BlobError: Error, Equatable {
    case wrongChecksum, wrongMagic, unsupportedVersion(UInt32), truncated
}

/// Reads one blob without copying it. The checksum is checked first, and no read goes beyond the blob's bytes.
///
/// The memory must outlive the reader: it is only used inside the step that passed on the bytes.
struct BlobReader {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0
    private let end: Int
    /// The version that the blob was written in.
    let version: UInt32

    init(_ bytes: UnsafeRawBufferPointer, magic: UInt32, version: UInt32) throws(BlobError) {
        try self.init(bytes, magic: magic, versions: version...version)
    }

    init(_ bytes: UnsafeRawBufferPointer, magic: UInt32, versions: ClosedRange<UInt32>) throws(BlobError) {
        guard bytes.count >= 12 else { throw .truncated }
        self.bytes = bytes
        end = bytes.count - 4
        let stored = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: end, as: UInt32.self))
        guard crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<end])) == stored else { throw .wrongChecksum }
        guard UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)) == magic else { throw .wrongMagic }
        version = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        at = 8
        guard versions.contains(version) else { throw .unsupportedVersion(version) }
    }

    mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(_: Number.Type) throws(BlobError) -> Number {
        let size = MemoryLayout<Number>.size
        guard end - at >= size else { throw .truncated }
        let value = bytes.loadUnaligned(fromByteOffset: at, as: Number.self)
        at += size
        return Number(littleEndian: value)
    }

    mutating func array<Element: BitwiseCopyable>(of _: Element.Type) throws(BlobError) -> [Element] {
        let stride = MemoryLayout<Element>.stride
        guard let count = Int(exactly: try number(UInt64.self)), count <= (end - at) / stride else { throw .truncated }
        let source = UnsafeRawBufferPointer(rebasing: bytes[at..<at + count * stride])
        at += count * stride
        return [Element](unsafeUninitializedCapacity: count) { target, filled in
            UnsafeMutableRawBufferPointer(target).copyMemory(from: source)
            filled = count
        }
    }

    mutating func text() throws(BlobError) -> String { String(decoding: try array(of: UInt8.self), as: UTF8.self) }
}

/// CRC-32C (Castagnoli, RFC 3720) of `bytes`.
func crc32c(_ bytes: some Collection<UInt8>, seed: UInt32 = 0) -> UInt32 {
    func checksum(_ part: UnsafeRawBufferPointer) -> UInt32 {
        part.baseAddress.map { ck_crc32c(seed, $0, part.count) } ?? seed
    }
    return bytes.withContiguousStorageIfAvailable { checksum(UnsafeRawBufferPointer($0)) }
        ?? Array(bytes).withUnsafeBytes(checksum)
}
