import Vectors

// Facets: how many rows have each value of an indexed member. Values are counted as the index keeps them, integers as
// integers and texts as bytes. Only the few values of an answer are sorted and become `MatchValue`s.

/// The `limit` values with the highest counts; of equal counts the smaller value comes first. Keeps at most twice the
/// limit, so that the sorting is spread over so many values.
struct TopCounts<Value: Comparable> {
    private struct Hit: Comparable {
        let value: Value
        let count: Int

        static func < (a: Hit, b: Hit) -> Bool { a.count != b.count ? a.count > b.count : a.value < b.value }
    }

    private var kept: [Hit] = []
    private let limit: Int
    private let room: Int
    /// The last of the best so far, once there are `limit` of them.
    private var last: Hit?

    private static var smallestRoom: Int { 64 }

    init(limit: Int) {
        self.limit = limit
        let twice = limit.multipliedReportingOverflow(by: 2)
        room = twice.overflow ? Int.max : max(Self.smallestRoom, twice.partialValue)
    }

    mutating func offer(_ value: Value, count: Int) {
        let hit = Hit(value: value, count: count)
        if let last, !(hit < last) { return }
        kept.append(hit)
        if kept.count >= room { cut() }
    }

    /// The best, in their order.
    mutating func finish() -> [(value: Value, count: Int)] {
        cut()
        return kept.map { ($0.value, $0.count) }
    }

    private mutating func cut() {
        kept.sort()
        if kept.count > limit { kept.removeLast(kept.count - limit) }
        if kept.count == limit { last = kept.last }
    }
}

/// A text as an index keeps it.
private struct FacetText: Hashable, Comparable {
    let bytes: ArraySlice<UInt8>

    static func < (a: FacetText, b: FacetText) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
}

extension Searcher {
    /// How many of `matches` have each value of an indexed member, most frequent first, equal counts by value.
    func facets(
        _ path: PayloadPath, within matches: [RowSet?], limit: Int, contents: ContentsLookup
    ) throws -> [(value: MatchValue, count: Int)] {
        guard limit > 0 else { return [] }
        var parts: [(index: PayloadIndex, rows: RowSet, contents: RowContents?)] = []
        for (segment, rows) in zip(segments, matches) where segment.rowCount > 0 {
            var live = rows ?? RowSet(allOf: segment.rowCount)
            live.subtract(segment.deleted)
            let index = try payloadIndex(path, of: segment, contents)
            parts.append((index, live, index.needsPayloads ? try contents(segment) : nil))
        }
        switch parts.first?.index.kind {
        case nil: return []
        case .integer:
            var top = TopCounts<Int64>(limit: limit)
            var sums = IntegerCounts()
            for part in parts {
                part.index.countIntegers(within: part.rows) { row in
                    part.contents?.values(path, row).compactMap(\.wholeNumber) ?? []
                } body: { integer, count in
                    if parts.count > 1 { sums.add(integer, count) } else { top.offer(integer, count: count) }
                }
            }
            sums.forEach { top.offer($0, count: $1) }
            return top.finish().map { (.integer($0.value), $0.count) }
        case .some(let kind):
            var top = TopCounts<FacetText>(limit: limit)
            var sums: [FacetText: Int] = [:]
            for part in parts {
                part.index.countTexts(within: part.rows) { bytes, count in
                    let text = FacetText(bytes: bytes)
                    if parts.count > 1 { sums[text, default: 0] += count } else { top.offer(text, count: count) }
                }
            }
            for (text, count) in sums { top.offer(text, count: count) }
            return top.finish().map { hit in
                let text = String(decoding: hit.value.bytes, as: UTF8.self)
                return (kind == .bool ? .bool(text == PayloadIndex.word(true)) : .keyword(text), hit.count)
            }
        }
    }
}
