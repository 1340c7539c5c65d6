import CKernels
import Vectors

/// The links of level 0 of a finished graph. A row number takes as many bits as the largest number needs, so that 48
/// links between 100 000 rows take two cache lines instead of three.
///
///     packed       [rowCount][rowBytes] u8   `width` numbers of `bits` bits, the lowest bits first, then zeros up to a
///                                            whole line. Unused slots hold the row's own number
///
/// Several threads may write different rows at the same time; a row does not change once it is written.
final class PackedLinks {
    let rowCount: Int
    let width: Int
    let bits: Int
    let rowBytes: Int
    private let packed: UnsafeMutablePointer<UInt8>
    private let mapping: PageMapping

    /// Bytes that unpacking may read beyond the last row.
    private static let bytesReadBeyond = 128

    /// All zeros; the caller writes every row.
    init(rowCount: Int, width: Int) {
        self.rowCount = rowCount
        self.width = width
        bits = max(1, Int.bitWidth - max(rowCount - 1, 0).leadingZeroBitCount)
        rowBytes = (width * bits + 511) / 512 * 64
        let byteCount = rowCount * rowBytes + Self.bytesReadBeyond
        mapping = PageMapping(byteCount: byteCount)
        packed = mapping.start.bindMemory(to: UInt8.self, capacity: byteCount)
    }

    /// Bytes in memory.
    var byteCount: Int { rowCount * rowBytes }

    /// Packs the `width` links of one row, each below `rowCount`.
    func set(_ row: Int, _ links: UnsafePointer<UInt32>) {
        var at = packed + row * rowBytes
        var waiting: UInt64 = 0
        var waitingBits = 0
        for slot in 0..<width {
            waiting |= UInt64(links[slot]) << UInt64(waitingBits)
            waitingBits += bits
            while waitingBits >= 8 {
                at.pointee = UInt8(truncatingIfNeeded: waiting)
                at += 1
                waiting >>= 8
                waitingBits -= 8
            }
        }
        if waitingBits > 0 { at.pointee = UInt8(truncatingIfNeeded: waiting) }
    }

    /// The links as a walk reads them.
    var layer: PackedLayer {
        PackedLayer(
            packed: packed, rowBytes: rowBytes, bits: bits, width: width,
            unpack: DistanceKernels.best.table.pointee.unpack)
    }

    /// Writes the links of one row with its free slots to `out` (which has `width` and `PackedLayer.slack` more slots).
    func copy(_ row: Int, to out: UnsafeMutablePointer<UInt32>) { layer.unpack(UInt32(row), into: out) }

    /// The links of `row`, without the free slots.
    func links(of row: Int) -> [UInt32] {
        [UInt32](unsafeUninitializedCapacity: width + PackedLayer.slack) { links, count in
            guard let start = links.baseAddress else { return }
            copy(row, to: start)
            while count < width && start[count] != UInt32(row) { count += 1 }
        }
    }
}

/// Links of level 0 of a finished graph: only pointers, which a walk copies into its local variables.
struct PackedLayer: LinkLayer {
    fileprivate let packed: UnsafePointer<UInt8>
    fileprivate let rowBytes: Int
    fileprivate let bits: Int
    let width: Int
    fileprivate let unpack: ck_unpack_fn

    /// How many numbers beyond the links unpacking a row writes.
    static let slack = 16

    fileprivate init(
        packed: UnsafeMutablePointer<UInt8>, rowBytes: Int, bits: Int, width: Int, unpack: @escaping ck_unpack_fn
    ) {
        self.packed = UnsafePointer(packed)
        (self.rowBytes, self.bits, self.width, self.unpack) = (rowBytes, bits, width, unpack)
    }

    /// Writes the links of `id` to `out` (which has `width` and `slack` more slots).
    @inline(__always)
    func unpack(_ id: UInt32, into out: UnsafeMutablePointer<UInt32>) {
        unpack(packed + Int(id) &* rowBytes, bits, width, out)
    }

    @inline(__always)
    func gather(
        _ id: UInt32, visited: UnsafePointer<UInt8>, epoch: UInt8, into out: UnsafeMutablePointer<UInt32>,
        _ kernels: UnsafePointer<ck_kernels>
    ) -> Int {
        kernels.pointee.gather_packed(packed + Int(id) &* rowBytes, bits, width, visited, epoch, out)
    }

    @inline(__always)
    func prefetch(_ id: UInt32) { ck_prefetch_range(packed + Int(id) &* rowBytes, rowBytes) }
}
