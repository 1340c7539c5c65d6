import Vectors

/// Memory for a fixed number of trivial values that one writer appends to while others read what was there before.
///
/// As with `VectorBlock`, a reader looks only below the count it was handed with the column.
final class AppendOnlyColumn<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    private let base: UnsafeMutablePointer<Element>
    private let capacity: Int
    private var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(capacity: max(1, capacity))
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

/// What a segment keeps of each row, by row offset: id, sequence, and one block for each dense vector name.
final class SegmentRows: Sendable {
    let capacity: Int
    let ids: AppendOnlyColumn<PackedPointID>
    let sequences: AppendOnlyColumn<Int64>
    /// In the order of `CollectionSchema.denseNames`; the row of a point without the vector is all zeros.
    let blocks: [VectorBlock]

    init(schema: CollectionSchema, capacity: Int) {
        self.capacity = capacity
        ids = AppendOnlyColumn(capacity: capacity)
        sequences = AppendOnlyColumn(capacity: capacity)
        blocks = schema.denseNames.map {
            VectorBlock(dimension: schema.dense[$0]?.dimension ?? 1, capacity: capacity)
        }
    }

    func append(id: PointID, sequence: Int64) {
        ids.append(PackedPointID(id))
        sequences.append(sequence)
    }
}

/// A `PointID` in 24 bytes without a reference.
struct PackedPointID: BitwiseCopyable, Sendable {
    private let high: UInt64
    private let low: UInt64
    private let isUUID: Bool

    init(_ id: PointID) {
        switch id {
        case .number(let number): (high, low, isUUID) = (0, number, false)
        case .uuid(let uuid): (high, low, isUUID) = (uuid.high, uuid.low, true)
        }
    }

    var id: PointID { isUUID ? .uuid(UUIDBytes(high: high, low: low)) : .number(low) }
}

extension CollectionSchema {
    /// Names of the dense vectors in the one order that rows, blocks and blobs use.
    var denseNames: [String] { dense.keys.sorted() }
    var sparseNames: [String] { sparse.keys.sorted() }
    var multiNames: [String] { multi.keys.sorted() }
}
