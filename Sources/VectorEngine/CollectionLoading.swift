import Dispatch
import GRDB
import HNSW
import Synchronization
import Vectors

// Opening: what the file holds becomes a `LiveSegments`. A stored segment brings its row list, indexes and graphs; its
// floats are read from `vectors`, the rows after it whole. These parts are read side by side, each on a connection of
// its own: ids and new rows in one snapshot, the rest from any snapshot of the same generation, since what belongs to a
// stored segment changes with the generation alone. A cache that is damaged is left aside, and its rows are read like
// new ones: slower, never wrong.

struct CollectionLoader: Sendable {
    let file: CollectionFile

    /// How often opening begins again because another process has replaced the segments meanwhile.
    private static let attempts = 8

    /// - Returns: the segments, and how many rows were damaged and left out.
    ///
    /// - Parameter mayMend: whether an index of ids that does not add up may be made anew.
    func load(mayMend: Bool = true) throws -> (live: LiveSegments, damagedRows: Int) {
        var trustsTally = !mayMend
        for _ in 1..<Self.attempts {
            do {
                return try loadOnce(trustsTally: trustsTally)
            } catch is Overtaken {
                continue
            } catch is TallyMismatch {
                // The index of ids, which can be made anew of the rows, or the rows themselves.
                trustsTally = try !file.rebuildIDIndex()
            }
        }
        return try loadOnce(trustsTally: true)
    }

    /// The points that were read are not those that were written.
    private struct TallyMismatch: Error {}

    /// The segments were replaced between two reads.
    private struct Overtaken: Error {}

    /// - Parameter trustsTally: what is missing is counted as damaged, instead of being looked into.
    private func loadOnce(trustsTally: Bool) throws -> (live: LiveSegments, damagedRows: Int) {
        let (header, stored) = try file.pool.read { db in
            (try file.header(db), try StoredSegment.all(db))
        }
        // Every stored segment or none: what lies before `sealed` and in no segment would be lost from view.
        guard let stored, !stored.isEmpty else {
            return try assembled(header, [], try newest(header, [], after: 0, trustsTally))
        }
        let readers = stored.map { SegmentReader(file: file, segment: $0, header: header) }
        let newestRows = Mutex<NewestRows?>(nil)
        // One flat list of tasks: work nested in `concurrentPerform` would run on a single thread.
        try Self.sideBySide(
            [
                { [self] in
                    let rows = try newest(
                        header, stored.map(\.sequences), after: header.sealedSequence, trustsTally)
                    newestRows.withLock { $0 = rows }
                }
            ] + readers.flatMap(\.tasks))
        let parts = readers.map(\.parts)
        guard let newestRows = newestRows.withLock({ $0 }) else { preconditionFailure("every task has run") }
        var views: [StoredView] = []
        for (segment, part) in zip(stored, parts) {
            guard let indexes = part.indexes else {
                return try assembled(header, [], try newest(header, [], after: 0, trustsTally))
            }
            var view = SegmentView(
                number: 0, rows: part.rows, rowCount: segment.sequences.count, indexes: SharedSegmentIndexes(indexes))
            view.storedID = segment.id
            // A graph is only as good as the floats it walks over.
            if part.lost.isEmpty { view.graphs = part.graphs }
            views.append(StoredView(view: view, sequences: segment.sequences, lost: part.lost))
        }
        return try assembled(header, views, newestRows)
    }

    /// Runs `tasks` on as many threads as there are processors; the first error is thrown when all have ended.
    private static func sideBySide(_ tasks: [@Sendable () throws -> Void]) throws {
        let failure = Mutex<(any Error)?>(nil)
        DispatchQueue.concurrentPerform(iterations: tasks.count) { i in
            do {
                try tasks[i]()
            } catch {
                failure.withLock { $0 = $0 ?? error }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// A stored segment without its ids.
    private struct StoredView {
        let view: SegmentView
        let sequences: [Int64]
        let lost: Set<Int>
    }

    /// What one snapshot says of the points: who stands where in the stored segments, and the rows after them.
    private struct NewestRows: Sendable {
        let sequence: Int64
        var ids: [[PointID?]]
        /// The same by id: a dictionary of all points is worth building beside the other reads.
        var locations: [PointID: RowLocation]
        let rows: [StoredRow]
        var damaged: Int
    }

    private func newest(
        _ header: FileHeader, _ sequences: [[Int64]], after sealed: Int64, _ trustsTally: Bool
    ) throws -> NewestRows {
        try file.pool.read { db in
            let now = try file.header(db)
            guard now.generation == header.generation else { throw Overtaken() }
            var damaged = 0
            var tally = PointTally()
            let ids = try liveIDs(db, of: sequences, through: sealed, unplaced: &damaged, &tally)
            if let written = now.tally, !written.matchesIDs(of: tally) {
                guard trustsTally else { throw TallyMismatch() }
                damaged += max(1, Int(clamping: written.count.subtractingReportingOverflow(tally.count).partialValue))
            }
            var rows: [StoredRow] = []
            try forEachRow(db, after: sealed, schema: header.schema, damaged: &damaged) { rows.append($0) }
            var locations: [PointID: RowLocation] = [:]
            locations.reserveCapacity(ids.reduce(rows.count) { $0 + $1.count })
            for (segment, ids) in ids.enumerated() {
                for (row, id) in ids.enumerated() {
                    if let id { locations[id] = RowLocation(segment: UInt32(segment), row: UInt32(row)) }
                }
            }
            return NewestRows(
                sequence: now.sequence, ids: ids, locations: locations, rows: rows, damaged: damaged)
        }
    }

    /// Places ids in the stored segments and appends the rows after them.
    private func assembled(
        _ header: FileHeader, _ views: [StoredView], _ newest: NewestRows
    ) throws -> (live: LiveSegments, damagedRows: Int) {
        var newest = newest
        var live = LiveSegments(schema: header.schema, sequence: 0, generation: header.generation)
        for (i, part) in views.enumerated() {
            for row in part.lost {
                guard let id = newest.ids[i][row] else { continue }
                newest.ids[i][row] = nil
                newest.locations[id] = nil
                newest.damaged += 1
            }
            for (row, sequence) in part.sequences.enumerated() {
                part.view.rows.append(id: newest.ids[i][row] ?? .number(0), sequence: sequence)
            }
        }
        live.begin(with: zip(views, newest.ids).map { ($0.view, $1) }, locations: newest.locations)
        for row in newest.rows { try live.upsert(row.point, sequence: row.sequence) }
        live.advance(to: newest.sequence)
        return (live, newest.damaged)
    }

    /// For each stored segment and row the id of the point whose newest version stands there; `unplaced` counts the
    /// points up to change `sealed` that stand in none.
    private func liveIDs(
        _ db: Database, of segments: [[Int64]], through sealed: Int64, unplaced: inout Int, _ tally: inout PointTally
    ) throws -> [[PointID?]] {
        var ids = segments.map { [PointID?](repeating: nil, count: $0.count) }
        var lost = 0
        // The index on id holds both columns: the payloads' pages are not touched.
        try db.scan("SELECT id, sequence FROM points ORDER BY id") { row in
            let sequence = row.integer(1)
            tally.addID(sequence: sequence, key: row.blob(0))
            guard let id = PointID(key: row.blob(0)) else { return }
            for (i, sequences) in segments.enumerated() {
                if let row = sequences.row(of: sequence) {
                    ids[i][row] = id
                    return
                }
            }
            if sequence <= sealed { lost += 1 }
        }
        unplaced += lost
        return ids
    }

    /// Reads the points changed after `sequence`, in order; used at opening and to follow the log.
    private func forEachRow(
        _ db: Database, after sequence: Int64, schema: CollectionSchema, damaged: inout Int,
        _ body: (StoredRow) throws -> Void
    ) throws {
        var lost = 0
        try db.scan(CollectionFile.selectRows + "WHERE p.sequence > ? ORDER BY p.sequence", [sequence]) { row in
            do {
                try body(try StoredRow(row, schema: schema, hasDense: true, cipher: file.cipher))
            } catch let error as EngineError where error.code == .damaged {
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
        // Deletes first: of an id that was deleted and stored again the row in `points` is the newer.
        let start = live.sequence
        var deletions: [(Int64, PointID)] = []
        let columns = header.tally == nil ? "sequence, id" : "sequence, id, checksum"
        try db.scan("SELECT \(columns) FROM deletions WHERE sequence > ? ORDER BY sequence", [start]) { row in
            let sequence = row.integer(0)
            guard
                header.tally == nil || row.isNull(2)
                    || row.integer(2) == StoredRow.deletionChecksum(row.blob(1), sequence: sequence),
                let id = PointID(key: row.blob(1)) ?? (row.blob(1).isEmpty ? .number(0) : nil)
            else { throw StoredRow.damaged(sequence) }
            // Without an id a repair has set a row aside that nobody could name.
            if !row.blob(1).isEmpty { deletions.append((sequence, id)) }
        }
        for (sequence, id) in deletions { live.delete(id, sequence: sequence) }
        try forEachRow(db, after: start, schema: live.schema, damaged: &damaged) { row in
            try live.upsert(row.point, sequence: row.sequence)
        }
        live.advance(to: header.sequence)
        // What does not add up is read anew, which also says how much of it is damaged.
        return header.tally.map { Int64(live.locations.count + damaged) == $0.count } ?? true
    }
}

/// Reads one stored segment: `tasks` may run side by side, `parts` is whole when all have.
private final class SegmentReader: Sendable {
    struct Parts: Sendable {
        let rows: SegmentRows
        /// nil when the blob is not what was written.
        var indexes: SegmentIndexes?
        var graphs: [String: HNSWGraph] = [:]
        /// Rows whose floats are missing or damaged.
        var lost: Set<Int> = []
    }

    /// Rows that one task reads.
    private static let rowsPerTask = 16_384

    private let file: CollectionFile
    private let segment: StoredSegment
    private let header: FileHeader
    private let rows: SegmentRows
    private let read: Mutex<Parts>

    init(file: CollectionFile, segment: StoredSegment, header: FileHeader) {
        self.file = file
        self.segment = segment
        self.header = header
        rows = SegmentRows(schema: header.schema, capacity: segment.sequences.count)
        for block in rows.blocks { block.appendZeros(rows: segment.sequences.count) }
        read = Mutex(Parts(rows: rows))
    }

    var parts: Parts { read.withLock { $0 } }

    /// The longest first, so that no thread is left with one at the end.
    var tasks: [@Sendable () throws -> Void] {
        let starts = Array(stride(from: 0, to: segment.sequences.count, by: Self.rowsPerTask))
        var tasks: [@Sendable () throws -> Void] = [
            { [self] in
                let indexes = try readIndexes()
                read.withLock { $0.indexes = indexes }
            },
            { [self] in
                let graphs = try readGraphs(rows)
                read.withLock { $0.graphs = graphs }
            },
        ]
        for start in starts {
            tasks.append { [self] in
                let range = start..<min(start + Self.rowsPerTask, segment.sequences.count)
                let lost = try readVectors(range, into: rows)
                read.withLock { $0.lost.formUnion(lost) }
            }
        }
        return tasks
    }

    private func readIndexes() throws -> SegmentIndexes? {
        try file.pool.read { db in
            var indexes: SegmentIndexes?
            try db.scan("SELECT indexes FROM segments WHERE id = ?", [segment.id]) { row in
                do {
                    indexes = try file.cipher.withPlain(row.blob(0), .indexes) {
                        try SegmentIndexes(bytes: $0, schema: header.schema, rowCount: segment.sequences.count)
                    }
                } catch is BlobError {
                    // A cache: the rows themselves are read instead.
                }
            }
            return indexes
        }
    }

    private func readGraphs(_ rows: SegmentRows) throws -> [String: HNSWGraph] {
        try file.pool.read { db in
            var graphs: [String: HNSWGraph] = [:]
            for (name, block) in zip(header.schema.denseNames, rows.blocks) {
                guard let metric = header.schema.dense[name]?.metric else { continue }
                try db.scan("SELECT bytes FROM graphs WHERE segment = ? AND vector = ?", [segment.id, name]) { row in
                    do {
                        let graph = try file.cipher.withPlain(row.blob(0), .graph(name)) {
                            try HNSWGraph(bytes: $0, block: block, metric: metric)
                        }
                        if let graph, graph.rowCount == segment.sequences.count { graphs[name] = graph }
                    } catch is GraphFormatError {
                        // The rows are scored exactly until the sealer has built the graph anew.
                    }
                }
            }
            return graphs
        }
    }

    /// Reads the floats of some rows; answers which of them are missing or damaged.
    private func readVectors(_ range: Range<Int>, into rows: SegmentRows) throws -> [Int] {
        let sequences = segment.sequences[range]
        var next = range.lowerBound
        var lost: [Int] = []
        try file.pool.read { db in
            try db.scan(
                "SELECT sequence, dense, checksum FROM vectors WHERE sequence BETWEEN ? AND ? ORDER BY sequence",
                [sequences.first ?? 0, sequences.last ?? -1]
            ) { row in
                let sequence = row.integer(0)
                while next < range.upperBound, sequences[next] < sequence {
                    lost.append(next)
                    next += 1
                }
                guard next < range.upperBound, sequences[next] == sequence else { return }
                let dense = row.blob(1)
                let isWhole = file.cipher.withPlain(dense, .dense(sequence: sequence)) {
                    rows.fill(next, from: $0, schema: header.schema)
                }
                if Int64(StoredRow.denseChecksum(dense, sequence: sequence)) != row.integer(2) || isWhole != true {
                    lost.append(next)
                }
                next += 1
            }
        }
        return lost + Array(next..<range.upperBound)
    }
}

/// A row of `segments`: which rows it has.
private struct StoredSegment: Sendable {
    let id: Int64
    /// Ascending: the change that wrote each row.
    let sequences: [Int64]

    /// Every stored segment; nil when a row list is not what was written.
    static func all(_ db: Database) throws -> [StoredSegment]? {
        var segments: [StoredSegment]? = []
        try db.scan("SELECT id, row_count, rows FROM segments ORDER BY id") { row in
            do throws(BlobError) {
                let sequences = try SegmentRowList.sequences(from: row.blob(2))
                guard sequences.count == Int(row.integer(1)) else { throw .truncated }
                segments?.append(StoredSegment(id: row.integer(0), sequences: sequences))
            } catch {
                segments = nil
            }
        }
        return segments
    }
}

extension [Int64] {
    /// Where `sequence` stands in ascending sequences; where nothing was deleted in between, the first guess is right.
    fileprivate func row(of sequence: Int64) -> Int? {
        guard let first, let last, (first...last).contains(sequence) else { return nil }
        let guess = Int(sequence - first)
        if guess < count, self[guess] == sequence { return guess }
        let at = partitioningIndex { $0 >= sequence }
        return at < count && self[at] == sequence ? at : nil
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

    static func sequences(from bytes: UnsafeRawBufferPointer) throws(BlobError) -> [Int64] {
        var blob = try BlobReader(bytes, magic: magic, version: version)
        let sequences = try blob.array(of: Int64.self)
        guard zip(sequences, sequences.dropFirst()).allSatisfy({ $0 < $1 }) else { throw .truncated }
        return sequences
    }
}

extension SegmentRows {
    /// Writes the stored vectors of one row into the blocks; false when the layout does not fit the schema.
    fileprivate func fill(_ row: Int, from dense: UnsafeRawBufferPointer, schema: CollectionSchema) -> Bool {
        var at = blocks.count
        guard dense.count >= at else { return false }
        for (i, block) in blocks.enumerated() where dense[i] == 1 {
            let size = block.dimension * MemoryLayout<Float>.stride
            guard dense.count - at >= size, let source = dense.baseAddress else { return false }
            UnsafeMutableRawPointer(block.base + row * block.dimension).copyMemory(from: source + at, byteCount: size)
            at += size
        }
        return at == dense.count
    }
}
