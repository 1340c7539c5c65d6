import JSON
import Vectors

// Rows of a view by id, by order of ids, by the value of a payload member.

extension Searcher {
    func id(_ row: ViewRow) -> PointID { segments[row.segment].rows.ids[Int(row.row)].id }

    /// The change that wrote the row.
    func sequence(_ row: ViewRow) -> Int64 { segments[row.segment].rows.sequences[Int(row.row)] }

    /// The first `limit` rows of `matches` by ascending id, from `start` (inclusive) on. Costs one pass over the
    /// matches and keeps no more than the page.
    func page(of matches: [RowSet?], from start: PointID?, limit: Int) -> [ViewRow] {
        guard limit > 0 else { return [] }
        var page: [(id: PointID, row: ViewRow)] = []
        // Collected to twice the page, then cut: the sorting is spread over so many rows.
        let room = limit.multipliedReportingOverflow(by: 2)
        let most = room.overflow ? Int.max : room.partialValue
        var last: PointID?
        func cut() {
            page.sort { $0.id < $1.id }
            if page.count > limit { page.removeLast(page.count - limit) }
            if page.count == limit { last = page.last?.id }
        }
        forEachRow(of: matches) { row in
            let id = id(row)
            if let start, id < start { return }
            if let last, last < id { return }
            page.append((id, row))
            if page.count >= most { cut() }
        }
        cut()
        return page.map(\.row)
    }

    /// The first `limit` values of an indexed number or date among `matches`, from `start` (inclusive) on; equal values
    /// by id, in the same direction. A point with several values is there once for each different one.
    func ordered(
        by path: PayloadPath, descending: Bool, from start: Number?, within matches: [RowSet?], limit: Int,
        contents: ContentsLookup
    ) throws -> [(value: Number, row: ViewRow)] {
        var entries: [(value: Number, id: PointID, row: ViewRow)] = []
        for (i, segment) in segments.enumerated() where segment.rowCount > 0 {
            var live = matches[i] ?? RowSet(allOf: segment.rowCount)
            live.subtract(segment.deleted)
            let index = try payloadIndex(path, of: segment, contents)
            let found = index.ordered(within: live, descending: descending, from: start?.double, limit: limit)
            var seen: Set<OrderedValue> = []
            for entry in found {
                for value in try numbers(of: entry, index, segment, contents) {
                    if let start, descending ? value > start : value < start { continue }
                    guard seen.insert(OrderedValue(value: value, row: entry.row)).inserted else { continue }
                    let row = ViewRow(segment: i, row: entry.row)
                    entries.append((value, id(row), row))
                }
            }
        }
        entries.sort { a, b in
            if a.value != b.value { return (a.value < b.value) != descending }
            return (a.id < b.id) != descending
        }
        return entries.prefix(limit).map { ($0.value, $0.row) }
    }

    private struct OrderedValue: Hashable {
        let value: Number
        let row: UInt32
    }

    /// The numbers that an entry stands for: beyond 2^53 several integers share a double, and the payload tells.
    private func numbers(
        of entry: NumberEntry, _ index: PayloadIndex, _ segment: SegmentView, _ contents: ContentsLookup
    ) throws -> [Number] {
        if index.kind == .float { return [.real(entry.value)] }
        guard !Number.real(entry.value).isExactAsDouble else {
            return [Int64(exactly: entry.value).map { .integer($0) } ?? .real(entry.value)]
        }
        let values = try contents(segment).values(index.path, Int(entry.row))
        let numbers = values.compactMap { value -> Number? in
            guard index.kind == .datetime else { return value.wholeNumber.map { .integer($0) } }
            return value.stringValue.flatMap(Timestamp.parseLoosely).map { .integer($0) }
        }
        return numbers.filter { $0.double == entry.value }
    }

    /// The segment's index of a member; where it is not built yet, one is made of the payloads for this answer.
    func payloadIndex(
        _ path: PayloadPath, of segment: SegmentView, _ contents: ContentsLookup
    ) throws -> PayloadIndex {
        if let known = segment.indexes.read({ $0.payload[path] }) { return known }
        let definition = fields[path] ?? PayloadIndexDefinition(kind: .keyword)
        var index = PayloadIndex(path: path, definition: definition)
        let contents = try contents(segment)
        for row in 0..<segment.rowCount { contents.withPayload(row) { index.append($0, row: UInt32(row)) } }
        return index
    }

    /// Points with a value of the index's kind at an indexed member; 0 where there is no such index.
    func indexedCount(_ path: PayloadPath) -> Int {
        segments.reduce(0) { sum, segment in
            var rows = segment.indexes.read { $0.payload[path]?.presentRows ?? RowSet() }
            rows.formIntersection(RowSet(allOf: segment.rowCount))
            rows.subtract(segment.deleted)
            return sum + rows.count
        }
    }
}
