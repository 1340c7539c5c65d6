import JSON
import Vectors

// The index of one payload member over one segment's rows, of any of the eight kinds. A row is in it once for each of
// its values. Texts of every sort (keywords, UUIDs, the words of `true` and `false`, the tokens of a text index) are
// lists of rows by their bytes; numbers and moments are entries that are sorted when the segment is sealed; places are
// entries too. While a segment grows, entries come in the order of the rows.

/// A number (or a moment in microseconds since 1970) and the row that has it.
struct NumberEntry: BitwiseCopyable, Sendable {
    var value: Double
    var row: UInt32
}

/// A place in degrees and the row that has it.
struct PlaceEntry: BitwiseCopyable, Sendable {
    var lon: Double
    var lat: Double
    var row: UInt32
}

struct PayloadIndex: Sendable {
    let path: PayloadPath
    let definition: PayloadIndexDefinition
    private(set) var keywords = KeywordIndex()
    /// For integer, float and datetime: entries, ascending by value once `isSorted`.
    private(set) var numbers: [NumberEntry] = []
    private(set) var isSorted = true
    private(set) var places: [PlaceEntry] = []
    /// Rows with at least one value of the index's kind.
    private(set) var presentRows = RowSet()
    /// Rows whose member is missing, null or an empty array.
    private(set) var emptyRows = RowSet()
    /// Rows with a null at the path, also inside an array.
    private(set) var nullRows = RowSet()
    /// Whether `presentRows` and `nullRows` are known; the first version of the blob did not keep them.
    private(set) var isComplete = true

    var kind: PayloadIndexKind { definition.kind }

    /// Whether counting values needs the payloads: doubles that may stand for several integers.
    var needsPayloads: Bool {
        func isShared(_ entry: NumberEntry) -> Bool { !Number.real(entry.value).isExactAsDouble }
        guard kind == .integer else { return false }
        guard isSorted else { return numbers.contains(where: isShared) }
        return [numbers.first, numbers.last].contains { $0.map(isShared) ?? false }
    }

    init(path: PayloadPath, definition: PayloadIndexDefinition) {
        self.path = path
        self.definition = definition
    }

    // MARK: Changes

    /// Indexes the payload of `row`; rows come in ascending order.
    mutating func append(_ payload: some PayloadNodes, row: UInt32) {
        let nodes = payload.nodes(path)
        if nodes.contains(where: { $0.isNull || $0.arrayValue?.contains(where: \.isNull) ?? false }) {
            nullRows.insert(Int(row))
        }
        if nodes.allSatisfy(\.isEmptyValue) {
            emptyRows.insert(Int(row))
            return
        }
        for value in PayloadPath.values(of: nodes) where append(value, row) { presentRows.insert(Int(row)) }
    }

    /// - Returns: whether the value is of the index's kind.
    private mutating func append(_ value: JSONValue, _ row: UInt32) -> Bool {
        switch (kind, value) {
        case (.keyword, .string(let text)): keywords.append(text, row: row)
        case (.uuid, .string(let text)):
            guard let uuid = UUIDBytes(text) else { return false }
            keywords.append(uuid.description, row: row)
        case (.bool, .bool(let flag)): keywords.append(Self.word(flag), row: row)
        case (.text, .string(let text)):
            for token in definition.analyzer?.tokens(ofDocument: text) ?? [] { keywords.append(token, row: row) }
        case (.integer, _):
            guard let number = value.wholeNumber else { return false }
            append(Double(number), row)
        case (.float, _):
            guard let number = value.doubleValue else { return false }
            append(number, row)
        case (.datetime, .string(let text)):
            guard let moment = Timestamp.parseLoosely(text) else { return false }
            append(Double(moment), row)
        case (.geo, .object):
            guard let place = GeoPoint(value) else { return false }
            places.append(PlaceEntry(lon: place.lon, lat: place.lat, row: row))
        default: return false
        }
        return true
    }

    private mutating func append(_ number: Double, _ row: UInt32) {
        if let last = numbers.last, last.value > number { isSorted = false }
        numbers.append(NumberEntry(value: number, row: row))
    }

    static func word(_ flag: Bool) -> String { flag ? "true" : "false" }

    /// Numbers in ascending order; equal ones by row.
    var ascendingNumbers: [NumberEntry] {
        isSorted ? numbers : numbers.sorted { $0.value != $1.value ? $0.value < $1.value : $0.row < $1.row }
    }

    // MARK: Merging

    /// One index of several, rows renumbered by each part's `newRow` (nil: the row is gone).
    static func merging(_ parts: [(index: PayloadIndex, newRow: [UInt32?])], rowCount: Int) -> PayloadIndex? {
        guard let first = parts.first?.index else { return nil }
        var merged = PayloadIndex(path: first.path, definition: first.definition)
        merged.keywords = KeywordIndex.merging(parts.map { ($0.index.keywords, $0.newRow) })
        for part in parts {
            func renumbered(_ row: UInt32) -> UInt32? { Int(row) < part.newRow.count ? part.newRow[Int(row)] : nil }
            for entry in part.index.numbers {
                if let row = renumbered(entry.row) { merged.numbers.append(NumberEntry(value: entry.value, row: row)) }
            }
            for entry in part.index.places {
                if let row = renumbered(entry.row) {
                    merged.places.append(PlaceEntry(lon: entry.lon, lat: entry.lat, row: row))
                }
            }
            part.index.presentRows.forEach {
                if let row = renumbered(UInt32($0)) { merged.presentRows.insert(Int(row)) }
            }
            part.index.emptyRows.forEach { if let row = renumbered(UInt32($0)) { merged.emptyRows.insert(Int(row)) } }
            part.index.nullRows.forEach { if let row = renumbered(UInt32($0)) { merged.nullRows.insert(Int(row)) } }
            merged.isComplete = merged.isComplete && part.index.isComplete
        }
        merged.isSorted = false
        merged.numbers = merged.ascendingNumbers
        merged.isSorted = true
        return merged
    }

    /// This index for a segment that does not grow: entries sorted, lists flat.
    func sealed(rowCount: Int) -> PayloadIndex {
        PayloadIndex.merging([(self, (0..<rowCount).map { UInt32($0) })], rowCount: rowCount) ?? self
    }

    // MARK: Bytes

    /// In a blob of an earlier version: an integer index may hold numbers with a fraction.
    private static let realsFlag: UInt64 = 1
    private static let completeFlag: UInt64 = 2

    /// Drops what an earlier version kept in an integer index besides integers.
    private mutating func keepIntegers() {
        guard kind == .integer else { return }
        let count = numbers.count
        numbers.removeAll { JSONValue.number($0.value).wholeNumber == nil }
        // Which rows have no other value is not known.
        if numbers.count < count { isComplete = false }
    }

    func write(to blob: inout BlobWriter) {
        keywords.write(to: &blob)
        blob.put(numbers.map(\.value))
        blob.put(numbers.map(\.row))
        blob.put(emptyRows.words)
        blob.put(nullRows.words)
        blob.put(presentRows.words)
        blob.put(isComplete ? Self.completeFlag : 0)
        blob.put(places.map(\.lon))
        blob.put(places.map(\.lat))
        blob.put(places.map(\.row))
    }

    /// - Parameter version: of the blob; the first one ends behind `emptyRows`.
    init(
        path: PayloadPath, definition: PayloadIndexDefinition, from blob: inout BlobReader, version: UInt32,
        rowCount: Int
    ) throws(BlobError) {
        self.init(path: path, definition: definition)
        keywords = try KeywordIndex(from: &blob, rowCount: rowCount)
        let values = try blob.array(of: Double.self)
        let rows = try blob.array(of: UInt32.self)
        guard values.count == rows.count, rows.allSatisfy({ $0 < rowCount }) else { throw BlobError.truncated }
        numbers = zip(values, rows).map(NumberEntry.init)
        isSorted = zip(values, values.dropFirst()).allSatisfy { $0 <= $1 }
        emptyRows = try Self.rows(&blob, rowCount)
        guard version > 1 else {
            isComplete = false
            keepIntegers()
            return
        }
        nullRows = try Self.rows(&blob, rowCount)
        presentRows = try Self.rows(&blob, rowCount)
        let flags = try blob.number(UInt64.self)
        isComplete = flags & Self.completeFlag != 0
        if flags & Self.realsFlag != 0 { keepIntegers() }
        let lon = try blob.array(of: Double.self)
        let lat = try blob.array(of: Double.self)
        let placed = try blob.array(of: UInt32.self)
        guard lon.count == placed.count, lat.count == placed.count, placed.allSatisfy({ $0 < rowCount }) else {
            throw BlobError.truncated
        }
        places = placed.indices.map { PlaceEntry(lon: lon[$0], lat: lat[$0], row: placed[$0]) }
    }

    private static func rows(_ blob: inout BlobReader, _ rowCount: Int) throws(BlobError) -> RowSet {
        let rows = RowSet(words: try blob.array(of: UInt64.self))
        guard rows.words.count <= (rowCount + 63) >> 6 else { throw .truncated }
        return rows
    }
}
