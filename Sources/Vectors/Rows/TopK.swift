import CKernels

// The k nearest of a stream of (distance, row) pairs, as one ascending array of 64-bit keys (`ck_key`: the distance as
// an ordered integer, then the row), so that comparing two keys compares distance first and row second. A candidate
// that is farther than the last key is dismissed by one vector comparison; the others are put in place by comparing and
// moving whole registers of keys. For small k this beats a heap: no branch depends on the order of the keys.
//
// Invariants: those of `ck_pool`.

/// Rows one segment may hold: a row shares its key with a bit beside it.
package let maximumRowCount = Int(Int32.max)

/// A bounded list of the nearest rows offered so far. NaN distances are never taken.
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

    /// The distance of the last, which no candidate may exceed; infinity while there are empty slots.
    package var worst: Float { pool.limit }

    /// Offers `count` rows; costs one comparison a row and one move for each row that is taken.
    package mutating func offer(_ distances: UnsafePointer<Float>, rows: UnsafePointer<UInt32>, count: Int) {
        _ = insert(&pool, distances, rows, Int64(count))
    }

    /// What was kept, nearest first, equal distances by row.
    package func neighbors() -> [Neighbor] { pool.neighbors() }
}

extension ck_pool {
    /// A pool of `capacity` empty slots in memory of its own, which whoever asked for it deallocates.
    package static func empty(_ capacity: Int) -> ck_pool {
        let slots = ck_pool_slots(capacity)
        // Keys are moved eight at a time, which takes twice as long across the border of two cache lines.
        let keys = UnsafeMutableRawPointer.allocate(byteCount: slots * MemoryLayout<Int64>.stride, alignment: 64)
            .bindMemory(to: Int64.self, capacity: slots)
        keys.initialize(repeating: .max, count: slots)
        return ck_pool(keys: keys, capacity: Int64(capacity), count: 0, limit: .infinity)
    }

    package func deallocate() { UnsafeMutableRawPointer(keys).deallocate() }

    /// What the pool holds, nearest first.
    func neighbors() -> [Neighbor] {
        (0..<Int(count)).map { Neighbor(distance: ck_key_distance(keys[$0]), row: ck_key_row(keys[$0])) }
    }
}
