import Vectors

// What an index answers. It never changes an answer: where it cannot tell which rows pass, it names rows that may, and
// their payloads decide.

/// Rows that may match; exactly those that do when `isExact`.
struct RowBound {
    var rows: RowSet
    var isExact: Bool
}

extension PayloadIndex {
    /// Rows below `rowCount` that may pass `test`; nil when this index cannot tell.
    func bound(_ test: FieldTest, rowCount: Int) -> RowBound? {
        switch test {
        case .anyOf(let values): return matchBound(values, rowCount)
        case .noneOf:
            // A value of any type passes; rows that have none are out.
            var rows = RowSet(allOf: rowCount)
            rows.subtract(emptyRows)
            return RowBound(rows: rows, isExact: false)
        case .range(let range):
            guard kind == .integer || kind == .float else { return nil }
            return RowBound(
                rows: rows(rowCount, isBelow: range.liesAbove, isAbove: range.liesBelow),
                isExact: range.isExactAsDouble)
        case .moments(let after, let from, let before, let through):
            guard kind == .datetime else { return nil }
            let range = NumericRange(
                greaterThan: after.map { .integer($0) }, atLeast: from.map { .integer($0) },
                lessThan: before.map { .integer($0) }, atMost: through.map { .integer($0) })
            return RowBound(
                rows: rows(rowCount, isBelow: range.liesAbove, isAbove: range.liesBelow),
                isExact: range.isExactAsDouble)
        case .text(let query): return tokenBound(definition.analyzer?.tokens(ofQuery: query), rowCount, all: true)
        case .textAny(let query): return tokenBound(definition.analyzer?.tokens(ofQuery: query), rowCount, all: false)
        case .phrase(let phrase):
            guard var bound = tokenBound(definition.analyzer?.phraseWords(phrase), rowCount, all: true) else {
                return nil
            }
            bound.isExact = false
            return bound
        case .prefix(let start):
            guard kind == .keyword else { return nil }
            return RowBound(rows: keywordRows(rowCount, beginningWith: Array(start.utf8)) { _ in true }, isExact: true)
        case .substring(let part):
            guard kind == .keyword else { return nil }
            let rows = keywordRows(rowCount) { String(decoding: $0, as: UTF8.self).containsText(part) }
            return RowBound(rows: rows, isExact: true)
        case .geo(let region):
            guard kind == .geo else { return nil }
            var rows = RowSet(rowCount: rowCount)
            for place in places where place.row < rowCount && region.contains(GeoPoint(lon: place.lon, lat: place.lat))
            {
                rows.insert(Int(place.row))
            }
            return RowBound(rows: rows, isExact: true)
        }
    }

    // MARK: Values

    private func matchBound(_ values: Set<MatchValue>, _ rowCount: Int) -> RowBound? {
        var bound = RowBound(rows: RowSet(rowCount: rowCount), isExact: true)
        for value in values {
            switch (kind, value) {
            case (.keyword, .keyword(let text)): insert(text, rowCount, &bound.rows)
            case (.uuid, .keyword(let text)):
                guard let uuid = UUIDBytes(text) else { return nil }
                insert(uuid.description, rowCount, &bound.rows)
            case (.bool, .bool(let flag)): insert(flag ? "true" : "false", rowCount, &bound.rows)
            case (.integer, .integer(let number)):
                let number = Number.integer(number)
                let range = NumericRange(atLeast: number, atMost: number)
                bound.rows.formUnion(rows(rowCount, isBelow: range.liesAbove, isAbove: range.liesBelow))
                bound.isExact = bound.isExact && number.isExactAsDouble
            default: return nil
            }
        }
        return bound
    }

    private func insert(_ text: String, _ rowCount: Int, _ rows: inout RowSet) {
        keywords.withRows(of: text) { for row in $0 where row < rowCount { rows.insert(Int(row)) } }
    }

    private func keywordRows(
        _ rowCount: Int, beginningWith start: [UInt8] = [], where isWanted: (ArraySlice<UInt8>) -> Bool
    ) -> RowSet {
        var found = RowSet(rowCount: rowCount)
        keywords.forEachList(beginningWith: start) { key, rows in
            guard isWanted(key) else { return }
            for row in rows where row < rowCount { found.insert(Int(row)) }
        }
        return found
    }

    /// nil tokens: this is no text index.
    private func tokenBound(_ tokens: [String]?, _ rowCount: Int, all: Bool) -> RowBound? {
        guard let tokens else { return nil }
        var found = RowSet(rowCount: rowCount)
        for (i, token) in tokens.enumerated() {
            var rows = RowSet(rowCount: rowCount)
            insert(token, rowCount, &rows)
            if i == 0 || !all { found.formUnion(rows) } else { found.formIntersection(rows) }
        }
        return RowBound(rows: found, isExact: true)
    }

    private func rows(_ rowCount: Int, isBelow: (Double) -> Bool, isAbove: (Double) -> Bool) -> RowSet {
        var slice = numbers[...]
        if isSorted {
            let low = numbers.partitioningIndex { !isBelow($0.value) }
            let high = numbers.partitioningIndex { isAbove($0.value) }
            slice = low < high ? numbers[low..<high] : []
        }
        return RowSet(rowCount: rowCount) { words in
            for entry in slice
            where entry.row < rowCount && (isSorted || (!isBelow(entry.value) && !isAbove(entry.value))) {
                words[Int(entry.row >> 6)] |= 1 << UInt64(entry.row & 63)
            }
        }
    }

    // MARK: Facets and order

    /// Calls `body` once with each integer that one of `allowed` has, and with how many of them have it; in no order.
    ///
    /// - Parameter exact: the integers at the path of a row; asked for numbers whose doubles may stand for several.
    func countIntegers(within allowed: RowSet, exact: (Int) -> [Int64], body: (Int64, Int) -> Void) {
        if !isSorted, !needsPayloads { return countIntegersByRow(within: allowed, body) }
        var shared = IntegerCounts()
        let entries = ascendingNumbers
        var next = 0
        while next < entries.count {
            // The entries of one double are neighbours, by row.
            let value = entries[next].value
            let isPlain = Number.real(value).isExactAsDouble
            var rows = 0
            var last: UInt32?
            while next < entries.count, entries[next].value == value {
                let row = entries[next].row
                next += 1
                guard row != last, allowed.contains(Int(row)) else { continue }
                last = row
                if isPlain {
                    rows += 1
                } else {
                    for exact in Set(exact(Int(row))) where Double(exact) == value { shared.add(exact, 1) }
                }
            }
            if rows > 0, let whole = Int64(exactly: value) { body(whole, rows) }
        }
        shared.forEach(body)
    }

    /// The same for a growing segment, whose entries come in the order of the rows: nothing is sorted.
    private func countIntegersByRow(within allowed: RowSet, _ body: (Int64, Int) -> Void) {
        var counts = IntegerCounts(expected: numbers.count)
        var row: UInt32?
        var ofRow: [Double] = []
        for entry in numbers where allowed.contains(Int(entry.row)) {
            if entry.row != row {
                row = entry.row
                ofRow.removeAll(keepingCapacity: true)
            } else if ofRow.contains(entry.value) {
                continue
            }
            ofRow.append(entry.value)
            if let whole = Int64(exactly: entry.value) { counts.add(whole, 1) }
        }
        counts.forEach(body)
    }

    /// Calls `body` once with the bytes of each text that one of `allowed` has, and with how many of them have it; in
    /// no order. For keyword, uuid and bool.
    func countTexts(within allowed: RowSet, _ body: (ArraySlice<UInt8>, Int) -> Void) {
        keywords.forEachList { key, rows in
            let count = rows.count { allowed.contains(Int($0)) }
            if count > 0 { body(key, count) }
        }
    }

    /// The first entries among `rows`, in the order of their value: `limit` of them and all further ones that equal the
    /// last; the caller orders equal values by id.
    func ordered(within rows: RowSet, descending: Bool, from start: Double?, limit: Int) -> [NumberEntry] {
        let sorted = ascendingNumbers
        var page: [NumberEntry] = []
        func take(_ entry: NumberEntry) -> Bool {
            if let start, descending ? entry.value > start : entry.value < start { return true }
            if page.count >= limit, page.last?.value != entry.value { return false }
            // A row that has the value twice has its entries side by side.
            let isKnown = page.last.map { $0.value == entry.value && $0.row == entry.row } ?? false
            if !isKnown, rows.contains(Int(entry.row)) { page.append(entry) }
            return true
        }
        if descending {
            for entry in sorted.reversed() where !take(entry) { break }
        } else {
            for entry in sorted where !take(entry) { break }
        }
        return page
    }
}
