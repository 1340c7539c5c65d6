import Vectors

/// Memory for a fixed number of trivial values. One writer appends values while others read the earlier ones.
///
/// As with `VectorBlock`, a reader only reads below the count that it was given with the column.
final class AppendOnlyColumn<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    private let base: UnsafeMutablePointer<Element>
    private let capacity: Int
    private var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(capacity: max(1, capacity))
    }

    /// A column that is full.
    convenience init(_ elements: [Element]) {
        self.init(capacity: elements.count)
        elements.withUnsafeBufferPointer { elements in
            if let start = elements.baseAddress { base.initialize(from: start, count: elements.count) }
        }
        count = elements.count
    }

    deinit { base.deallocate() }

    func append(_ element: Element) {
        precondition(count < capacity)
        base[count] = element
        count += 1
    }

    subscript(row: Int) -> Element {
        precondition(row >= 0 && row < capacity)
        return base[row]
    }
}

/// The columns of a segment's rows, by row offset: id, sequence, and the floats of each dense vector name.
final class SegmentRows: Sendable {
    let capacity: Int
    let ids: PointIDColumn
    let sequences: AppendOnlyColumn<Int64>
    /// In the order of `CollectionSchema.denseNames`.
    let floats: [SegmentFloats]

    /// A segment that grows in memory.
    init(schema: CollectionSchema, capacity: Int) {
        self.capacity = capacity
        ids = PointIDColumn(capacity: capacity)
        sequences = AppendOnlyColumn(capacity: capacity)
        floats = schema.denseDimensions.map { SegmentFloats(VectorBlock(dimension: $0, capacity: capacity)) }
    }

    /// A segment that does not grow.
    init(
        ids: PointIDColumn, sequences: AppendOnlyColumn<Int64>, capacity: Int,
        floats: [SegmentFloats]
    ) {
        self.capacity = capacity
        self.ids = ids
        self.sequences = sequences
        self.floats = floats
    }

    func append(id: PointID, sequence: Int64) {
        ids.append(PackedPointID(id))
        sequences.append(sequence)
    }
}

/// The ids of a segment's rows: 8 bytes for each row if all ids are numbers and the column is full, otherwise 24.
struct PointIDColumn: Sendable {
    private let numbers: AppendOnlyColumn<UInt64>?
    private let packed: AppendOnlyColumn<PackedPointID>

    /// A column that grows.
    init(capacity: Int) {
        numbers = nil
        packed = AppendOnlyColumn(capacity: capacity)
    }

    /// A column that is full.
    init(_ ids: [PackedPointID]) {
        let areNumbers = ids.allSatisfy { !$0.isUUID && $0.high == 0 }
        numbers = areNumbers ? AppendOnlyColumn(ids.map(\.low)) : nil
        packed = AppendOnlyColumn(areNumbers ? [] : ids)
    }

    func append(_ id: PackedPointID) { packed.append(id) }

    subscript(row: Int) -> PackedPointID {
        if let numbers { return PackedPointID(high: 0, low: numbers[row], isUUID: false) }
        return packed[row]
    }
}

/// A `PointID` in 24 bytes without a reference.
struct PackedPointID: BitwiseCopyable, Sendable, Hashable {
    let high: UInt64
    let low: UInt64
    let isUUID: Bool

    init(high: UInt64, low: UInt64, isUUID: Bool) {
        self.high = high
        self.low = low
        self.isUUID = isUUID
    }

    init(_ id: PointID) {
        switch id {
        case .number(let number): (high, low, isUUID) = (0, number, false)
        case .uuid(let uuid): (high, low, isUUID) = (uuid.high, uuid.low, true)
        }
    }

    /// Both halves mixed by odd constants (the last step of splitmix64), not negative.
    var hash: Int {
        var z = low &+ high &* 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int(truncatingIfNeeded: (z ^ (z >> 31)) >> 1)
    }

    var id: PointID { isUUID ? .uuid(UUIDBytes(high: high, low: low)) : .number(low) }
}
