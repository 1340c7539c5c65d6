import JSON
import Vectors

/// The type of an indexed payload field.
package enum FieldIndexKind: String, Sendable, Codable, CaseIterable {
    case keyword, integer, float, bool, geo, datetime, text, uuid
}

/// What is indexed.
package struct FieldIndexDefinition: Sendable {
    package let kind: FieldIndexKind
    /// How a text index cuts its texts.
    package var analyzer: TextAnalyzer?

    package init(kind: FieldIndexKind, analyzer: TextAnalyzer? = nil) {
        self.kind = kind
        self.analyzer = analyzer
    }
}

// One field of all documents turned round: for each value the slots that have it. Exact values and tokens are sets of
// slots; numbers and moments lie in one ascending array, sorted anew when it is asked after a change.

struct FieldIndex: Sendable {
    let path: FieldPath
    let definition: FieldIndexDefinition
    /// Slots by value: keywords, integers, flags.
    private(set) var postings: [MatchValue: Set<UInt32>] = [:]
    private var tokens: [String: Set<UInt32>] = [:]
    /// Numbers, or microseconds of a datetime, by slot.
    private var numbers: [UInt32: [Double]] = [:]
    /// Slots with at least one value of the index's type.
    private(set) var slots: Set<UInt32> = []
    private var sorted: [(value: Double, slot: UInt32)]?

    init(path: FieldPath, definition: FieldIndexDefinition) {
        self.path = path
        self.definition = definition
    }

    // MARK: Changes

    mutating func insert(_ members: JSONObject, slot: UInt32) {
        for value in path.values(in: members) { insert(value, slot) }
    }

    private mutating func insert(_ value: JSONValue, _ slot: UInt32) {
        switch (definition.kind, value) {
        case (.keyword, .string), (.bool, .bool), (.uuid, .string):
            guard let key = MatchValue(exactly: value) else { return }
            postings[key, default: []].insert(slot)
        case (.integer, .integer), (.integer, .number), (.float, .integer), (.float, .number), (.float, .unsigned),
            (.integer, .unsigned):
            if definition.kind == .integer, let key = MatchValue(exactly: value) {
                postings[key, default: []].insert(slot)
            }
            guard let number = value.doubleValue else { return }
            numbers[slot, default: []].append(number)
            sorted = nil
        case (.datetime, .string(let text)):
            guard let moment = Moment.microseconds(text) else { return }
            numbers[slot, default: []].append(Double(moment))
            sorted = nil
        case (.text, .string(let text)):
            for token in Set(definition.analyzer?.tokens(ofDocument: text) ?? []) {
                tokens[token, default: []].insert(slot)
            }
        case (.geo, .object):
            guard GeoPoint(value) != nil else { return }
        default: return
        }
        slots.insert(slot)
    }

    mutating func remove(_ members: JSONObject, slot: UInt32) {
        guard slots.remove(slot) != nil else { return }
        if numbers.removeValue(forKey: slot) != nil { sorted = nil }
        for value in path.values(in: members) {
            if let key = MatchValue(exactly: value), postings[key] != nil {
                postings[key]?.remove(slot)
                if postings[key]?.isEmpty ?? false { postings[key] = nil }
            }
            guard definition.kind == .text, let text = value.stringValue else { continue }
            for token in Set(definition.analyzer?.tokens(ofDocument: text) ?? []) {
                tokens[token]?.remove(slot)
                if tokens[token]?.isEmpty ?? false { tokens[token] = nil }
            }
        }
    }

    // MARK: Questions

    /// Slots that may pass `test`, and whether they all do; nil when this index cannot tell.
    mutating func candidates(_ test: FieldTest, slotCount: Int) -> RowBound? {
        switch test {
        case .anyOf(let wanted):
            guard wanted.allSatisfy(holds) else { return nil }
            return bound(wanted.flatMap { postings[$0] ?? [] }, slotCount)
        case .range(let range):
            guard definition.kind == .integer || definition.kind == .float else { return nil }
            return numberBound(slotCount, isBelow: range.isAbove, isAbove: range.isBelow)
        case .moments(let after, let from, let before, let through):
            guard definition.kind == .datetime else { return nil }
            let lower = [after, from].compactMap { $0 }.max()
            let upper = [before, through].compactMap { $0 }.min()
            var found = numberBound(
                slotCount, isBelow: { value in lower.map { value < Double($0) } ?? false },
                isAbove: { value in upper.map { value > Double($0) } ?? false })
            found.isExact = false
            return found
        case .phrase(let phrase):
            guard definition.kind == .text, let analyzer = definition.analyzer else { return nil }
            return textBound(analyzer.phraseWords(phrase), test, slotCount)
        case .text(let query), .textAny(let query):
            guard definition.kind == .text, let analyzer = definition.analyzer else { return nil }
            return textBound(analyzer.tokens(ofQuery: query), test, slotCount)
        case .geo:
            guard definition.kind == .geo else { return nil }
            return RowBound(rows: bound(Array(slots), slotCount).rows, isExact: false)
        case .noneOf, .prefix, .substring: return nil
        }
    }

    /// Whether a value of this type would be found in `postings` if a document had it.
    private func holds(_ value: MatchValue) -> Bool {
        switch (definition.kind, value) {
        case (.keyword, .keyword), (.uuid, .keyword), (.integer, .integer), (.bool, .bool): true
        default: false
        }
    }

    private func bound(_ slots: [UInt32], _ slotCount: Int) -> RowBound {
        var rows = RowSet(rowCount: slotCount)
        for slot in slots { rows.insert(Int(slot)) }
        return RowBound(rows: rows, isExact: true)
    }

    private func textBound(_ query: [String], _ test: FieldTest, _ slotCount: Int) -> RowBound {
        let found = query.map { tokens[$0] ?? [] }
        if case .textAny = test { return bound(found.flatMap { $0 }, slotCount) }
        guard var common = found.min(by: { $0.count < $1.count }) else { return bound([], slotCount) }
        for set in found { common.formIntersection(set) }
        var rows = bound(Array(common), slotCount)
        if case .phrase = test { rows.isExact = false }
        return rows
    }

    private mutating func numberBound(
        _ slotCount: Int, isBelow: (Double) -> Bool, isAbove: (Double) -> Bool
    ) -> RowBound {
        let all = ascending()
        let start = all.partitioningIndex { !isBelow($0.value) }
        let end = max(start, all.partitioningIndex { isAbove($0.value) })
        return bound(all[start..<end].map(\.slot), slotCount)
    }

    /// Every number with its slot, ascending.
    mutating func ascending() -> [(value: Double, slot: UInt32)] {
        if let sorted { return sorted }
        var all: [(value: Double, slot: UInt32)] = []
        all.reserveCapacity(numbers.count)
        for (slot, values) in numbers { for value in values { all.append((value, slot)) } }
        all.sort { $0.value != $1.value ? $0.value < $1.value : $0.slot < $1.slot }
        sorted = all
        return all
    }
}
