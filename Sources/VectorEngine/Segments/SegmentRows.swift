import Vectors

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

extension CollectionSchema {
    /// Names of the dense vectors, sorted: the order in rows, blocks and blobs.
    var denseNames: [String] { dense.keys.sorted() }
    /// Components of each dense vector, in that order.
    var denseDimensions: [Int] { denseNames.map { dense[$0]?.dimension ?? 1 } }
    var sparseNames: [String] { sparse.keys.sorted() }
    var multiNames: [String] { multi.keys.sorted() }
}
