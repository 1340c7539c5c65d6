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
    private let mapping: PageMapping

    /// Reserves zeroed memory for `capacity` rows; pages are taken from the system as they are first written.
    package init(dimension: Int, capacity: Int) {
        precondition(dimension > 0 && capacity >= 0)
        self.dimension = dimension
        self.capacity = capacity
        let (floats, overflow) = capacity.multipliedReportingOverflow(by: dimension)
        precondition(
            !overflow && floats < Int.max / 16, "\(capacity) rows of \(dimension) floats exceed all memory")
        // A kernel may read ahead of the last row up to one cache line; behind it there is always one.
        let needed = floats * MemoryLayout<Float>.stride + 64
        mapping = PageMapping(byteCount: needed)
        base = mapping.start.bindMemory(to: Float.self, capacity: needed / MemoryLayout<Float>.stride)
    }

    /// Where `row` begins: `dimension` floats.
    @inlinable package func vector(_ row: Int) -> UnsafePointer<Float> { UnsafePointer(base + row * dimension) }

    /// Appends one row; there must be room.
    package func append(_ vector: UnsafeBufferPointer<Float>) {
        precondition(vector.count == dimension && count < capacity)
        if let source = vector.baseAddress { (base + count * dimension).update(from: source, count: dimension) }
        count += 1
    }

    /// Appends one row of floats as they lie in a file, wherever they begin; there must be room.
    package func append(bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count == dimension * MemoryLayout<Float>.stride && count < capacity)
        UnsafeMutableRawBufferPointer(start: base + count * dimension, count: bytes.count).copyMemory(from: bytes)
        count += 1
    }

    /// Writes one row that nobody reads yet.
    package func write(_ vector: UnsafePointer<Float>, row: Int) {
        precondition(row >= 0 && row < count)
        (base + row * dimension).update(from: vector, count: dimension)
    }

    /// Appends `rows` zero rows.
    package func appendZeros(rows: Int) {
        precondition(rows >= 0 && count + rows <= capacity)
        count += rows
    }
}
