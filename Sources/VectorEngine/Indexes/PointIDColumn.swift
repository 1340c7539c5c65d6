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
