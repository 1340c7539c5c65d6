import Synchronization
import Vectors

/// Finds rows of an immutable segment by id: a hash table of row numbers, since the segment's column holds the ids.
///
/// Open addressing with linear probing; 4 to 8 bytes a row. A segment that keeps deleted rows for its graph may hold an
/// id more than once. The table is made when an id is first asked for, which a search by vectors never does.
final class IDIndex: Sendable {
    private let ids: PointIDColumn
    private let rowCount: Int
    /// Row + 1; 0 is an empty slot. The length is a power of two; nothing before the table is made.
    private let table = Mutex<[UInt32]>([])

    init(_ ids: PointIDColumn, rowCount: Int) {
        (self.ids, self.rowCount) = (ids, rowCount)
    }

    private var slots: [UInt32] {
        table.withLock { table in
            if table.isEmpty { table = Self.table(of: ids, rowCount: rowCount) }
            return table
        }
    }

    private static func table(of ids: PointIDColumn, rowCount: Int) -> [UInt32] {
        var size = 16
        while size * 2 < rowCount * 3 { size *= 2 }
        return [UInt32](unsafeUninitializedCapacity: size) { slots, count in
            slots.initialize(repeating: 0)
            for row in 0..<rowCount {
                var at = ids[row].hash & (size - 1)
                while slots[at] != 0 { at = (at + 1) & (size - 1) }
                slots[at] = UInt32(row) + 1
            }
            count = size
        }
    }

    /// The first row that `matches` among those with `id`.
    func row(of id: PointID, where matches: (UInt32) -> Bool) -> UInt32? {
        let slots = slots
        let packed = PackedPointID(id)
        var at = packed.hash & (slots.count - 1)
        while slots[at] != 0 {
            let row = slots[at] - 1
            if ids[Int(row)] == packed, matches(row) { return row }
            at = (at + 1) & (slots.count - 1)
        }
        return nil
    }
}

/// Finds rows of a growing segment by id. It is extended when an id is asked for, by the rows that have come since.
///
/// A point that is written again has several rows: each row leads to the one before it, and a view takes the newest
/// row that it has and that is not deleted in it.
final class GrowingIDIndex: Sendable {
    private struct State {
        var newest: [PackedPointID: UInt32] = [:]
        /// For each row the row before it of the same point, plus one; 0 where there is none.
        var previous: [UInt32] = []
    }

    private let state = Mutex(State())

    /// - Parameters:
    ///   - ids: the segment's ids.
    ///   - rowCount: rows of the view that asks.
    ///   - isLive: whether a row is not deleted in that view.
    func row(of id: PointID, in ids: PointIDColumn, rowCount: Int, where isLive: (UInt32) -> Bool) -> UInt32? {
        state.withLock { state in
            while state.previous.count < rowCount {
                let row = UInt32(state.previous.count)
                let before = state.newest.updateValue(row, forKey: ids[Int(row)])
                state.previous.append(before.map { $0 + 1 } ?? 0)
            }
            var row = state.newest[PackedPointID(id)]
            while let candidate = row {
                if candidate < rowCount, isLive(candidate) { return candidate }
                let before = state.previous[Int(candidate)]
                row = before == 0 ? nil : before - 1
            }
            return nil
        }
    }
}
