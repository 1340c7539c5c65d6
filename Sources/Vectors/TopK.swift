import CKernels

// The k nearest of a stream of (distance, row) pairs, as one ascending array of 64-bit keys (`ck_key`: the distance as
// an ordered integer, then the row), so that comparing two keys compares distance first and row second. A candidate
// that is farther than the last key is dismissed by one vector comparison; the others are put in place by binary search
// and one move of at most k keys. For small k this beats a heap: no branch depends on the order of the keys.
//
// Invariants: `keys[0..<capacity]` ascend; empty slots are `Int64.max`; eight more slots may be written behind them.

/// Rows one segment may hold: a row shares its key with a bit beside it.
package let maximumRowCount = Int(Int32.max)

/// A bounded list of the nearest rows offered so far. NaN distances are never taken.
package struct TopK: ~Copyable {
    package let capacity: Int
    let keys: UnsafeMutablePointer<Int64>
    /// The distance of the last, which no candidate may exceed; infinity while there are empty slots.
    package private(set) var worst = Float.infinity
    private let insert: ck_insert_fn

    package init(_ capacity: Int, kernels: DistanceKernels = .best) {
        precondition(capacity > 0 && capacity <= maximumRowCount)
        self.capacity = capacity
        keys = .allocate(capacity: capacity + 8)
        keys.initialize(repeating: .max, count: capacity + 8)
        insert = kernels.table.pointee.pool_insert
    }

    deinit { keys.deallocate() }

    /// Offers `count` rows; costs one comparison a row and one move for each row that is taken.
    package mutating func offer(_ distances: UnsafePointer<Float>, rows: UnsafePointer<UInt32>, count: Int) {
        _ = insert(keys, Int64(capacity), distances, rows, Int64(count), &worst)
    }

    /// What was kept, nearest first, equal distances by row.
    package func neighbors() -> [Neighbor] {
        var found: [Neighbor] = []
        for i in 0..<capacity where keys[i] != .max {
            found.append(Neighbor(distance: ck_key_distance(keys[i]), row: ck_key_row(keys[i])))
        }
        return found
    }
}
