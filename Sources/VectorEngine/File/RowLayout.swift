/// What a schema says of a row's bytes, taken out of its dictionaries once: every row of a write asks for it.
final class RowLayout: Sendable {
    let schema: CollectionSchema
    /// In the one order that rows, blocks and blobs use, as the two that follow.
    let dense: [(name: String, description: DenseVectorSchema)]
    let sparseNames: [String]
    let multiNames: [String]

    init(_ schema: CollectionSchema) {
        self.schema = schema
        dense = schema.dense.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        sparseNames = schema.sparseNames
        multiNames = schema.multiNames
    }

    /// Whether rows of both schemas are laid out alike.
    func fits(_ other: CollectionSchema) -> Bool {
        schema.dense == other.dense && schema.sparse == other.sparse && schema.multi == other.multi
    }
}
