import Vectors

/// Finds rows of an immutable segment by id: a hash table of row numbers, since the ids stand in the segment's column.
///
/// Open addressing with linear probing; 4 to 8 bytes a row. A segment that keeps deleted rows for its graph may hold an
/// id more than once.
struct IDIndex: Sendable {
    private let ids: AppendOnlyColumn<PackedPointID>
    /// Row + 1; 0 is an empty slot. The length is a power of two.
    private let slots: [UInt32]

    init(_ ids: AppendOnlyColumn<PackedPointID>, rowCount: Int) {
        self.ids = ids
        var size = 16
        while size * 2 < rowCount * 3 { size *= 2 }
        slots = [UInt32](unsafeUninitializedCapacity: size) { slots, count in
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
