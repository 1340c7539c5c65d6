import VectorEngine

/// An item's text by the fields that the sparse vector weighs differently (spec/retrieval: step 2).
package struct LexicalFields: Sendable, Equatable {
    package var body: String
    package var title = ""
    package var author = ""
    /// The day in words, `8 may 2023`.
    package var date = ""
    /// The item before it in its session, and the one before that.
    package var previous = ""
    package var beforePrevious = ""
    /// The item after it in its session, where both are stored in one call.
    package var next = ""
    /// Terms of the whole items that those texts may be the beginnings of; 0 when they are whole.
    package var previousLength = 0.0
    package var beforePreviousLength = 0.0

    package init(body: String) { self.body = body }
}

/// What Memory needs of the lexical encoder, as values: the room that analyses text is joined to it in one place.
package struct LexicalEncoding: Sendable {
    /// The analyser's name and version, recorded in the collection: sparse vectors of two analysers never meet.
    package let identity: String
    /// The terms of a text, analysed as items and queries are.
    package let terms: @Sendable (String) -> [String]
    /// An item's vector and its length in weighted terms, given the mean length of the others.
    package let encodeItem: @Sendable (LexicalFields, _ averageLength: Double) -> (vector: SparseVector, length: Double)
    /// A query's weights without IDF; empty when no term is left.
    package let encodeQuery: @Sendable (String) -> SparseVector

    package init(
        identity: String, terms: @escaping @Sendable (String) -> [String],
        encodeItem: @escaping @Sendable (LexicalFields, Double) -> (vector: SparseVector, length: Double),
        encodeQuery: @escaping @Sendable (String) -> SparseVector
    ) {
        self.identity = identity
        self.terms = terms
        self.encodeItem = encodeItem
        self.encodeQuery = encodeQuery
    }
}
