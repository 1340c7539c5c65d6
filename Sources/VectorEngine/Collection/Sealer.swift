import Dispatch
import Files
import Foundation
import GRDB
import HNSW
import Synchronization
import Vectors

// Sealing turns the flat segments of a collection into one with graphs, in the background: the largest stored segment
// is taken over with its graph, the rows of the others are inserted, and the result replaces them all, on disk and
// then in the view. Searches go on over the old segments until the new one is published. Only one process seals at a
// time: it holds an advisory lock on `<file>.lease`, which the kernel releases when its holder dies.

final class Sealer: Sendable {
    private let collection: PointCollection
    private let queue: DispatchQueue
    private let state = Mutex(State())

    private struct State {
        var isScheduled = false
        /// Whether a look at the rows is scheduled for when nothing has been written for a while.
        var isResting = false
        var isStopped = false
    }

    init(_ collection: PointCollection) {
        self.collection = collection
        queue = DispatchQueue(label: "cortex.seal.\(collection.name)", qos: .utility)
    }

    /// Seals in the background when enough flat or deleted rows have come together; at most one run waits.
    func wake() {
        let settings = collection.settings
        let isDue = settings.sealsAutomatically && Self.isDue(collection, settings)
        if isDue || collection.needsCompaction { run(sealing: isDue) } else { rest() }
    }

    private func run(sealing isDue: Bool) {
        let mustStart = state.withLock { state in
            defer { state.isScheduled = true }
            return !state.isScheduled && !state.isStopped
        }
        guard mustStart else { return }
        let settings = collection.settings
        queue.async { [self] in
            let generation = collection.generation
            var (hasCompacted, isOvertaken) = (false, false)
            do {
                if isDue {
                    _ = try seal(threads: settings.threads, givesWay: true)
                } else {
                    try collection.compactFlatSegments()
                    hasCompacted = true
                }
            } catch let error as EngineError where error.code == .cancelled && !isStopped {
                isOvertaken = true
            } catch {
                settings.logger.warn(
                    "new rows could not be indexed; they are searched exactly, and the next write tries again",
                    because: error, file: collection.file.path)
            }
            state.withLock { $0.isScheduled = false }
            // What was written or deleted meanwhile has found a run scheduled, and there may be no further write.
            if collection.generation > generation || hasCompacted || isOvertaken { wake() }
        }
    }

    /// Looks again when nothing has been written for a while: rows that are too few to interrupt writers for, yet make
    /// every query longer, are sealed then.
    private func rest() {
        let settings = collection.settings
        guard settings.sealsAutomatically, Self.isDueAtRest(collection, settings) else { return }
        let mustStart = state.withLock { state in
            defer { state.isResting = true }
            return !state.isResting && !state.isStopped
        }
        guard mustStart else { return }
        let sequence = collection.lastSequence
        let (seconds, attoseconds) = settings.sealRest.components
        let interval = Double(seconds) + Double(attoseconds) / 1e18
        DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + interval) { [weak self] in
            guard let self else { return }
            state.withLock { $0.isResting = false }
            if collection.lastSequence != sequence {
                wake()
            } else if Self.isDueAtRest(collection, settings) {
                run(sealing: true)
            }
        }
    }

    private static func isDueAtRest(_ collection: PointCollection, _ settings: EngineSettings) -> Bool {
        let (flat, sealed) = (collection.unsealedCount, Double(collection.sealedCount))
        guard sealed > 0, collection.schema.sealingBytes != 0 else { return false }
        return flat >= settings.restingThreshold && Double(flat) >= settings.restingShare * sealed
    }

    private static func isDue(_ collection: PointCollection, _ settings: EngineSettings) -> Bool {
        let (flat, sealed) = (collection.unsealedCount, Double(collection.sealedCount))
        let schema = collection.schema
        let leastFlat = schema.dense.isEmpty ? 0 : settings.sealShare * sealed
        if isAboveThreshold(flat, schema, settings) && Double(flat) >= leastFlat { return true }
        // Deleted rows make the walk longer, and their vectors stay in the file for as long as the graph has them.
        let deleted = Double(collection.deletedSealedCount)
        return sealed > 0 && deleted > settings.leastDroppedShare * (sealed + deleted)
    }

    private static func isAboveThreshold(_ flat: Int, _ schema: CollectionSchema, _ settings: EngineSettings) -> Bool {
        let bytesEach = schema.dense.values.map { $0.dimension * MemoryLayout<Float>.stride }.max()
        guard let threshold = schema.sealingBytes, let bytesEach else { return flat >= settings.sealThreshold }
        return threshold > 0 && flat * bytesEach >= threshold
    }

    func stop() { state.withLock { $0.isStopped = true } }

    /// Stops, and returns when a run that is under way has given up: what it still reads must not meet a closed
    /// connection, which ends the process.
    func finish() {
        stop()
        queue.sync {}
    }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Seals everything there is now, waiting for a run that is under way.
    ///
    /// - Returns: false when another process holds the lease.
    func sealNow(threads: Int, progress: (@Sendable (Int) -> Void)? = nil) throws -> Bool {
        try queue.sync { try seal(threads: threads, givesWay: false, progress: progress) }
    }

    /// - Parameter givesWay: whether reads of the collection come before the building of the graph.
    private func seal(threads: Int, givesWay: Bool, progress: (@Sendable (Int) -> Void)? = nil) throws -> Bool {
        let path = collection.file.path + ".lease"
        guard let lease = try EngineError.wrapping(path, { try Lease(path: path) }) else { return false }
        defer { lease.release() }
        let (segments, generation, schema) = try collection.freezeForSealing()
        // Whether a graph can be extended is known when its links are.
        for segment in segments { segment.comingLinks.forEach { $0.finish() } }
        let settings = collection.settings
        guard
            segments.contains(where: {
                !$0.isSealed || $0.graphs.count < schema.dense.count || $0.deletedShare > settings.leastDroppedShare
            })
        else { return true }
        let merge = SegmentMerge(
            segments, schema: schema, file: collection.file, settings: settings,
            keepsContents: collection.keepsContents.load(ordering: .relaxed))
        guard merge.rowCount > 0 else { return true }
        // Before the work, not after it.
        try collection.file.requireSpace(2 * merge.estimatedBytes)
        let observe = settings.observeSealing
        observe(merge.extendsGraph ? .merging : .building)
        do {
            let isCancelled: @Sendable () -> Bool = { [weak self] in
                if givesWay { YieldingThread.pause() }
                return self?.isStopped ?? true
            }
            let run: @Sendable () throws -> SegmentView = {
                try merge.run(threads: threads, progress: progress, isCancelled: isCancelled)
            }
            var merged = try givesWay ? YieldingThread.run(run) : run()
            observe(.storing)
            merged.storedID = try store(
                merged, schema, replacing: segments, generation: generation + 1, isAhead: threads > 1 && !givesWay)
            collection.replace(Set(segments.map(\.number)), with: merged, generation: generation + 1)
        } catch {
            observe(.failed)
            throw error
        }
        observe(.done)
        return true
    }

    /// Writes the merged segment in one transaction with the removal of those it replaces.
    ///
    /// - Parameter isAhead: whether a second thread may prepare what is written next; not where searches come first.
    private func store(
        _ merged: SegmentView, _ schema: CollectionSchema, replacing: [SegmentView], generation: Int64, isAhead: Bool
    ) throws -> Int64 {
        let file = collection.file
        let list = SegmentRowList(merged)
        let sequences = list.sequences
        let rows = Data(list.bytes)
        let indexes = Data(try file.cipher.stored(merged.indexes.read { $0.blob(schema: schema) }, .indexes))
        let graphBytes = SegmentMerge.graphBytes(schema, rowCount: merged.rowCount)
        try file.requireSpace(2 * (rows.count + indexes.count + graphBytes))
        return try file.pool.writeWithoutTransaction { db in
            var id: Int64 = 0
            try db.inTransaction(.immediate) {
                let header = try file.header(db)
                guard header.generation == generation - 1 else {
                    throw EngineError(.cancelled, "another process has sealed this collection meanwhile")
                }
                guard header.schema.hasVectors(of: schema) else {
                    throw EngineError(.cancelled, "the vectors of this collection were redefined meanwhile")
                }
                try CollectionFile.makeGraphTable(db)
                try db.execute(sql: "DELETE FROM segments; DELETE FROM graph_parts")
                try db.execute(
                    sql: "INSERT INTO segments(row_count, rows, indexes) VALUES (?, ?, ?)",
                    arguments: [sequences.count, rows, indexes])
                id = db.lastInsertedRowID
                for (name, graph) in merged.graphs {
                    var next = PartBytes(0, of: graph, name, file.cipher, isAhead: isAhead)
                    for part in 0..<graph.partCount {
                        let bytes = try next.wait()
                        if part + 1 < graph.partCount {
                            next = PartBytes(part + 1, of: graph, name, file.cipher, isAhead: isAhead)
                        }
                        try db.execute(
                            sql: "INSERT INTO graph_parts(segment, vector, part, bytes) VALUES (?, ?, ?, ?)",
                            arguments: [id, name, part, bytes])
                    }
                }
                try removeOrphans(db, kept: sequences, of: replacing)
                let sealed = max(header.sealedSequence, sequences.last ?? 0)
                try file.setMeta(db, "sealed", sealed)
                try file.setMeta(db, "generation", generation)
                try pruneDeletions(db, header, through: sealed)
                return .commit
            }
            return id
        }
    }

    /// Vectors of deleted rows that no graph walks over any more.
    private func removeOrphans(_ db: Database, kept: [Int64], of segments: [SegmentView]) throws {
        for segment in segments {
            for row in 0..<segment.rowCount {
                let sequence = segment.rows.sequences[row]
                let at = kept.partitioningIndex { $0 >= sequence }
                if at < kept.count, kept[at] == sequence { continue }
                let isLive = try Bool.fetchOne(
                    db.cachedStatement(sql: "SELECT EXISTS(SELECT 1 FROM points WHERE sequence = ?)"),
                    arguments: [sequence])
                if isLive == false {
                    try db.cachedStatement(sql: "DELETE FROM vectors WHERE sequence = ?").execute(arguments: [sequence])
                }
            }
        }
    }

    /// Deletes kept in the log for processes that follow; older ones make them read everything again.
    private static let keptDeletions: Int64 = 100_000

    /// Deletes after `sealed` stay in any case: opening the segments needs them.
    private func pruneDeletions(_ db: Database, _ header: FileHeader, through sealed: Int64) throws {
        // And so do deletes that are not yet in the shipped log.
        let floor = min(sealed, header.sequence - Self.keptDeletions, header.shippedSequence ?? .max)
        guard floor > header.deletionFloor else { return }
        try db.execute(sql: "DELETE FROM deletions WHERE sequence <= ?", arguments: [floor])
        try collection.file.setMeta(db, "deletion_floor", floor)
    }
}

/// One part of a graph as it is stored, put together while SQLite writes the one before.
private final class PartBytes: Sendable {
    private let group = DispatchGroup()
    private let made = Mutex<Result<Data, any Error>?>(nil)
    private let make: @Sendable () throws -> Data

    /// - Parameter isAhead: whether another thread may do it.
    init(_ part: Int, of graph: HNSWGraph, _ name: String, _ cipher: RowCipher?, isAhead: Bool) {
        make = { Data(try cipher.stored(graph.part(part), .graph(name, part))) }
        guard isAhead else { return }
        DispatchQueue.global(qos: .utility).async(group: group) { [self] in
            let bytes = Result { try make() }
            made.withLock { $0 = bytes }
        }
    }

    func wait() throws -> Data {
        group.wait()
        return try made.withLock { $0 }?.get() ?? make()
    }
}
