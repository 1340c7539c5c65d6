import Foundation
import GRDB

/// Applies changes to a copy of a collection in the order in which they were committed, for restoring and for repair.
///
/// No other process uses the copy; the caller holds one transaction around all of it.
struct ReplayWriter {
    private let db: Database
    private let tables: RowTables
    private let sealedSequence: Int64
    private var facts: MetaFacts
    /// The last change that was applied.
    private(set) var sequence: Int64
    private(set) var tally: PointTally

    init(_ db: Database, path: String) throws {
        let header = try CollectionFile.header(db, path: path, decode: CollectionFile.decodedSchema)
        guard let tally = header.tally else {
            throw EngineError(.unsupportedFormat, "\(path) is of an older format; open it once with this cortex")
        }
        self.db = db
        tables = try RowTables(db)
        self.tally = tally
        sealedSequence = header.sealedSequence
        facts = header.facts
        sequence = header.sequence
    }

    mutating func upsert(_ row: LoggedRow) throws {
        try remove(row.key)
        guard try tables.insertNew(row) else { throw StoredRow.damaged(row.sequence) }
        tally.add(sequence: row.sequence, key: row.key, checksum: row.checksum)
        sequence = max(sequence, row.sequence)
    }

    mutating func delete(_ key: [UInt8], sequence: Int64) throws {
        try remove(key)
        try db.cachedStatement(sql: "INSERT OR REPLACE INTO deletions(sequence, id, checksum) VALUES (?, ?, ?)")
            .execute(arguments: [sequence, Data(key), StoredRow.deletionChecksum(key, sequence: sequence)])
        self.sequence = max(self.sequence, sequence)
    }

    /// The change that wrote the point's present row; nil if there is none.
    func sequence(of key: [UInt8]) throws -> Int64? {
        try tables.find(key)?.sequence
    }

    private mutating func remove(_ key: [UInt8]) throws {
        guard let (old, checksum) = try tables.find(key) else { return }
        try tables.delete(old, sealed: sealedSequence)
        tally.subtract(sequence: old, key: key, checksum: checksum)
    }

    /// Writes the tally of the points. From now on the copy is another store, without a log of its own.
    ///
    /// - Parameters:
    ///   - sequence: The last change, if it is later than the last replayed one.
    ///   - further: Facts that are written too.
    mutating func finish(
        storeID: UUID, sequence: Int64? = nil, dataKey: [UInt8]? = nil, besides further: [String: MetaValue] = [:]
    ) throws {
        self.sequence = max(self.sequence, sequence ?? 0)
        try db.execute(sql: "DELETE FROM history; DELETE FROM commits")
        var written = tally.facts
        written["sequence"] = .number(self.sequence)
        written["store_id"] = .text(storeID.uuidString)
        written["shipped"] = .number(-1)
        if let dataKey { written["data_key"] = .bytes(dataKey) }
        written.merge(further) { $1 }
        try facts.write(written, to: db)
    }
}

extension PointTally {
    /// In the form of `meta`.
    var facts: [String: MetaValue] {
        [
            "count": .number(count), "ids": .number(Int64(bitPattern: ids)),
            "rows": .number(Int64(bitPattern: rows)),
        ]
    }
}

extension ReplayWriter {
    /// Makes the copy at `path` a store of its own.
    ///
    /// - Returns: Its new id and its last change.
    static func rename(_ path: String, as name: String) throws -> (id: UUID, sequence: Int64) {
        let id = UUID()
        var sequence: Int64 = 0
        let queue = try DatabaseQueue(path: path)
        try queue.write { db in
            var writer = try ReplayWriter(db, path: path)
            try writer.finish(storeID: id)
            try CollectionFile.setName(name, db, path: path)
            sequence = writer.sequence
        }
        try queue.close()
        return (id, sequence)
    }
}
