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
