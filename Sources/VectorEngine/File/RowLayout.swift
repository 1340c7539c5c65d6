/// The parts of a schema that describe a row's bytes, taken from its dictionaries once, because every row of a write
/// needs them.
final class RowLayout: Sendable {
    let schema: CollectionSchema
    /// Sorted by name, like the next two: the order in rows, blocks and blobs.
    let dense: [(name: String, description: DenseVectorSchema)]
    let sparseNames: [String]
    let multiNames: [String]

    init(_ schema: CollectionSchema) {
        self.schema = schema
        dense = schema.dense.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        sparseNames = schema.sparseNames
        multiNames = schema.multiNames
    }

    /// Whether rows of both schemas have the same layout.
    func fits(_ other: CollectionSchema) -> Bool {
        schema.dense == other.dense && schema.sparse == other.sparse && schema.multi == other.multi
    }
}
