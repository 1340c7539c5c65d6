import Dispatch
import GRDB
import HNSW
import Logging
import Synchronization
import Vectors

/// Reads one stored segment: `tasks` may run at the same time, and `view` is complete when all of them have ended.
final class SegmentReader: Sendable {
    private let file: CollectionFile
    private let segment: StoredSegment
    private let schema: CollectionSchema
    private let rows: SegmentRows
    private let read = Mutex(Parts())

    private struct Parts: Sendable {
        var indexes: SegmentIndexes?
        var comingLinks: [DeferredWork] = []
        var graphs: [String: HNSWGraph] = [:]
    }

    init(file: CollectionFile, segment: StoredSegment, header: FileHeader) {
        self.file = file
        self.segment = segment
        schema = header.schema
        let sequences = AppendOnlyColumn(segment.list.sequences)
        let pages = RowPages(keys: sequences, rowCount: segment.rowCount)
        let floats = schema.denseNames.indices.map { slot in
            SegmentFloats(
                StoredFloats(file: file, sequences: sequences, schema: header.schema, slot: slot, pages: pages))
        }
        rows = SegmentRows(
            ids: PointIDColumn(segment.list.ids), sequences: sequences, capacity: segment.rowCount, floats: floats)
    }

    /// The longest task first, so that no thread has one left at the end.
    var tasks: [@Sendable () throws -> Void] {
        [
            { [self] in
                let indexes = try readIndexes()
                read.withLock { $0.indexes = indexes }
            }
        ]
            + schema.denseNames.indices.map { slot in { [self] in try readGraph(slot) } }
    }

    /// The segment; nil if a cache that it needs is damaged.
    func view() throws -> SegmentView? {
        let parts = read.withLock { $0 }
        guard let indexes = parts.indexes else { return nil }
        var view = SegmentView(
            number: 0, rows: rows, rowCount: segment.rowCount, indexes: SharedSegmentIndexes(indexes),
            contents: SegmentContents(nil))
        view.idIndex = IDIndex(rows.ids, rowCount: segment.rowCount)
        view.graphs = parts.graphs
        view.comingLinks = parts.comingLinks
        view.storedID = segment.id
        view.deleted = segment.list.deleted
        view.deletedCount = segment.list.deleted.count
        return view
    }

    private func readIndexes() throws -> SegmentIndexes? {
        try file.pool.read { db in
            var indexes: SegmentIndexes?
            try db.scan("SELECT indexes FROM segments WHERE id = ?", [segment.id]) { row in
                do {
                    indexes = try file.cipher.withPlain(row.blob(0), .indexes) {
                        try SegmentIndexes(bytes: $0, schema: schema, rowCount: segment.rowCount)
                    }
                } catch let error as BlobError {
                    Logger.engine.warn(
                        "the indexes of a segment are damaged; its rows are read instead, and indexed again",
                        because: error, file: file.path)
                }
            }
            return indexes
        }
    }

    private func readGraph(_ slot: Int) throws {
        let name = schema.denseNames[slot]
        guard let description = schema.dense[name] else { return }
        // A graph that walks over the floats themselves cannot wait for them.
        var block: VectorBlock?
        if !CodeBlock.supports(description.metric, dimension: description.dimension) {
            _ = try FloatLoader(file: file, schema: schema).load(rows, rowCount: segment.rowCount) { false }
            block = rows.floats[slot].resident?.block
        }
        let graph = try file.pool.read { db -> HNSWGraph? in
            guard try db.tableExists("graph_parts") else { return nil }
            do {
                var head: GraphReader?
                try forEachPart(db, name, 0..<1) { bytes in
                    head = try GraphReader(
                        head: bytes, metric: description.metric, dimension: description.dimension,
                        rowCount: segment.rowCount, block: block)
                }
                guard let head else { return nil }
                try forEachPart(db, name, head.codeParts, head.add)
                if block == nil { return try readLinksLater(head, name) }
                try forEachPart(db, name, head.linkParts, head.add)
                return try head.finish()
            } catch let error as GraphFormatError {
                Logger.engine.warn(
                    "a graph is damaged; its rows are scored exactly until the sealer has built another",
                    because: error, file: file.path)
                return nil
            }
        }
        if let graph { read.withLock { $0.graphs[name] = graph } }
    }

    private func forEachPart(
        _ db: Database, _ name: String, _ parts: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let values = LargeValueReader()
        try db.scan(
            """
            SELECT rowid, part FROM graph_parts
            WHERE segment = ? AND vector = ? AND part >= ? AND part < ? ORDER BY part
            """,
            [segment.id, name, parts.lowerBound, parts.upperBound]
        ) { row in
            let part = Int(clamping: row.integer(1))
            try values.withValue("graph_parts", "bytes", rowID: row.integer(0), db) { stored in
                _ = try file.cipher.withPlain(stored, .graph(name, part)) { try body($0) }
            }
        }
    }

    /// Half of a graph's bytes are its links, and the first answers do not need them: they are read after those.
    private func readLinksLater(_ reader: GraphReader, _ name: String) throws -> HNSWGraph {
        let graph = try reader.finishCodes()
        let work = DeferredWork(name: "cortex.links", qos: .userInitiated) { [self] in
            var areWhole = true
            do {
                try file.pool.read { db in
                    try forEachPart(db, name, reader.linkParts) {
                        YieldingThread.pause()
                        try reader.add($0)
                    }
                    // The pages that were used for reading are not needed again.
                    db.releaseMemory()
                }
            } catch {
                // The links are damaged, or another process has replaced the segment.
                Logger.engine.warn(
                    "the links of a graph could not be read; all its rows are scored until there is another graph",
                    because: error, file: file.path)
                areWhole = false
            }
            reader.finishLinks(of: graph, areWhole: areWhole)
        }
        read.withLock { $0.comingLinks.append(work) }
        return graph
    }
}

/// A row of the table `segments`: the rows of one segment.
struct StoredSegment: Sendable {
    let id: Int64
    let list: SegmentRowList

    var rowCount: Int { list.sequences.count }

    /// Every stored segment; nil if a row list is damaged, or if deletes that came after the segments are no longer in
    /// the log.
    static func all(_ db: Database, reachingBackFrom header: FileHeader) throws -> [StoredSegment]? {
        guard header.deletionFloor <= header.sealedSequence else { return nil }
        var segments: [StoredSegment]? = []
        try db.scan("SELECT id, row_count, rows FROM segments ORDER BY id") { row in
            do throws(BlobError) {
                let list = try SegmentRowList(bytes: row.blob(2))
                guard list.sequences.count == Int(row.integer(1)) else { throw .truncated }
                segments?.append(StoredSegment(id: row.integer(0), list: list))
            } catch {
                // The caller reads the rows instead, as where there are no segments, and says so.
                segments = nil
            }
        }
        return segments
    }
}

/// The rows of a stored segment: the change that wrote each row (ascending), its id, and the rows that had been deleted
/// by then.
struct SegmentRowList: Sendable {
    let sequences: [Int64]
    let ids: [PackedPointID]
    let deleted: RowSet

    private static let magic: UInt32 = 0x5258_4443  // "CDXR"
    private static let version: UInt32 = 2

    /// The list of a segment in its present state.
    init(_ segment: SegmentView) {
        sequences = (0..<segment.rowCount).map { segment.rows.sequences[$0] }
        ids = (0..<segment.rowCount).map { segment.rows.ids[$0] }
        deleted = segment.deleted
    }

    var bytes: [UInt8] {
        var blob = BlobWriter(magic: Self.magic, version: Self.version)
        blob.put(sequences)
        // Numbers have no upper half: it is left out if no id is a UUID.
        let uuids = RowSet(ids.map(\.isUUID))
        blob.put(uuids.words)
        blob.put(uuids.isEmpty ? [] : ids.map(\.high))
        blob.put(ids.map(\.low))
        blob.put(deleted.words)
        return blob.finish()
    }

    init(bytes: UnsafeRawBufferPointer) throws(BlobError) {
        var blob = try BlobReader(bytes, magic: Self.magic, version: Self.version)
        sequences = try blob.array(of: Int64.self)
        guard zip(sequences, sequences.dropFirst()).allSatisfy({ $0 < $1 }) else { throw .truncated }
        let uuids = RowSet(words: try blob.array(of: UInt64.self))
        let high = try blob.array(of: UInt64.self)
        let low = try blob.array(of: UInt64.self)
        guard low.count == sequences.count, high.isEmpty || high.count == low.count else { throw .truncated }
        ids = low.indices.map {
            PackedPointID(high: high.isEmpty ? 0 : high[$0], low: low[$0], isUUID: uuids.contains($0))
        }
        deleted = RowSet(words: try blob.array(of: UInt64.self))
    }
}

extension RowSet {
    fileprivate init(_ flags: [Bool]) {
        self.init(rowCount: flags.count)
        for (row, flag) in flags.enumerated() where flag { insert(row) }
    }
}
