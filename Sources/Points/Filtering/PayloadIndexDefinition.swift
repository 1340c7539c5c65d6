/// How a payload member is indexed.
package struct PayloadIndexDefinition: Sendable {
    package let kind: PayloadIndexKind
    /// How a text index cuts its texts into tokens; nil for every other kind.
    package let analyzer: TextAnalyzer?

    /// - Parameter analyzer: for a text index; nil stands for `TextAnalyzer()`.
    package init(kind: PayloadIndexKind, analyzer: TextAnalyzer? = nil) {
        self.kind = kind
        self.analyzer = kind == .text ? analyzer ?? TextAnalyzer() : nil
    }
}
