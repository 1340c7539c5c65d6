import GRDB
import HNSW
import Vectors

// Opening: what the file holds becomes a `LiveSegments`. Stored segments bring their row lists, indexes and graphs;
// their floats are read from `vectors`, the rows after them whole. A cache that is damaged is left aside, and its rows
// are read like new ones: slower, never wrong.

struct CollectionLoader {
    let file: CollectionFile

    /// Reads everything in one snapshot.
    ///
    /// - Returns: the segments, and how many rows were damaged and left out.
    func load() throws -> (live: LiveSegments, damagedRows: Int) {
        try file.pool.read { db in
            let header = try file.header(db)
            var live = LiveSegments(schema: header.schema, sequence: 0, generation: header.generation)
            var stored: [StoredSegment]? = []
            try db.scan("SELECT id, row_count, rows, indexes FROM segments ORDER BY id") { row in
                guard let segment = StoredSegment(row, schema: header.schema) else {
                    stored = nil
                    return
                }
                stored?.append(segment)
            }
            let sealed = stored == nil ? 0 : header.sealedSequence
            var damaged = 0
            if let stored, !stored.isEmpty {
                var ids = try liveIDs(db, of: stored, through: sealed, unplaced: &damaged)
                for (i, segment) in stored.enumerated() {
                    let view = try view(db, segment, schema: header.schema, ids: &ids[i], damaged: &damaged)
                    live.adopt(view, liveIDs: ids[i])
                }
            }
            try appendRows(db, after: sealed, to: &live, damaged: &damaged)
            live.advance(to: header.sequence)
            return (live, damaged)
        }
    }

    /// For each stored segment and row the id of the point whose newest version stands there; `unplaced` counts the
    /// points up to change `sealed` that stand in none.
    private func liveIDs(
        _ db: Database, of segments: [StoredSegment], through sealed: Int64, unplaced: inout Int
    ) throws -> [[PointID?]] {
        var ids = segments.map { [PointID?](repeating: nil, count: $0.sequences.count) }
        var lost = 0
        // The index on id holds both columns: the payloads' pages are not touched.
        try db.scan("SELECT id, sequence FROM points ORDER BY id") { row in
            guard let id = PointID(key: row.blob(0)) else { return }
            let sequence = row.integer(1)
            for (i, segment) in segments.enumerated() {
                let at = segment.sequences.partitioningIndex { $0 >= sequence }
                if at < segment.sequences.count, segment.sequences[at] == sequence {
                    ids[i][at] = id
                    return
                }
            }
            if sequence <= sealed { lost += 1 }
        }
        unplaced += lost
        return ids
    }

    /// A stored segment with its floats and graphs.
    private func view(
        _ db: Database, _ segment: StoredSegment, schema: CollectionSchema, ids: inout [PointID?], damaged: inout Int
    ) throws -> SegmentView {
        let rows = SegmentRows(schema: schema, capacity: segment.sequences.count)
        for (row, sequence) in segment.sequences.enumerated() {
            rows.append(id: ids[row] ?? .number(0), sequence: sequence)
        }
        for block in rows.blocks { block.appendZeros(rows: segment.sequences.count) }
        var next = 0
        var isWhole = true
        func lose(_ row: Int) {
            if ids[row] != nil { damaged += 1 }
            ids[row] = nil
            isWhole = false
        }
        try db.scan(
            "SELECT sequence, dense, checksum FROM vectors WHERE sequence BETWEEN ? AND ? ORDER BY sequence",
            [segment.sequences.first ?? 0, segment.sequences.last ?? -1]
        ) { row in
            let sequence = row.integer(0)
            while next < segment.sequences.count, segment.sequences[next] < sequence {
                lose(next)
                next += 1
            }
            guard next < segment.sequences.count, segment.sequences[next] == sequence else { return }
            let dense = row.blob(1)
            if Int64(StoredRow.denseChecksum(dense, sequence: sequence)) != row.integer(2)
                || !rows.fill(next, from: dense, schema: schema)
            {
                lose(next)
            }
            next += 1
        }
        while next < segment.sequences.count {
            lose(next)
            next += 1
        }
        var view = SegmentView(
            number: 0, rows: rows, rowCount: segment.sequences.count, indexes: SharedSegmentIndexes(segment.indexes))
        view.storedID = segment.id
        // A graph is only as good as the floats it walks over.
        if isWhole { view.graphs = try graphs(db, of: segment, rows: rows, schema: schema) }
        return view
    }

    private func graphs(
        _ db: Database, of segment: StoredSegment, rows: SegmentRows, schema: CollectionSchema
    ) throws -> [String: HNSWGraph] {
        var graphs: [String: HNSWGraph] = [:]
        for (name, block) in zip(schema.denseNames, rows.blocks) {
            guard let metric = schema.dense[name]?.metric else { continue }
            try db.scan("SELECT bytes FROM graphs WHERE segment = ? AND vector = ?", [segment.id, name]) { row in
                do {
                    let graph = try HNSWGraph(bytes: row.blob(0), block: block, metric: metric)
                    if graph.rowCount == segment.sequences.count { graphs[name] = graph }
                } catch is GraphFormatError {
                    // The rows are scored exactly until the sealer has built the graph anew.
                }
            }
        }
        return graphs
    }

    /// Reads the points changed after `sequence` and appends them in order; used at opening and to follow the log.
    func appendRows(
        _ db: Database, after sequence: Int64, to live: inout LiveSegments, damaged: inout Int
    ) throws {
        let schema = live.schema
        var lost = 0
        try db.scan(
            CollectionFile.selectRows + "WHERE p.sequence > ? ORDER BY p.sequence", [sequence]
        ) { row in
            do throws(EngineError) {
                let stored = try StoredRow(row, schema: schema, hasDense: true)
                try live.upsert(stored.point, sequence: stored.sequence)
            } catch {
                guard error.code == .damaged else { throw error }
                lost += 1
            }
        }
        damaged += lost
    }

    /// Brings `live` to the file's present by the change log.
    ///
    /// - Returns: false when the log no longer reaches back far enough and everything must be read anew.
    func follow(_ db: Database, _ live: inout LiveSegments, damaged: inout Int) throws -> Bool {
        let header = try file.header(db)
        guard header.sequence > live.sequence else { return true }
        guard header.deletionFloor <= live.sequence else { return false }
        var deletions: [(Int64, PointID)] = []
        try db.scan("SELECT sequence, id FROM deletions WHERE sequence > ? ORDER BY sequence", [live.sequence]) { row in
            if let id = PointID(key: row.blob(1)) { deletions.append((row.integer(0), id)) }
        }
        // A delete and a later insert of the same id: deletes first by their sequence would remove the newer row.
        let start = live.sequence
        for (sequence, id) in deletions { live.delete(id, sequence: sequence) }
        try appendRows(db, after: start, to: &live, damaged: &damaged)
        live.advance(to: header.sequence)
        return true
    }
}

/// A row of `segments`, read and checked.
private struct StoredSegment {
    let id: Int64
    /// Ascending: the change that wrote each row.
    let sequences: [Int64]
    let indexes: SegmentIndexes

    /// nil when the bytes are not what was written.
    init?(_ row: ScannedRow, schema: CollectionSchema) {
        id = row.integer(0)
        do {
            sequences = try SegmentRowList.sequences(from: Array(row.blob(2)))
            guard sequences.count == Int(row.integer(1)) else { return nil }
            indexes = try SegmentIndexes(bytes: Array(row.blob(3)), schema: schema, rowCount: sequences.count)
        } catch {
            return nil  // a cache: the rows themselves are read instead
        }
    }
}

/// The list of a stored segment's rows as bytes.
enum SegmentRowList {
    private static let magic: UInt32 = 0x5258_4443  // "CDXR"
    private static let version: UInt32 = 1

    static func bytes(_ sequences: [Int64]) -> [UInt8] {
        var blob = BlobWriter(magic: magic, version: version)
        blob.put(sequences)
        return blob.finish()
    }

    static func sequences(from bytes: [UInt8]) throws(BlobError) -> [Int64] {
        var blob = try BlobReader(bytes, magic: magic, version: version)
        let sequences = try blob.array(of: Int64.self)
        guard zip(sequences, sequences.dropFirst()).allSatisfy({ $0 < $1 }) else { throw .truncated }
        return sequences
    }
}

extension SegmentRows {
    /// Writes the stored vectors of one row into the blocks; false when the layout does not fit the schema.
    fileprivate func fill(_ row: Int, from dense: UnsafeRawBufferPointer, schema: CollectionSchema) -> Bool {
        let names = schema.denseNames
        var at = names.count
        guard dense.count >= at else { return false }
        for (i, block) in blocks.enumerated() where dense[i] == 1 {
            let size = block.dimension * MemoryLayout<Float>.stride
            guard dense.count - at >= size else { return false }
            UnsafeMutableRawPointer(block.base + row * block.dimension).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: dense[at..<at + size]).baseAddress
                    ?? UnsafeRawPointer(block.base),
                byteCount: size)
            at += size
        }
        return at == dense.count
    }
}
