import GRDB
import Synchronization

/// The damaged rows of an open collection, as far as a reader of the view, an answer or the scrub has met them.
///
/// A row is noted by its sequence alone, which costs its reader nothing; what its id is, and whether it is still there
/// and still damaged, is found out when somebody asks.
final class DamageLog: Sendable {
    private struct State {
        var sequences: Set<Int64> = []
        /// Ids by sequence, as far as they were looked up.
        var ids: [Int64: PointID] = [:]
        /// Rows were met whose floats do not hold; which ones is not known yet.
        var hasUnlocatedFloats = false
        /// Whether rows are missing that nobody can name.
        var mayLackRows = false
        /// Counts what was met, and what turned out to be gone.
        var events = 0
        var observer: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    var isEmpty: Bool {
        state.withLock { $0.sequences.isEmpty && !$0.hasUnlocatedFloats && !$0.mayLackRows }
    }

    /// Grows whenever damage is met or turns out to be gone.
    var events: Int { state.withLock { $0.events } }

    /// Rows met damaged so far that were not found whole or gone since.
    var sequences: Set<Int64> { state.withLock { $0.sequences } }

    /// Sets the function to call when damage is met for the first time, on the thread that met it.
    func observe(_ observer: @escaping @Sendable () -> Void) { state.withLock { $0.observer = observer } }

    func note(_ sequence: Int64) {
        tell { state in state.sequences.insert(sequence).inserted }
    }

    /// Some rows' floats do not hold.
    func noteFloats() {
        tell { state in
            defer { state.hasUnlocatedFloats = true }
            return !state.hasUnlocatedFloats
        }
    }

    /// The points that were read are fewer than were written.
    func noteLostRows() {
        tell { state in
            defer { state.mayLackRows = true }
            return !state.mayLackRows
        }
    }

    private func tell(_ change: (inout sending State) -> Bool) {
        let observer = state.withLock { state -> (@Sendable () -> Void)? in
            guard change(&state) else { return nil }
            state.events += 1
            return state.observer
        }
        observer?()
    }

    // MARK: What is damaged now

    /// The rows that are damaged in the file as `db` sees it. Reads the noted rows again, and all rows where it is not
    /// known which ones were met.
    func rows(_ db: Database, of file: CollectionFile) throws -> [DamagedRow] {
        if state.withLock({ $0.hasUnlocatedFloats }) { try locateFloats(db) }
        let lost = try lostRows(db, file)
        let noted = sequences
        var damaged = noted
        for sequence in noted {
            var isThere = false
            try db.scan(CollectionFile.selectRows + "WHERE p.sequence = ?", [sequence]) { row in
                isThere = true
                if StoredRow.isWhole(row), StoredRow.hasReadablePayload(row, file.cipher) { damaged.remove(sequence) }
            }
            // Replaced or deleted, unless the index of ids still has it.
            if !isThere, try ids(of: [sequence], db, knowing: [:]).isEmpty { damaged.remove(sequence) }
        }
        let ids = try ids(of: damaged, db, knowing: state.withLock { $0.ids })
        state.withLock { state in
            // Only what was looked at: more may have been noted meanwhile.
            let gone = noted.subtracting(damaged)
            if !gone.isEmpty || state.mayLackRows && lost.isEmpty { state.events += 1 }
            state.sequences.subtract(gone)
            state.ids = ids
            if lost.isEmpty { state.mayLackRows = false }
        }
        return damaged.sorted().map { DamagedRow(id: ids[$0], sequence: UInt64(clamping: $0)) }
            + lost.filter { row in row.sequence.map { !damaged.contains(Int64(clamping: $0)) } ?? true }
    }

    private func locateFloats(_ db: Database) throws {
        var found: Set<Int64> = []
        try db.scan(CollectionFile.selectRows) { row in
            if !StoredRow.isWhole(row) { found.insert(row.integer(0)) }
        }
        let located = found
        state.withLock { state in
            state.sequences.formUnion(located)
            state.hasUnlocatedFloats = false
        }
    }

    /// Ids by what the index of ids says: the row's own may be what was damaged.
    private func ids(
        of sequences: Set<Int64>, _ db: Database, knowing known: [Int64: PointID]
    ) throws -> [Int64: PointID] {
        var ids = known.filter { sequences.contains($0.key) }
        guard ids.count < sequences.count else { return ids }
        try db.scan("SELECT id, sequence FROM points ORDER BY id") { row in
            if sequences.contains(row.integer(1)) { ids[row.integer(1)] = PointID(key: row.blob(0)) }
        }
        return ids
    }

    /// Rows that should be there and of which the table has nothing; of some the index of ids still knows the id.
    private func lostRows(_ db: Database, _ file: CollectionFile) throws -> [DamagedRow] {
        guard state.withLock({ $0.mayLackRows }), let written = try file.header(db).tally else { return [] }
        var there: Set<Int64> = []
        // By the table itself: a count would be taken from the index.
        try db.scan("SELECT sequence FROM points NOT INDEXED") { there.insert($0.integer(0)) }
        var lost: [DamagedRow] = []
        var tally = PointTally()
        try db.scan("SELECT id, sequence FROM points ORDER BY id") { row in
            tally.addID(sequence: row.integer(1), key: row.blob(0))
            if !there.contains(row.integer(1)) {
                lost.append(DamagedRow(id: PointID(key: row.blob(0)), sequence: UInt64(clamping: row.integer(1))))
            }
        }
        let unknown = Int(clamping: max(0, written.count.subtractingReportingOverflow(tally.count).partialValue))
        lost += (0..<unknown).map { _ in DamagedRow(id: nil, sequence: nil) }
        if lost.isEmpty, !written.matchesIDs(of: tally) { lost = [DamagedRow(id: nil, sequence: nil)] }
        return lost
    }
}
