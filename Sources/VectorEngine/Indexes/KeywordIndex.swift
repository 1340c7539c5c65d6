// Which rows have a text. While a segment grows the lists live in a dictionary; sealed, they are four flat arrays that
// are read from the file as they lie: keys sorted by their UTF-8 bytes, found by bisection. Texts are equal when their
// bytes are: Swift's own equality of strings would make one of a composed and a decomposed letter.
//
//     key i    bytes[keyOffsets[i] ..< keyOffsets[i + 1]]
//     its rows rows[rowOffsets[i] ..< rowOffsets[i + 1]], ascending

struct KeywordIndex: Sendable {
    private enum Storage: Sendable {
        case growing([[UInt8]: [UInt32]])
        case sealed(SealedKeywords)
    }

    private var storage: Storage = .growing([:])

    init() {}

    /// Notes that `row` has `text`; rows come in ascending order, and one row may come twice.
    mutating func append(_ text: String, row: UInt32) {
        guard case .growing(var lists) = storage else { preconditionFailure("a sealed index does not grow") }
        storage = .growing([:])  // so that the dictionary is not copied
        let key = Array(text.utf8)
        if lists[key]?.last != row { lists[key, default: []].append(row) }
        storage = .growing(lists)
    }

    func withRows(of text: String, _ body: (ArraySlice<UInt32>) -> Void) {
        switch storage {
        case .growing(let lists): body((lists[Array(text.utf8)] ?? [])[...])
        case .sealed(let keywords): body(keywords.rows(of: Array(text.utf8)))
        }
    }

    /// Calls `body` with every text that begins with `start`, as bytes, and its rows; in no order.
    func forEachList(beginningWith start: [UInt8] = [], _ body: (ArraySlice<UInt8>, ArraySlice<UInt32>) -> Void) {
        switch storage {
        case .growing(let lists):
            for (text, rows) in lists where start.isEmpty || text.starts(with: start) { body(text[...], rows[...]) }
        case .sealed(let keywords):
            var i = start.isEmpty ? 0 : keywords.firstKey(notBefore: start)
            while i < keywords.count, start.isEmpty || keywords.key(i).starts(with: start) {
                body(keywords.key(i), keywords.rows(at: i))
                i += 1
            }
        }
    }

    /// One sealed index of several, rows renumbered by each part's `newRow` (nil: the row is gone).
    static func merging(_ parts: [(index: KeywordIndex, newRow: [UInt32?])]) -> KeywordIndex {
        var lists: [ArraySlice<UInt8>: [UInt32]] = [:]
        for part in parts {
            part.index.forEachList { key, rows in
                let kept = rows.compactMap { Int($0) < part.newRow.count ? part.newRow[Int($0)] : nil }
                if !kept.isEmpty { lists[key, default: []].append(contentsOf: kept) }
            }
        }
        var sealed = SealedKeywords()
        for (key, rows) in lists.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            sealed.append(key, rows: rows.sorted())
        }
        var merged = KeywordIndex()
        merged.storage = .sealed(sealed)
        return merged
    }

    func write(to blob: inout BlobWriter) {
        guard case .sealed(let keywords) = storage else { preconditionFailure("only a sealed index is written") }
        keywords.write(to: &blob)
    }

    init(from blob: inout BlobReader, rowCount: Int) throws(BlobError) {
        storage = .sealed(try SealedKeywords(from: &blob, rowCount: rowCount))
    }
}

private struct SealedKeywords: Sendable {
    private var keyOffsets: [UInt32] = [0]
    private var bytes: [UInt8] = []
    private var rowOffsets: [UInt32] = [0]
    private var rows: [UInt32] = []

    init() {}

    var count: Int { keyOffsets.count - 1 }

    mutating func append(_ key: ArraySlice<UInt8>, rows list: [UInt32]) {
        bytes.append(contentsOf: key)
        keyOffsets.append(UInt32(bytes.count))
        rows.append(contentsOf: list)
        rowOffsets.append(UInt32(rows.count))
    }

    func key(_ i: Int) -> ArraySlice<UInt8> { bytes[Int(keyOffsets[i])..<Int(keyOffsets[i + 1])] }
    func rows(at i: Int) -> ArraySlice<UInt32> { rows[Int(rowOffsets[i])..<Int(rowOffsets[i + 1])] }

    func firstKey(notBefore wanted: [UInt8]) -> Int {
        (0..<count).partitioningIndex { !key($0).lexicographicallyPrecedes(wanted) }
    }

    func rows(of wanted: [UInt8]) -> ArraySlice<UInt32> {
        let i = firstKey(notBefore: wanted)
        return i < count && key(i).elementsEqual(wanted) ? rows(at: i) : []
    }

    func write(to blob: inout BlobWriter) {
        blob.put(keyOffsets)
        blob.put(bytes)
        blob.put(rowOffsets)
        blob.put(rows)
    }

    init(from blob: inout BlobReader, rowCount: Int) throws(BlobError) {
        keyOffsets = try blob.array(of: UInt32.self)
        bytes = try blob.array(of: UInt8.self)
        rowOffsets = try blob.array(of: UInt32.self)
        rows = try blob.array(of: UInt32.self)
        func isOffsets(_ offsets: [UInt32], upTo count: Int) -> Bool {
            offsets.first == 0 && offsets.last.map(Int.init) == count
                && zip(offsets, offsets.dropFirst()).allSatisfy { $0 <= $1 }
        }
        guard keyOffsets.count == rowOffsets.count, isOffsets(keyOffsets, upTo: bytes.count),
            isOffsets(rowOffsets, upTo: rows.count), rows.allSatisfy({ $0 < rowCount })
        else { throw .truncated }
    }
}
