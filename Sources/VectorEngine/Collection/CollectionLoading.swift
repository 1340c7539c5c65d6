import Dispatch
import GRDB
import HNSW
import Synchronization
import Vectors

// Opening: what the file holds becomes a `LiveSegments`. A stored segment brings its ids, indexes and graphs (with the
// codes they walk over); the rows changed since are read whole. These parts are read side by side, each on a connection
// of its own: the changes in one snapshot, the rest from any snapshot of the same generation, since what belongs to a
// stored segment changes with the generation alone. The floats come last, after the first answers (`FloatLoader`). A
// cache that is damaged is left aside, and its rows are read like new ones: slower, never wrong.

struct CollectionLoader: Sendable {
    let file: CollectionFile
    /// Whether the index of ids is gone through entry by entry. Without that, only as many points are known to be there
    /// as should be, and `idsMatch` is still to be asked.
    var checksIDs = true
    /// Where rows that are damaged or missing are noted.
    var damage: DamageLog?

    /// How often opening begins again because another process has replaced the segments meanwhile.
    private static let attempts = 8

    /// - Returns: the segments, and how many rows were damaged and left out.
    ///
    /// - Parameter mayMend: whether an index of ids that does not add up may be built again.
    /// - Parameter fields: payload indexes besides those of the schema; growing segments are begun with them.
    func load(
        mayMend: Bool = true, fields: [PayloadPath: PayloadIndexDefinition] = [:]
    ) throws -> (live: LiveSegments, damagedRows: Int) {
        var trustsTally = !mayMend
        for _ in 1..<Self.attempts {
            do {
                return try loadOnce(trustsTally: trustsTally, fields)
            } catch is Overtaken {
                continue
            } catch is ViewOvertaken {
                continue
            } catch is TallyMismatch {
                // The index of ids, which can be built again from the rows, or the rows themselves.
                trustsTally = try !file.rebuildIDIndex()
            }
        }
        return try loadOnce(trustsTally: true, fields)
    }

    /// The points that were read are not those that were written.
    private struct TallyMismatch: Error {}

    /// A row of the list of deletes is not what was written: which points it is about is not known, and only all the
    /// points together tell what is left.
    private struct DamagedDeletion: Error {}

    /// The segments were replaced between two reads.
    private struct Overtaken: Error {}

    /// - Parameter trustsTally: what is missing is counted as damaged, instead of being looked into.
    private func loadOnce(
        trustsTally: Bool, _ fields: [PayloadPath: PayloadIndexDefinition]
    ) throws -> (live: LiveSegments, damagedRows: Int) {
        let (header, stored) = try file.pool.read { db in
            let header = try file.header(db)
            return (header, try StoredSegment.all(db, reachingBackFrom: header))
        }
        // Every stored segment or none: what lies before `sealed` and in no segment would be lost from view.
        guard let stored, !stored.isEmpty else {
            return try everyRow(header, trustsTally, fields)
        }
        let readers = stored.map { SegmentReader(file: file, segment: $0, header: header) }
        let read = Mutex<Changes?>(nil)
        let trustsCount = !checksIDs && header.tally != nil
        // One flat list of tasks: work nested in `concurrentPerform` would run on a single thread.
        do {
            try Self.sideBySide(
                readers.flatMap(\.tasks) + [
                    { [self] in
                        let changes = try changes(
                            header, after: header.sealedSequence, trustsTally, trustsCount: trustsCount)
                        read.withLock { $0 = changes }
                    }
                ])
        } catch is DamagedDeletion {
            return try everyRow(header, trustsTally, fields)
        }
        guard let changes = read.withLock({ $0 }) else { preconditionFailure("every task has run") }
        let views = try readers.map { try $0.view() }
        if let views = views.all() {
            let (live, damaged) = try assembled(header, views, changes, fields)
            // A point that no segment knows and no change tells of would be lost from view as well.
            let counted = live.liveCount + damaged
            if trustsCount ? counted == changes.pointCount : counted >= changes.pointCount { return (live, damaged) }
        }
        return try everyRow(header, trustsTally, fields)
    }

    /// Reads every row. Of those that the index of ids has and the table does not, no byte is left: they are damaged.
    private func everyRow(
        _ header: FileHeader, _ trustsTally: Bool, _ fields: [PayloadPath: PayloadIndexDefinition]
    ) throws -> (live: LiveSegments, damagedRows: Int) {
        let changes = try changes(header, after: 0, trustsTally)
        let (live, damaged) = try assembled(header, [], changes, fields)
        let lacking = changes.pointCount - live.liveCount - damaged
        guard lacking > 0 else { return (live, damaged) }
        damage?.noteLostRows()
        return (live, damaged + lacking)
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

    /// What one snapshot says of the points changed after some moment.
    private struct Changes: Sendable {
        let sequence: Int64
        let deletions: [Deletion]
        let rows: [StoredRow]
        let damaged: Int
        /// Points in all.
        let pointCount: Int
    }

    private struct Deletion: Sendable {
        let sequence: Int64
        let id: PointID
    }

    /// - Parameter trustsCount: the number of points is taken from what was written, and their ids are not looked at.
    private func changes(
        _ header: FileHeader, after sequence: Int64, _ trustsTally: Bool, trustsCount: Bool = false
    ) throws -> Changes {
        try file.pool.read { db in
            let now = try file.header(db)
            guard now.generation == header.generation else { throw Overtaken() }
            var damaged = 0
            var rows: [StoredRow] = []
            try forEachRow(db, after: sequence, schema: header.schema, damaged: &damaged) { rows.append($0) }
            let tally = try trustsCount ? now.tally ?? Self.idTally(db) : Self.idTally(db)
            if let written = now.tally, !written.matchesIDs(of: tally) {
                guard trustsTally else { throw TallyMismatch() }
                damage?.noteLostRows()
                damaged += max(1, Int(clamping: written.count.subtractingReportingOverflow(tally.count).partialValue))
            }
            return Changes(
                sequence: now.sequence, deletions: sequence == 0 ? [] : try deletions(db, now, after: sequence),
                rows: rows, damaged: damaged, pointCount: Int(clamping: tally.count))
        }
    }

    /// What the index of ids adds up to. It holds both columns: the payloads' pages are not touched.
    private static func idTally(_ db: Database) throws -> PointTally {
        var tally = PointTally()
        try db.scan("SELECT id, sequence FROM points ORDER BY id") { row in
            tally.addID(sequence: row.integer(1), key: row.blob(0))
        }
        return tally
    }

    /// Whether the index of ids holds what was written.
    func idsMatch() throws -> Bool {
        try file.pool.read { db in
            guard let written = try file.header(db).tally else { return true }
            return written.matchesIDs(of: try Self.idTally(db))
        }
    }

    /// Puts the stored segments and the changes since together.
    private func assembled(
        _ header: FileHeader, _ views: [SegmentView], _ changes: Changes,
        _ fields: [PayloadPath: PayloadIndexDefinition]
    ) throws -> (live: LiveSegments, damagedRows: Int) {
        var live = LiveSegments(schema: header.schema, sequence: 0, generation: header.generation)
        live.fields = fields
        live.begin(with: views)
        for deletion in changes.deletions { live.delete(deletion.id, sequence: deletion.sequence) }
        for row in changes.rows { try live.upsert(row.point, sequence: row.sequence) }
        live.advance(to: changes.sequence)
        return (live, changes.damaged)
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
                damage?.note(row.integer(0))
            }
        }
        damaged += lost
    }

    /// Brings `live` to the file's present by the change log.
    ///
    /// - Returns: false when the log no longer reaches back far enough and everything must be read again.
    func follow(_ db: Database, _ live: inout LiveSegments, damaged: inout Int) throws -> Bool {
        let header = try file.header(db)
        if header.schema != live.schema, !live.take(header.schema) { return false }
        guard header.sequence > live.sequence else { return true }
        guard header.deletionFloor <= live.sequence else { return false }
        // Deletes first: of an id that was deleted and stored again the row in `points` is the newer.
        let start = live.sequence
        let deletions: [Deletion]
        do {
            deletions = try self.deletions(db, header, after: start)
        } catch is DamagedDeletion {
            return false
        }
        for deletion in deletions { live.delete(deletion.id, sequence: deletion.sequence) }
        try forEachRow(db, after: start, schema: live.schema, damaged: &damaged) { row in
            try live.upsert(row.point, sequence: row.sequence)
        }
        live.advance(to: header.sequence)
        // Where the counts do not add up, everything is read again, which also tells how much is damaged.
        return header.tally.map { Int64(live.liveCount + damaged) == $0.count } ?? true
    }

    private func deletions(_ db: Database, _ header: FileHeader, after sequence: Int64) throws -> [Deletion] {
        var deletions: [Deletion] = []
        let columns = header.tally == nil ? "sequence, id" : "sequence, id, checksum"
        try db.scan("SELECT \(columns) FROM deletions WHERE sequence > ? ORDER BY sequence", [sequence]) { row in
            let sequence = row.integer(0)
            guard
                header.tally == nil || row.isNull(2)
                    || row.integer(2) == StoredRow.deletionChecksum(row.blob(1), sequence: sequence)
            else { throw DamagedDeletion() }
            // Without an id a repair has set a row aside that nobody could name.
            if let id = PointID(key: row.blob(1)) { deletions.append(Deletion(sequence: sequence, id: id)) }
        }
        return deletions
    }
}

extension [SegmentView?] {
    /// The views, or nil when one is missing.
    fileprivate func all() -> [SegmentView]? {
        let views = compactMap { $0 }
        return views.count == count ? views : nil
    }
}
