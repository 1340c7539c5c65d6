import JSON
import Vectors

// The index of one payload member over one segment's rows. A row stands once for each of its values.

/// A number and the row that has it.
struct NumberEntry: BitwiseCopyable, Sendable {
    var value: Double
    var row: UInt32
}

struct PayloadIndex: Sendable {
    let kind: PayloadIndexKind
    private let path: PayloadPath
    /// For keyword and bool (as `true` and `false`): the rows of each value, ascending.
    private var keywords = KeywordIndex()
    /// For integer and float: entries, ascending by value once `isSorted`.
    private var numbers: [NumberEntry] = []
    private var isSorted = true
    /// Rows whose member is missing, null or an empty array.
    private(set) var emptyRows = RowSet()

    init(path: String, kind: PayloadIndexKind) throws(EngineError) {
        self.path = try PayloadPath(path)
        self.kind = kind
    }

    /// Indexes the payload of `row`; rows come in ascending order.
    mutating func append(_ payload: JSONObject, row: UInt32) {
        let nodes = path.nodes(in: payload)
        if nodes.allSatisfy({ $0.isNull || $0.arrayValue?.isEmpty == true }) {
            emptyRows.insert(Int(row))
            return
        }
        for value in path.values(in: payload) {
            switch (kind, value) {
            case (.keyword, .string(let text)): keywords.append(text, row: row)
            case (.bool, .bool(let flag)): keywords.append(Self.word(flag), row: row)
            case (.integer, _), (.float, _):
                guard let number = value.doubleValue else { continue }
                if let last = numbers.last, last.value > number { isSorted = false }
                numbers.append(NumberEntry(value: number, row: row))
            default: continue
            }
        }
    }

    private static func word(_ flag: Bool) -> String { flag ? "true" : "false" }

    /// Rows with one of `values`; nil when this index cannot tell.
    func rows(matching values: [MatchValue], rowCount: Int) -> RowSet? {
        var found = RowSet(rowCount: rowCount)
        for value in values {
            switch (kind, value) {
            case (.keyword, .keyword(let text)):
                keywords.withRows(of: text) { for row in $0 where row < rowCount { found.insert(Int(row)) } }
            case (.bool, .bool(let flag)):
                keywords.withRows(of: Self.word(flag)) { for row in $0 where row < rowCount { found.insert(Int(row)) } }
            case (.integer, .integer(let number)):
                // Beyond 2^53 two integers may share a double: then the payload must tell.
                guard let exact = Double(exactly: number), abs(exact) < 9_007_199_254_740_992 else { return nil }
                found.formUnion(numberedRows(in: NumericRange(atLeast: exact, atMost: exact), rowCount: rowCount))
            default: return nil
            }
        }
        return found
    }

    /// Rows with a number in `range`; nil when this index holds no numbers.
    func rows(in range: NumericRange, rowCount: Int) -> RowSet? {
        guard kind == .integer || kind == .float else { return nil }
        return numberedRows(in: range, rowCount: rowCount)
    }

    private func numberedRows(in range: NumericRange, rowCount: Int) -> RowSet {
        var slice = numbers[...]
        if isSorted {
            let low = numbers.partitioningIndex { !range.isAbove($0.value) }
            let high = numbers.partitioningIndex { range.isBelow($0.value) }
            slice = low < high ? numbers[low..<high] : []
        }
        return RowSet(rowCount: rowCount) { words in
            for entry in slice where entry.row < rowCount && (isSorted || range.contains(entry.value)) {
                words[Int(entry.row >> 6)] |= 1 << UInt64(entry.row & 63)
            }
        }
    }

    /// The first `limit` entries among `rows`, in the order of their value.
    func ordered(within rows: RowSet, descending: Bool, limit: Int) -> [NumberEntry] {
        let sorted = isSorted ? numbers : numbers.sorted { $0.value < $1.value }
        var page: [NumberEntry] = []
        func take(_ entry: NumberEntry) -> Bool {
            // Equal values at the page's end all come along: who asks orders them by id.
            if page.count >= limit, page.last?.value != entry.value { return false }
            if rows.contains(Int(entry.row)) { page.append(entry) }
            return true
        }
        if descending {
            for entry in sorted.reversed() where !take(entry) { break }
        } else {
            for entry in sorted where !take(entry) { break }
        }
        return page
    }

    /// One index of several, rows renumbered by each part's `newRow` (nil: the row is gone).
    static func merging(_ parts: [(index: PayloadIndex, newRow: [UInt32?])], rowCount: Int) -> PayloadIndex? {
        guard var merged = parts.first?.index else { return nil }
        merged.keywords = KeywordIndex.merging(parts.map { ($0.index.keywords, $0.newRow) })
        merged.numbers = []
        merged.emptyRows = RowSet(rowCount: rowCount)
        for part in parts {
            func renumbered(_ row: UInt32) -> UInt32? { Int(row) < part.newRow.count ? part.newRow[Int(row)] : nil }
            for entry in part.index.numbers {
                if let row = renumbered(entry.row) { merged.numbers.append(NumberEntry(value: entry.value, row: row)) }
            }
            part.index.emptyRows.forEach { row in
                if let row = renumbered(UInt32(row)) { merged.emptyRows.insert(Int(row)) }
            }
        }
        merged.numbers.sort { $0.value < $1.value }
        merged.isSorted = true
        return merged
    }

    // MARK: Bytes

    func write(to blob: inout BlobWriter) {
        keywords.write(to: &blob)
        blob.put(numbers.map(\.value))
        blob.put(numbers.map(\.row))
        blob.put(emptyRows.words)
    }

    init(path: String, kind: PayloadIndexKind, from blob: inout BlobReader, rowCount: Int) throws {
        try self.init(path: path, kind: kind)
        keywords = try KeywordIndex(from: &blob, rowCount: rowCount)
        let values = try blob.array(of: Double.self)
        let rows = try blob.array(of: UInt32.self)
        guard values.count == rows.count, rows.allSatisfy({ $0 < rowCount }) else { throw BlobError.truncated }
        numbers = zip(values, rows).map(NumberEntry.init)
        isSorted = zip(values, values.dropFirst()).allSatisfy { $0 <= $1 }
        emptyRows = RowSet(words: try blob.array(of: UInt64.self))
        guard emptyRows.words.count <= (rowCount + 63) >> 6 else { throw BlobError.truncated }
    }
}
