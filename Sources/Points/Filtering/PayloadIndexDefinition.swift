import JSON

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

extension PayloadIndexKind {
    /// Whether an index of this kind holds the value. Formulas read no other value of an indexed member; a text index
    /// gives no values back, and so leaves out none.
    package func holds(_ value: JSONValue) -> Bool {
        switch (self, value) {
        case (.keyword, .string), (.bool, .bool): true
        case (.integer, _): value.wholeNumber != nil
        case (.float, _): value.doubleValue != nil
        case (.geo, _): GeoPoint(value) != nil
        case (.datetime, .string(let text)): Timestamp.parseLoosely(text) != nil
        case (.uuid, .string(let text)): UUIDBytes(text) != nil
        case (.text, _): true
        default: false
        }
    }
}
