import Embedding
import VectorEngine

extension LexicalEncoding {
    /// The house's analyser and BM25 weights.
    package static func bm25(_ encoder: LexicalEncoder = LexicalEncoder()) -> LexicalEncoding {
        LexicalEncoding(
            identity: LexicalAnalyzer.revision, terms: { encoder.analyzer.terms(ofItem: $0) },
            encodeItem: { fields, averageLength in
                var item = LexicalEncoder.Item(body: fields.body)
                item.title = fields.title
                item.author = fields.author
                item.date = fields.date
                item.previous = fields.previous
                item.beforePrevious = fields.beforePrevious
                item.next = fields.next
                item.previousLength = Int(exactly: fields.previousLength.rounded()) ?? 0
                item.beforePreviousLength = Int(exactly: fields.beforePreviousLength.rounded()) ?? 0
                let length = Double(encoder.length(of: fields.body))
                return (sparse(encoder.encode(item, averageLength: Float(averageLength))), length)
            },
            encodeQuery: { sparse(encoder.encode(query: $0)) })
    }

    private static func sparse(_ entries: LexicalEncoder.Sparse) -> SparseVector {
        SparseVector(sorting: zip(entries.indices, entries.values).map { (index: $0, value: $1) })
    }
}
