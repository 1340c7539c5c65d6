import JSON
import Vectors

/// The inverted side of one segment: sparse vectors, payload members, and which rows lack which vector.
struct SegmentIndexes: Sendable {
    private(set) var sparse: [String: SparseIndex] = [:]
    private(set) var payload: [PayloadPath: PayloadIndex] = [:]
    /// Rows without the dense, sparse or multivector of that name.
    private(set) var missing: [String: RowSet] = [:]
    /// Rows that have been indexed.
    private(set) var rowCount = 0

    init(schema: CollectionSchema) throws(EngineError) {
        for name in schema.sparse.keys {
            sparse[name] = SparseIndex()
            missing[name] = RowSet()
        }
        for name in schema.dense.keys { missing[name] = RowSet() }
        for name in schema.multi.keys { missing[name] = RowSet() }
        for (path, kind) in schema.payloadIndexes {
            let path = try PayloadPath(path)
            payload[path] = PayloadIndex(path: path, definition: PayloadIndexDefinition(kind: kind))
        }
    }

    mutating func append(_ point: Point, row: UInt32, layout: RowLayout) {
        rowCount = Int(row) + 1
        let vectors = point.vectors
        for (name, _) in layout.dense where vectors.dense[name] == nil { missing[name]?.insert(Int(row)) }
        for name in layout.sparseNames where vectors.sparse[name] == nil { missing[name]?.insert(Int(row)) }
        for name in layout.multiNames where vectors.multi[name] == nil { missing[name]?.insert(Int(row)) }
        for (name, vector) in vectors.sparse { sparse[name]?.append(vector, row: row) }
        guard !payload.isEmpty else { return }
        let members = PayloadMembers(point.payload.object)
        // Copies of the keys: a view of them would keep the dictionary shared, and a change would copy all it holds.
        for path in Array(payload.keys) { payload[path]?.append(members, row: row) }
    }

    // MARK: Payload indexes that come and go

    /// Replaces the index of its path. It must hold every row that has been indexed.
    mutating func install(_ index: PayloadIndex) { payload[index.path] = index }

    mutating func drop(_ path: PayloadPath) { payload[path] = nil }

    /// Adds payload indexes over the rows there are; `members` is asked once a row, in order.
    mutating func add(
        _ added: [String: PayloadIndexKind], rowCount: Int, payload members: (Int) throws -> JSONObject
    ) throws {
        var growing: [PayloadIndex] = []
        for (path, kind) in added {
            growing.append(
                PayloadIndex(path: try PayloadPath(path), definition: PayloadIndexDefinition(kind: kind)))
        }
        for row in 0..<rowCount {
            let members = PayloadMembers(try members(row))
            for i in growing.indices { growing[i].append(members, row: UInt32(row)) }
        }
        for index in growing { payload[index.path] = index.sealed(rowCount: rowCount) }
    }

    /// Takes the vector names of `schema` over; no row of the stored segment has a vector of a new name.
    mutating func setVectors(of schema: CollectionSchema, rowCount: Int) {
        for name in Array(sparse.keys) where schema.sparse[name] == nil { sparse[name] = nil }
        for name in schema.sparse.keys where sparse[name] == nil { sparse[name] = SparseIndex.merging([]) }
        let names = Set(schema.dense.keys).union(schema.sparse.keys).union(schema.multi.keys)
        for name in Array(missing.keys) where !names.contains(name) { missing[name] = nil }
        for name in names where missing[name] == nil { missing[name] = RowSet(allOf: rowCount) }
    }

    /// Indexes of several segments as one, rows renumbered by each part's `newRow` (nil: the row is gone). A payload
    /// index that not every part has is left out.
    static func merging(
        _ parts: [(indexes: SegmentIndexes, newRow: [UInt32?])], schema: CollectionSchema, rowCount: Int
    ) throws(EngineError) -> SegmentIndexes {
        var merged = try SegmentIndexes(schema: schema)
        merged.rowCount = rowCount
        for name in schema.sparse.keys {
            merged.sparse[name] = SparseIndex.merging(
                parts.compactMap { part in part.indexes.sparse[name].map { ($0, part.newRow) } })
        }
        let paths = parts.reduce(into: Set<PayloadPath>()) { $0.formUnion($1.indexes.payload.keys) }
        for path in paths {
            let known = parts.compactMap { part in part.indexes.payload[path].map { ($0, part.newRow) } }
            merged.payload[path] =
                known.count == parts.count ? PayloadIndex.merging(known, rowCount: rowCount) : nil
        }
        for name in Array(merged.missing.keys) {
            for part in parts {
                part.indexes.missing[name]?.forEach { row in
                    if row < part.newRow.count, let kept = part.newRow[row] { merged.missing[name]?.insert(Int(kept)) }
                }
            }
        }
        return merged
    }

    // MARK: Bytes

    private static let magic: UInt32 = 0x4958_4443  // "CDXI"
    /// Version 1 had no multivectors in `missing` and less of each payload index.
    private static let versions: ClosedRange<UInt32> = 1...2

    /// The indexes that the schema names; others are made of the payloads when the collection is opened.
    func blob(schema: CollectionSchema) -> [UInt8] {
        var blob = BlobWriter(magic: Self.magic, version: Self.versions.upperBound)
        for name in schema.sparseNames { sparse[name]?.write(to: &blob) }
        for name in missing.keys.sorted() { blob.put(missing[name]?.words ?? []) }
        let declared = schema.declaredIndexes.filter { payload[$0.path] != nil }
        blob.put(UInt64(declared.count))
        for (text, path, kind) in declared {
            blob.put(text)
            blob.put(kind.rawValue)
            payload[path]?.write(to: &blob)
        }
        return blob.finish()
    }

    /// - Throws: `BlobError` when the bytes are damaged, cut or of another schema.
    init(bytes: UnsafeRawBufferPointer, schema: CollectionSchema, rowCount: Int) throws {
        try self.init(schema: schema)
        self.rowCount = rowCount
        var blob = try BlobReader(bytes, magic: Self.magic, versions: Self.versions)
        let version = blob.version
        for name in schema.sparseNames { sparse[name] = try SparseIndex(from: &blob, rowCount: rowCount) }
        guard version > 1 || schema.multi.isEmpty else { throw BlobError.unsupportedVersion(version) }
        for name in missing.keys.sorted() { missing[name] = RowSet(words: try blob.array(of: UInt64.self)) }
        guard try blob.number(UInt64.self) == UInt64(schema.payloadIndexes.count) else { throw BlobError.truncated }
        for (text, path, kind) in schema.declaredIndexes {
            guard try blob.text() == text, try blob.text() == kind.rawValue else { throw BlobError.truncated }
            payload[path] = try PayloadIndex(
                path: path, definition: PayloadIndexDefinition(kind: kind), from: &blob, version: version,
                rowCount: rowCount)
        }
    }
}

extension CollectionSchema {
    /// The payload indexes in the one order that blobs use; a path that cannot be read has been refused before.
    fileprivate var declaredIndexes: [(text: String, path: PayloadPath, kind: PayloadIndexKind)] {
        payloadIndexes.sorted { $0.key < $1.key }.map { ($0.key, PayloadPath(known: $0.key), $0.value) }
    }
}
