import JSON

// A filter applied to one point by reading its payload: the definition of what each condition means. Indexes answer the
// same question faster and are tested against this.

/// What a filter can ask of a point besides the values in its payload.
package struct FilterContext {
    package var id: PointID
    package var hasVector: (String) -> Bool
    /// The analyser of a text index on that path; nil where there is none.
    package var analyzer: (PayloadPath) -> TextAnalyzer?
    /// The kind of the index on that path; nil where there is none.
    package var indexKind: (PayloadPath) -> PayloadIndexKind?

    package init(
        id: PointID, hasVector: @escaping (String) -> Bool,
        analyzer: @escaping (PayloadPath) -> TextAnalyzer? = { _ in nil },
        indexKind: @escaping (PayloadPath) -> PayloadIndexKind? = { _ in nil }
    ) {
        self.id = id
        self.hasVector = hasVector
        self.analyzer = analyzer
        self.indexKind = indexKind
    }
}

/// Finds the values at a path, in a parsed payload or in its text.
package protocol PayloadNodes {
    /// The values at the end of the path, arrays not opened; nothing where a key is missing.
    func nodes(_ path: PayloadPath) -> [JSONValue]
}

/// The members of a parsed payload.
package struct PayloadMembers: PayloadNodes {
    package let members: JSONObject

    package init(_ members: JSONObject) { self.members = members }

    package func nodes(_ path: PayloadPath) -> [JSONValue] { path.nodes(in: members) }
}

/// The text of a payload: only what a path leads to is parsed.
package struct PayloadText: PayloadNodes {
    private let text: JSONScanner

    package init(_ text: JSONScanner) { self.text = text }

    package func nodes(_ path: PayloadPath) -> [JSONValue] {
        guard let root = text.root else { return [] }
        var found: [JSONValue] = []
        collect(path.keyedSteps[...], root, &found)
        return found
    }

    private func collect(_ steps: ArraySlice<PayloadPath.KeyedStep>, _ offset: Int, _ found: inout [JSONValue]) {
        guard let step = steps.first else {
            found.append(text.value(at: offset))
            return
        }
        let rest = steps.dropFirst()
        switch step {
        case .key(let key): if let value = text.member(key, of: offset) { collect(rest, value, &found) }
        case .elements: text.forEachElement(of: offset) { collect(rest, $0, &found) }
        case .index(let index):
            var at = 0
            text.forEachElement(of: offset) { element in
                if at == index { collect(rest, element, &found) }
                at += 1
            }
        }
    }
}

extension Filter {
    /// Whether a point with these parts passes, by a plain walk over its payload.
    package func matches(id: PointID, payload: Payload, vectors: PointVectors) -> Bool {
        matches(
            PayloadMembers(payload.object),
            FilterContext(
                id: id,
                hasVector: { vectors.dense[$0] != nil || vectors.sparse[$0] != nil || vectors.multi[$0] != nil }))
    }

    package func matches(_ payload: some PayloadNodes, _ context: FilterContext) -> Bool {
        for condition in must where !condition.matches(payload, context) { return false }
        for condition in mustNot where condition.matches(payload, context) { return false }
        if !should.isEmpty && !should.contains(where: { $0.matches(payload, context) }) { return false }
        return minimumCount == 0 || minShould.count { $0.matches(payload, context) } >= minimumCount
    }
}

extension Condition {
    package func matches(_ payload: some PayloadNodes, _ context: FilterContext) -> Bool {
        switch self {
        case .field(let path, let test):
            let values = PayloadPath.values(of: payload.nodes(path))
            guard !values.isEmpty else { return false }
            if test.asksIndex, let kind = context.indexKind(path), let answer = test.matches(values, heldBy: kind) {
                return answer
            }
            return test.matches(anyOf: values, analyzer: test.isText ? context.analyzer(path) : nil)
        case .isEmpty(let path, let expected):
            return payload.nodes(path).allSatisfy(\.isEmptyValue) == expected
        case .isNull(let path, let expected):
            let isNull = payload.nodes(path).contains { node in
                node.isNull || node.arrayValue?.contains(where: \.isNull) ?? false
            }
            return isNull == expected
        case .valuesCount(let path, let range):
            let nodes = payload.nodes(path)
            if nodes.isEmpty { return range.contains(0) }
            return nodes.contains { range.contains(.integer(Int64($0.isNull ? 0 : $0.arrayValue?.count ?? 1))) }
        case .hasID(let ids): return ids.contains(context.id)
        case .hasVector(let name): return context.hasVector(name)
        case .nested(let path, let filter):
            var inner = context
            inner.analyzer = { context.analyzer(path.appending($0)) }
            // Elements are compared by their texts, as in Qdrant's engine.
            inner.indexKind = { _ in nil }
            return payload.nodes(path).contains { node in
                (path.endsAtElements ? [node] : node.arrayValue ?? []).contains { element in
                    element.objectValue.map { filter.matches(PayloadMembers($0), inner) } ?? false
                }
            }
        case .filter(let filter): return filter.matches(payload, context)
        case .slice(let total, let index): return total > 0 && context.id.sliceHash % total == index
        }
    }
}

extension JSONValue {
    /// Null or an array without elements.
    package var isEmptyValue: Bool { isNull || arrayValue?.isEmpty ?? false }

    fileprivate var uuid: UUIDBytes? { stringValue.flatMap { UUIDBytes($0) } }

    /// The integer that an integer index holds for this value: 5 for 5.0 too, and the largest one for 2^63, as in
    /// Qdrant's engine.
    package var wholeNumber: Int64? {
        switch self {
        case .integer(let number): number
        case .number(0x1p63): Int64.max
        case .number(let number): Int64(exactly: number)
        default: nil
        }
    }
}

extension FieldTest {
    package var isText: Bool {
        switch self {
        case .text, .textAny, .phrase: true
        default: false
        }
    }

    /// Whether the kind of an index on the member may decide the answer.
    fileprivate var asksIndex: Bool {
        switch self {
        case .anyOf, .noneOf, .range: true
        default: false
        }
    }

    /// What an index of that kind answers, which knows the values of its own type only; nil where it has no answer and
    /// the payload's values decide. UUIDs are compared however they are written.
    fileprivate func matches(_ values: [JSONValue], heldBy kind: PayloadIndexKind) -> Bool? {
        switch (self, kind) {
        case (.anyOf(let wanted), .uuid):
            return Self.uuids(wanted).map { !$0.isDisjoint(with: values.compactMap(\.uuid)) }
        case (.noneOf(let refused), .uuid):
            return Self.uuids(refused).map { !$0.isSuperset(of: values.compactMap(\.uuid)) }
        case (.noneOf(let refused), .keyword):
            guard refused.allSatisfy({ if case .keyword = $0 { true } else { false } }) else { return nil }
            return values.contains { $0.stringValue.map { !refused.contains(.keyword($0)) } ?? false }
        case (.noneOf(let refused), .integer):
            guard Self.areIntegers(refused) else { return nil }
            return values.contains { $0.wholeNumber.map { !refused.contains(.integer($0)) } ?? false }
        case (.anyOf(let wanted), .integer):
            guard Self.areIntegers(wanted) else { return nil }
            return values.contains { $0.wholeNumber.map { wanted.contains(.integer($0)) } ?? false }
        case (.range(let range), .integer):
            return values.contains { $0.wholeNumber.map { range.contains(.integer($0)) } ?? false }
        default: return nil
        }
    }

    /// Whether there are only integers; an empty list stands for texts.
    private static func areIntegers(_ values: Set<MatchValue>) -> Bool {
        !values.isEmpty && values.allSatisfy { if case .integer = $0 { true } else { false } }
    }

    private static func uuids(_ values: Set<MatchValue>) -> Set<UUIDBytes>? {
        var uuids: Set<UUIDBytes> = []
        for value in values {
            guard case .keyword(let text) = value, let uuid = UUIDBytes(text) else { return nil }
            uuids.insert(uuid)
        }
        return uuids
    }

    package func matches(anyOf values: [JSONValue], analyzer: TextAnalyzer?) -> Bool {
        switch self {
        case .anyOf(let wanted): return values.contains { MatchValue(exactly: $0).map(wanted.contains) ?? false }
        case .noneOf(let refused):
            return values.contains { value in
                !value.isNull && !(MatchValue(exactly: value).map(refused.contains) ?? false)
            }
        case .range(let range): return values.contains { Number($0).map(range.contains) ?? false }
        case .moments(let after, let from, let before, let through):
            return values.contains { value in
                guard case .string(let text) = value, let moment = Timestamp.parseLoosely(text) else { return false }
                return after.map { moment > $0 } ?? true && from.map { moment >= $0 } ?? true
                    && before.map { moment < $0 } ?? true && through.map { moment <= $0 } ?? true
            }
        case .geo(let region): return values.contains { GeoPoint($0).map(region.contains) ?? false }
        case .prefix(let start): return values.contains { $0.stringValue?.utf8.starts(with: start.utf8) ?? false }
        case .substring(let part): return values.contains { $0.stringValue.map { $0.containsText(part) } ?? false }
        case .text, .textAny, .phrase: return matches(texts: values.compactMap(\.stringValue), analyzer)
        }
    }

    /// All texts at the path together: a word of one text and a word of another both count.
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
    /// Whether `part` is in this text byte for byte; the empty text is in every text.
    package func containsText(_ part: String) -> Bool {
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
