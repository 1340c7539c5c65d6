import CKernels

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Zeroed memory straight from the system: pages are taken as they are first written, and given back as one piece.
///
/// From 2 MiB on it is aligned to whole huge pages and asked to be made of them (12–18 % more queries a second,
/// measured on a graph of 200 000 × 384 floats).
package final class PageMapping: @unchecked Sendable {
    package let start: UnsafeMutableRawPointer
    package let byteCount: Int
    private let mapping: UnsafeMutableRawPointer
    private let mappedByteCount: Int

    private static let hugePageBytes = 2 << 20

    /// Stops the process when there is no memory.
    package init(byteCount: Int) {
        precondition(byteCount >= 0 && byteCount < Int.max / 2, "\(byteCount) bytes exceed all memory")
        self.byteCount = byteCount
        let needed = max(byteCount, 1)
        let isHuge = needed >= Self.hugePageBytes
        mappedByteCount = isHuge ? needed + Self.hugePageBytes : needed
        let raw = mmap(nil, mappedByteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let raw, raw != MAP_FAILED else { fatalError("out of memory for \(needed) bytes") }
        mapping = raw
        start = isHuge ? raw.alignedUp(toMultipleOf: Self.hugePageBytes) : raw
        if isHuge { ck_advise_huge_pages(start, needed) }
    }

    deinit { munmap(mapping, mappedByteCount) }
}
