/// Float32 vectors, rows × dimension, row-major, in one piece of memory that never moves.
///
/// One writer may append rows while others read. A reader is given a `count`, and the rows below it never change. The
/// owner gives out the counts in ascending order (see `Searcher`).
package final class VectorBlock: @unchecked Sendable {
    package let dimension: Int
    /// The number of rows for which there is memory.
    package let capacity: Int
    /// Rows written so far; only the writer may read this.
    package private(set) var count = 0
    package let base: UnsafeMutablePointer<Float>
    private let mapping: PageMapping

    /// Reserves zeroed memory for `capacity` rows; a page takes memory when it is first written.
    package init(dimension: Int, capacity: Int) {
        precondition(dimension > 0 && capacity >= 0)
        self.dimension = dimension
        self.capacity = capacity
        let (floats, overflow) = capacity.multipliedReportingOverflow(by: dimension)
        precondition(
            !overflow && floats < Int.max / 16, "\(capacity) rows of \(dimension) floats exceed all memory")
        // A kernel may read up to one cache line beyond the last row, so there is always one more line.
        let needed = floats * MemoryLayout<Float>.stride + 64
        mapping = PageMapping(byteCount: needed)
        base = mapping.start.bindMemory(to: Float.self, capacity: needed / MemoryLayout<Float>.stride)
    }

    /// The address of `row`: `dimension` floats.
    @inlinable package func vector(_ row: Int) -> UnsafePointer<Float> { UnsafePointer(base + row * dimension) }

    /// Appends one row; the block must not be full.
    package func append(_ vector: UnsafeBufferPointer<Float>) {
        precondition(vector.count == dimension && count < capacity)
        if let source = vector.baseAddress { (base + count * dimension).update(from: source, count: dimension) }
        count += 1
    }

    /// Appends one row of floats as they are in a file, at any alignment; the block must not be full.
    package func append(bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count == dimension * MemoryLayout<Float>.stride && count < capacity)
        UnsafeMutableRawBufferPointer(start: base + count * dimension, count: bytes.count).copyMemory(from: bytes)
        count += 1
    }

    /// Writes one row that no thread reads yet.
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
