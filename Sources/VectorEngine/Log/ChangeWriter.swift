import Foundation
import GRDB
import JSON

/// The changes of one transaction: numbers them, writes them with the new tally, and keeps them for the view.
struct ChangeWriter {
    let file: CollectionFile
    let db: Database
    let schema: CollectionSchema
    private let tables: RowTables
    /// A layout that is known to be the layout of `schema`.
    private var layout: RowLayout
    private var header: FileHeader
    private var tally: PointTally?
    private(set) var sequence: Int64
    private(set) var changes: [CommittedChange] = []
    /// Microseconds since 1970, for the log.
    private let now: Int64

    init(_ db: Database, file: CollectionFile, now: Int64) throws {
        self.db = db
        self.file = file
        self.now = now
        tables = try RowTables(db)
        header = try file.header(db)
        schema = header.schema
        layout = RowLayout(schema)
        sequence = header.sequence
        tally = header.tally
    }

    mutating func upsert(_ prepared: PreparedPoint) throws {
        var prepared = prepared
        if prepared.layout !== layout {
            if prepared.layout.fits(schema) {
                layout = prepared.layout
            } else {
                // Another process has replaced the vectors since the point was prepared.
                prepared = try PreparedPoint(prepared.point, layout: layout)
            }
        }
        sequence += 1
        let row = try LoggedRow(
            sequence: sequence, key: prepared.key, payload: prepared.point.payload.text, sparse: prepared.sparse,
            dense: prepared.dense, cipher: file.cipher)
        if try !tables.insertNew(row) {
            guard try remove(prepared.key), try tables.insertNew(row) else { throw StoredRow.damaged(sequence) }
        }
        tally?.add(sequence: sequence, key: row.key, checksum: row.checksum)
        changes.append(.upsert(prepared, sequence: sequence))
    }

    /// - Returns: whether there was such a point.
    mutating func delete(_ id: PointID) throws -> Bool {
        let key = id.key
        guard try remove(key) else { return false }
        sequence += 1
        try noteDeletion(key)
        changes.append(.delete(id, sequence: sequence))
        return true
    }

    private func noteDeletion(_ key: [UInt8]) throws {
        guard header.tally != nil else {
            // A file of format 1 that could not be brought to format 2.
            try db.cachedStatement(sql: "INSERT INTO deletions(sequence, id) VALUES (?, ?)")
                .execute(arguments: [sequence, Data(key)])
            return
        }
        try db.cachedStatement(sql: "INSERT INTO deletions(sequence, id, checksum) VALUES (?, ?, ?)")
            .execute(arguments: [sequence, Data(key), StoredRow.deletionChecksum(key, sequence: sequence)])
    }

    /// - Returns: whether there is such a point.
    mutating func mergePayload(_ members: JSONObject, into id: PointID) throws -> Bool {
        guard var point = try point(id) else { return false }
        var merged = point.payload.object
        for (key, value) in members {
            if value.isNull { merged.removeValue(forKey: key) } else { merged[key] = value }
        }
        point.payload = Payload(merged)
        try upsert(point)
        return true
    }

    mutating func upsert(_ point: Point) throws { try upsert(PreparedPoint(point, layout: layout)) }

    /// Removes a point's row. Its vectors stay while a stored graph may link it, and the whole row stays in `history`
    /// until it is in the shipped log.
    private mutating func remove(_ key: [UInt8]) throws -> Bool {
        guard let (old, checksum) = try tables.find(key) else { return false }
        if let shipped = header.shippedSequence, old > shipped {
            try db.cachedStatement(
                sql: """
                    INSERT INTO history(sequence, id, payload, sparse, checksum, dense, dense_checksum)
                    SELECT p.sequence, p.id, p.payload, p.sparse, p.checksum, v.dense, v.checksum
                    FROM points p JOIN vectors v ON v.sequence = p.sequence WHERE p.sequence = ?
                    """
            ).execute(arguments: [old])
        }
        try tables.delete(old, sealed: header.sealedSequence)
        tally?.subtract(sequence: old, key: key, checksum: checksum)
        return true
    }

    // MARK: Within one transaction

    /// The newest version of a point, also when this transaction wrote it; nil when there is none.
    func point(_ id: PointID) throws -> Point? {
        var stored: StoredRow?
        try db.scan(CollectionFile.selectRows + "WHERE p.id = ?", [Data(id.key)]) { row in
            stored = try StoredRow(row, schema: schema, hasDense: true, cipher: file.cipher)
        }
        return stored?.point
    }

    /// The change that wrote a point; nil when there is none of that key.
    func version(of key: [UInt8]) throws -> Int64? { try tables.find(key)?.sequence }

    /// The points that this transaction has changed so far.
    var changedIDs: Set<PointID> {
        Set(
            changes.map { change in
                switch change {
                case .upsert(let row, _): row.point.id
                case .delete(let id, _): id
                }
            })
    }

    /// A moment that the writer can go back to.
    struct Moment {
        fileprivate let sequence: Int64
        fileprivate let tally: PointTally?
        fileprivate let changeCount: Int
    }

    /// What changes with each write. The header changes at the end of the transaction only, and which layout was found
    /// to be that of the schema stays true.
    var moment: Moment { Moment(sequence: sequence, tally: tally, changeCount: changes.count) }

    /// Forgets what came after `moment`, when the savepoint of that moment was rolled back.
    mutating func goBack(to moment: Moment) {
        sequence = moment.sequence
        tally = moment.tally
        changes.removeSubrange(moment.changeCount...)
    }

    // MARK: Repair

    /// Moves a damaged row to `set_aside`; if its id is given, the point is deleted for all processes that follow.
    mutating func setAside(_ damaged: Int64, id: PointID?) throws {
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO set_aside(sequence, id, payload, sparse, checksum, dense, dense_checksum, at)
                SELECT p.sequence, p.id, p.payload, p.sparse, p.checksum, v.dense, v.checksum, ?2
                FROM points p LEFT JOIN vectors v ON v.sequence = p.sequence WHERE p.sequence = ?1
                """, arguments: [damaged, now])
        try tables.delete(damaged, sealed: header.sealedSequence)
        sequence += 1
        // A change without a row in a table would be a gap in the log: for a row without an id, a delete is written
        // that deletes nothing.
        try noteDeletion(id?.key ?? [])
    }

    /// Stores a row with its old contents under a new change.
    ///
    /// - Returns: false if it is encrypted and cannot be decrypted.
    mutating func store(_ row: LoggedRow) throws -> Bool {
        guard let row = try row.resealed(sequence: sequence + 1, from: file.cipher, to: file.cipher) else {
            return false
        }
        sequence += 1
        guard try tables.insertNew(row) else { throw StoredRow.damaged(sequence) }
        tally?.add(sequence: sequence, key: row.key, checksum: row.checksum)
        return true
    }

    /// Puts a row that is damaged aside and stores it again as it was, under a new change.
    ///
    /// - Parameter good: The row as it was written.
    /// - Returns: false when the row is gone or whole, or cannot be opened; nothing was written then.
    mutating func mend(_ good: LoggedRow) throws -> Bool {
        var isDamaged = false
        try db.scan(CollectionFile.selectRows + "WHERE p.sequence = ?", [good.sequence]) { row in
            isDamaged = !StoredRow.isWhole(row)
        }
        guard isDamaged, let id = PointID(keyBytes: good.key),
            try good.resealed(sequence: sequence, from: file.cipher, to: file.cipher) != nil
        else { return false }
        if let shipped = header.shippedSequence, good.sequence > shipped {
            // The log has yet to be told of the row that is replaced here.
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO history(sequence, id, payload, sparse, checksum, dense, dense_checksum)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    good.sequence, Data(good.key), Data(good.payload), Data(good.sparse), good.checksum,
                    Data(good.dense), good.denseChecksum,
                ])
        }
        try setAside(good.sequence, id: id)
        tally?.subtract(sequence: good.sequence, key: good.key, checksum: good.checksum)
        return try store(good)
    }

    /// Ends the mending of rows, of which the log is told as of any change.
    mutating func finishMending() throws {
        guard sequence > header.sequence else { return }
        try writeFacts()
    }

    /// Ends a repair: counts the tally again, and gives up a log that may have lost changes.
    mutating func finishRepair() throws {
        var tally = PointTally()
        try db.scan("SELECT sequence, id, checksum FROM points") { row in
            tally.add(sequence: row.integer(0), key: row.blob(1), checksum: row.integer(2))
        }
        var written = tally.facts
        written["sequence"] = .number(sequence)
        written["shipped"] = .number(-1)
        try db.execute(sql: "DELETE FROM history; DELETE FROM commits")
        try header.facts.write(written, to: db)
    }

    mutating func finish() throws {
        guard !changes.isEmpty else { return }
        try writeFacts()
    }

    /// Writes what the points add up to after the last change, and where that stands for the log.
    private mutating func writeFacts() throws {
        var written: [String: MetaValue] = ["sequence": .number(sequence)]
        if let tally {
            written.merge(tally.facts) { $1 }
        }
        if let tally, header.shippedSequence != nil {
            try db.cachedStatement(sql: "INSERT INTO commits(sequence, at, count, ids, rows) VALUES (?, ?, ?, ?, ?)")
                .execute(arguments: [
                    sequence, now, tally.count, Int64(bitPattern: tally.ids), Int64(bitPattern: tally.rows),
                ])
        }
        try header.facts.write(written, to: db)
    }
}

/// A change as it went into the file.
enum CommittedChange: Sendable {
    case upsert(PreparedPoint, sequence: Int64)
    case delete(PointID, sequence: Int64)
}
