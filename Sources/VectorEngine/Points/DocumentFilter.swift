import JSON

// Qdrant's filters whole, over a payload's members: the definition of what each condition means. Field indexes narrow
// the documents down before (Documents+Matching.swift) and never change an answer, but for text: where a text index
// stands, its analyser decides what a word is; where none stands, `text` means "contains".

/// Which documents count: all of `must`, none of `mustNot`, one of `should` (if any), so many of `minShould`.
package struct DocumentFilter: Sendable, Equatable {
    package var must: [DocumentCondition] = []
    package var should: [DocumentCondition] = []
    package var mustNot: [DocumentCondition] = []
    /// At least `minimumCount` of `minShould` must hold; 0 asks nothing.
    package var minShould: [DocumentCondition] = []
    package var minimumCount = 0

    package init() {}

    package init(must: [DocumentCondition]) { self.must = must }

    package var isEmpty: Bool { must.isEmpty && should.isEmpty && mustNot.isEmpty && minimumCount == 0 }

    /// Every condition of the tree, those inside others too.
    package var leaves: [DocumentCondition] {
        (must + should + mustNot + minShould).flatMap { condition -> [DocumentCondition] in
            switch condition {
            case .filter(let filter), .nested(_, let filter): filter.leaves
            default: [condition]
            }
        }
    }
}

package indirect enum DocumentCondition: Sendable, Equatable {
    case field(FieldPath, FieldTest)
    /// Missing, null or an empty array; or the opposite.
    case isEmpty(FieldPath, Bool)
    case isNull(FieldPath, Bool)
    case valuesCount(FieldPath, NumericRange)
    case hasID(Set<PointID>)
    case hasVector(String)
    /// One object of the array at the path passes the filter.
    case nested(FieldPath, DocumentFilter)
    case filter(DocumentFilter)
    /// The part `index` of `total` equal parts into which the ids' hashes fall.
    case slice(total: UInt64, index: UInt64)
}

/// A test that one of the values at a path must pass.
package enum FieldTest: Sendable, Equatable {
    case anyOf(Set<MatchValue>)
    case noneOf(Set<MatchValue>)
    case text(String)
    case textAny(String)
    case phrase(String)
    case prefix(String)
    case substring(String)
    case range(NumericRange)
    /// Bounds in microseconds since 1970.
    case moments(after: Int64?, from: Int64?, before: Int64?, through: Int64?)
    case geo(GeoRegion)
}

/// What a filter asks of a point besides its payload.
package struct FilterContext {
    package var id: PointID
    package var hasVector: (String) -> Bool
    /// The analyser of a text index on that path; nil where there is none.
    package var analyzer: (FieldPath) -> TextAnalyzer?

    package init(
        id: PointID, hasVector: @escaping (String) -> Bool, analyzer: @escaping (FieldPath) -> TextAnalyzer?
    ) {
        self.id = id
        self.hasVector = hasVector
        self.analyzer = analyzer
    }
}

extension DocumentFilter {
    package func matches(_ members: JSONObject, _ context: FilterContext) -> Bool {
        for condition in must where !condition.matches(members, context) { return false }
        for condition in mustNot where condition.matches(members, context) { return false }
        if !should.isEmpty && !should.contains(where: { $0.matches(members, context) }) { return false }
        return minimumCount == 0 || minShould.count { $0.matches(members, context) } >= minimumCount
    }
}

extension DocumentCondition {
    package func matches(_ members: JSONObject, _ context: FilterContext) -> Bool {
        switch self {
        case .field(let path, let test):
            let values = path.values(in: members)
            guard !values.isEmpty else { return false }
            return test.matches(anyOf: values, analyzer: test.isText ? context.analyzer(path) : nil)
        case .isEmpty(let path, let expected):
            return path.nodes(in: members).allSatisfy(\.isEmptyValue) == expected
        case .isNull(let path, let expected):
            let isNull = path.nodes(in: members).contains { node in
                node.isNull || node.arrayValue?.contains(where: \.isNull) ?? false
            }
            return isNull == expected
        case .valuesCount(let path, let range):
            let nodes = path.nodes(in: members)
            if nodes.isEmpty { return range.contains(0) }
            return nodes.contains { range.contains(Double($0.isNull ? 0 : $0.arrayValue?.count ?? 1)) }
        case .hasID(let ids): return ids.contains(context.id)
        case .hasVector(let name): return context.hasVector(name)
        case .nested(let path, let filter):
            var inner = context
            inner.analyzer = { context.analyzer(path.appending($0)) }
            return path.nodes(in: members).contains { node in
                (path.steps.last == .elements ? [node] : node.arrayValue ?? []).contains { element in
                    element.objectValue.map { filter.matches($0, inner) } ?? false
                }
            }
        case .filter(let filter): return filter.matches(members, context)
        case .slice(let total, let index): return context.id.sliceHash % total == index
        }
    }
}

extension JSONValue {
    /// Null or an array without elements.
    package var isEmptyValue: Bool { isNull || arrayValue?.isEmpty ?? false }
}

extension FieldTest {
    var isText: Bool {
        switch self {
        case .text, .textAny, .phrase: true
        default: false
        }
    }

    func matches(anyOf values: [JSONValue], analyzer: TextAnalyzer?) -> Bool {
        switch self {
        case .anyOf(let wanted): return values.contains { MatchValue(exactly: $0).map(wanted.contains) ?? false }
        case .noneOf(let refused):
            return values.contains { value in
                !value.isNull && !(MatchValue(exactly: value).map(refused.contains) ?? false)
            }
        case .range(let range): return values.contains { $0.doubleValue.map(range.contains) ?? false }
        case .moments(let after, let from, let before, let through):
            return values.contains { value in
                guard case .string(let text) = value, let moment = Moment.microseconds(text) else { return false }
                return after.map { moment > $0 } ?? true && from.map { moment >= $0 } ?? true
                    && before.map { moment < $0 } ?? true && through.map { moment <= $0 } ?? true
            }
        case .geo(let region): return values.contains { GeoPoint($0).map(region.contains) ?? false }
        case .prefix(let start): return values.contains { $0.stringValue?.utf8.starts(with: start.utf8) ?? false }
        case .substring(let part): return values.contains { $0.stringValue.map { $0.containsText(part) } ?? false }
        case .text, .textAny, .phrase: return matches(texts: values.compactMap(\.stringValue), analyzer)
        }
    }

    /// All texts at the path together: a word of one and a word of another are both there.
    private func matches(texts: [String], _ analyzer: TextAnalyzer?) -> Bool {
        switch self {
        case .text(let query):
            guard let analyzer else { return texts.contains { $0.containsText(query) } }
            return analyzer.matches(texts, all: analyzer.tokens(ofQuery: query))
        case .textAny(let query):
            let analyzer = analyzer ?? TextAnalyzer()
            return analyzer.matches(texts, any: analyzer.tokens(ofQuery: query))
        case .phrase(let query):
            guard let analyzer else { return texts.contains { $0.containsText(query) } }
            return analyzer.matches(texts, phrase: query)
        default: return false
        }
    }
}

extension String {
    /// Whether `part` stands in this text byte for byte; the empty text stands everywhere.
    func containsText(_ part: String) -> Bool {
        let (text, part) = (Array(utf8), Array(part.utf8))
        guard part.count <= text.count else { return false }
        guard let first = part.first else { return true }
        for start in 0...text.count - part.count
        where text[start] == first && text[start..<start + part.count].elementsEqual(part) {
            return true
        }
        return false
    }
}

extension MatchValue {
    /// The value as something to compare with, types kept apart: `1.0` is no integer.
    package init?(exactly value: JSONValue) {
        switch value {
        case .string(let text): self = .keyword(text)
        case .bool(let flag): self = .bool(flag)
        case .integer(let number): self = .integer(number)
        default: return nil
        }
    }
}
