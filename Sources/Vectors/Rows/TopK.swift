import CKernels

// The k nearest of a stream of (distance, row) pairs, as one ascending array of 64-bit keys (`ck_key`: the distance as
// an ordered integer, then the row). Comparing two keys compares the distances first and the rows second. One vector
// comparison rejects the candidates that are farther than the last key; the others are inserted by comparing and moving
// whole registers of keys. For small k this is faster than a heap, because no branch depends on the order of the keys.
//
// Invariants: see `ck_pool`.

/// The most rows of one segment: a row shares its half of the key with one bit.
package let maximumRowCount = Int(Int32.max)

/// A bounded list of the nearest rows offered so far. A NaN distance is never kept.
package struct TopK: ~Copyable {
    package let capacity: Int
    private var pool: ck_pool
    private let insert: ck_insert_fn

    package init(_ capacity: Int, kernels: DistanceKernels = .best) {
        precondition(capacity > 0 && capacity <= maximumRowCount)
        self.capacity = capacity
        pool = .empty(capacity)
        insert = kernels.table.pointee.pool_insert
    }

    deinit { pool.deallocate() }

    /// The distance of the last row, which no later candidate may exceed; infinity while there are free slots.
    package var worst: Float { pool.limit }

    /// Offers `count` rows; costs one comparison for each row, and one move for each row that is kept.
    package mutating func offer(_ distances: UnsafePointer<Float>, rows: UnsafePointer<UInt32>, count: Int) {
        _ = insert(&pool, distances, rows, Int64(count))
    }

    /// The rows that were kept, nearest first; equal distances by row.
    package func neighbors() -> [Neighbor] { pool.neighbors() }
}

extension ck_pool {
    /// A pool of `capacity` free slots in memory of its own, which the caller deallocates.
    package static func empty(_ capacity: Int) -> ck_pool {
        let slots = ck_pool_slots(capacity)
        // Keys are moved eight at a time; a move across two cache lines takes twice as long.
        let keys = UnsafeMutableRawPointer.allocate(byteCount: slots * MemoryLayout<Int64>.stride, alignment: 64)
            .bindMemory(to: Int64.self, capacity: slots)
        keys.initialize(repeating: .max, count: slots)
        return ck_pool(keys: keys, capacity: Int64(capacity), count: 0, limit: .infinity)
    }

    package func deallocate() { UnsafeMutableRawPointer(keys).deallocate() }

    /// The rows in the pool, nearest first.
    func neighbors() -> [Neighbor] {
        (0..<Int(count)).map { Neighbor(distance: ck_key_distance(keys[$0]), row: ck_key_row(keys[$0])) }
    }
}
