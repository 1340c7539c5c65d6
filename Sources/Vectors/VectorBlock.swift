#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Float32 vectors, rows × dimension, row-major, in one piece of memory that never moves.
///
/// One writer may append while others read the rows that existed when they were handed the block: rows below the
/// `count` a reader was given never change. The owner hands out counts in order (see `Searcher`).
package final class VectorBlock: @unchecked Sendable {
    package let dimension: Int
    /// Rows the memory has room for.
    package let capacity: Int
    /// Rows written so far; for the writer alone.
    package private(set) var count = 0
    package let base: UnsafeMutablePointer<Float>
    private let byteCount: Int

    /// Reserves zeroed memory for `capacity` rows, aligned for huge pages.
    package init(dimension: Int, capacity: Int) {
        precondition(dimension > 0 && capacity >= 0)
        self.dimension = dimension
        self.capacity = capacity
        byteCount = max(64, capacity * dimension * MemoryLayout<Float>.stride + 64)
        let raw = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let raw, raw != MAP_FAILED else { fatalError("out of memory for \(byteCount) bytes of vectors") }
        base = raw.bindMemory(to: Float.self, capacity: byteCount / MemoryLayout<Float>.stride)
    }

    deinit { munmap(base, byteCount) }

    /// Where `row` begins: `dimension` floats.
    @inlinable package func vector(_ row: Int) -> UnsafePointer<Float> { UnsafePointer(base + row * dimension) }

    /// Appends one row; there must be room.
    package func append(_ vector: UnsafeBufferPointer<Float>) {
        precondition(vector.count == dimension && count < capacity)
        if let source = vector.baseAddress { (base + count * dimension).update(from: source, count: dimension) }
        count += 1
    }

    /// Appends `rows` zero rows.
    package func appendZeros(rows: Int) {
        precondition(rows >= 0 && count + rows <= capacity)
        count += rows
    }
}
