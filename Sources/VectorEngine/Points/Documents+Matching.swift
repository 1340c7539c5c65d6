import JSON
import Vectors

// A filter answered for all documents: from the field indexes as far as they reach, the rest by reading the payloads
// of what is left.

extension Documents {
    /// Slots of the documents that pass; every live slot without a filter.
    package mutating func matching(_ filter: DocumentFilter?) -> RowSet {
        guard let filter, !filter.isEmpty else { return live }
        var found = bound(filter)
        found.rows.formIntersection(live)
        guard !found.isExact else { return found.rows }
        var passing = RowSet(rowCount: slots.count)
        found.rows.forEach { slot in
            if passes(slot, filter) { passing.insert(slot) }
        }
        return passing
    }

    /// Whether one document passes, by its payload.
    package mutating func passes(_ slot: Int, _ filter: DocumentFilter) -> Bool {
        guard let document = slots[slot] else { return false }
        let members = parse(slot)
        return filter.matches(members, context(of: document))
    }

    package func context(of document: Document) -> FilterContext {
        FilterContext(
            id: document.id,
            hasVector: { name in
                vectorNames.firstIndex(of: name).map { document.hasVector[$0] } ?? false
            }, analyzer: { fields[$0]?.definition.analyzer })
    }

    private mutating func bound(_ filter: DocumentFilter) -> RowBound {
        var whole = RowBound(rows: live, isExact: true)
        for condition in filter.must {
            let part = bound(condition)
            whole.rows.formIntersection(part.rows)
            whole.isExact = whole.isExact && part.isExact
        }
        for condition in filter.mustNot {
            let part = bound(condition)
            if part.isExact { whole.rows.subtract(part.rows) }
            whole.isExact = whole.isExact && part.isExact
        }
        if !filter.should.isEmpty {
            var union = RowBound(rows: RowSet(), isExact: true)
            for condition in filter.should {
                let part = bound(condition)
                union.rows.formUnion(part.rows)
                union.isExact = union.isExact && part.isExact
            }
            whole.rows.formIntersection(union.rows)
            whole.isExact = whole.isExact && union.isExact
        }
        if filter.minimumCount > 0 { whole.isExact = false }
        return whole
    }

    private mutating func bound(_ condition: DocumentCondition) -> RowBound {
        switch condition {
        case .field(let path, let test):
            let slotCount = slots.count
            let found = withField(path) { $0.candidates(test, slotCount: slotCount) } ?? nil
            return found ?? RowBound(rows: live, isExact: false)
        case .hasID(let ids):
            var rows = RowSet(rowCount: slots.count)
            for id in ids { if let slot = slot(of: id) { rows.insert(slot) } }
            return RowBound(rows: rows, isExact: true)
        case .filter(let filter): return bound(filter)
        case .isEmpty, .isNull, .valuesCount, .hasVector, .nested, .slice:
            return RowBound(rows: live, isExact: false)
        }
    }

    // MARK: Facets and order

    /// How many of `allowed` have each value of an indexed field, most frequent first, equal counts by value.
    package func facets(_ path: FieldPath, allowed: RowSet, limit: Int) -> [(value: MatchValue, count: Int)] {
        guard let index = fields[path], limit > 0 else { return [] }
        var hits: [(value: MatchValue, count: Int)] = []
        for (value, slots) in index.postings {
            let count = slots.count { allowed.contains(Int($0)) }
            if count > 0 { hits.append((value, count)) }
        }
        hits.sort { $0.count != $1.count ? $0.count > $1.count : $0.value < $1.value }
        return Array(hits.prefix(limit))
    }

    /// The first `limit` values of an indexed number or date among `allowed`, from `start` (inclusive) on; equal values
    /// by id, in the same direction. A document with several values stands there several times.
    package mutating func ordered(
        by path: FieldPath, descending: Bool, from start: Double?, allowed: RowSet, limit: Int
    ) -> [(value: Double, slot: Int)] {
        let all = withField(path) { $0.ascending() } ?? []
        var found: [(value: Double, slot: Int)] = []
        func take(_ entry: (value: Double, slot: UInt32)) -> Bool {
            if let start, descending ? entry.value > start : entry.value < start { return true }
            if found.count >= limit, found.last.map({ $0.value != entry.value }) ?? false { return false }
            if allowed.contains(Int(entry.slot)) { found.append((entry.value, Int(entry.slot))) }
            return true
        }
        if descending {
            for entry in all.reversed() where !take(entry) { break }
        } else {
            for entry in all where !take(entry) { break }
        }
        found.sort { a, b in
            if a.value != b.value { return (a.value < b.value) != descending }
            guard let x = slots[a.slot]?.id, let y = slots[b.slot]?.id, x != y else { return false }
            return (x < y) != descending
        }
        return Array(found.prefix(limit))
    }
}

extension MatchValue: Comparable {
    /// Flags, then numbers, then keywords; each by value.
    public static func < (a: MatchValue, b: MatchValue) -> Bool {
        switch (a, b) {
        case (.bool(let x), .bool(let y)): !x && y
        case (.integer(let x), .integer(let y)): x < y
        case (.keyword(let x), .keyword(let y)): x.utf8.lexicographicallyPrecedes(y.utf8)
        case (.bool, _), (.integer, .keyword): true
        default: false
        }
    }
}
