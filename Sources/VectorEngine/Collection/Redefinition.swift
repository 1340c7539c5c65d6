import Files
import Foundation
import GRDB
import JSON

// A change of what a collection is: its schema, its notes, or both, in one immediate transaction. A process that is
// killed leaves the collection as it was before or as it is after, and no write of anybody comes in between.
//
// Rows whose layout changes are written again under their own keys: `vectors.dense` when a dense name comes or goes,
// `points.sparse` when a sparse or multi name does (see RowCoding.swift). Stored segments stay, with the graphs of the
// names that stay. The generation counts up, so that a sealer that is at work elsewhere gives up. The change log of
// other processes cannot tell of this: a process that follows it sees another schema and reads everything again. The
// shipped log cannot tell of it either and ends; the next full backup begins another.

struct Redefinition {
    let file: CollectionFile

    /// Gives `change` the definition as it is inside the transaction, and writes what it leaves.
    ///
    /// - Returns: the new definition, and whether it is another than before; what `change` threw, after which nothing
    ///   was written.
    func run(
        _ change: (inout CollectionDefinition) throws -> Void
    ) throws -> Result<(definition: CollectionDefinition, isChanged: Bool), any Error> {
        var outcome: Result<(definition: CollectionDefinition, isChanged: Bool), any Error> = .failure(
            CancellationError())
        try file.pool.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                var header = try file.header(db)
                let before = CollectionDefinition(schema: header.schema, notes: header.facts.notes)
                var definition = before
                do {
                    try change(&definition)
                } catch {
                    outcome = .failure(error)
                    return .rollback
                }
                outcome = .success((definition, definition != before))
                guard definition != before else { return .commit }
                try Self.check(from: before, to: definition)
                var facts: [String: MetaValue] = [:]
                for (name, text) in definition.notes where !(before.notes[name]?.hasSameBytes(as: text) ?? false) {
                    facts[CollectionFile.notePrefix + name] = .text(text)
                }
                if definition.schema != before.schema {
                    facts["schema"] = .text(try CollectionFile.encoded(definition.schema))
                    if !definition.schema.hasLayout(of: before.schema) {
                        // What is written goes through the log before it is in the file.
                        try FreeSpace.require(file.sizeBytes, at: file.path)
                        facts.merge(try LayoutChange(file: file, db, header, to: definition.schema).run()) { $1 }
                    }
                }
                try header.facts.write(facts, to: db)
                return .commit
            }
        }
        return outcome
    }

    private static func check(
        from before: CollectionDefinition, to after: CollectionDefinition
    ) throws(EngineError) {
        func refuse(_ what: String) -> EngineError { EngineError(.invalidArgument, what) }
        guard before.notes.keys.allSatisfy({ after.notes[$0] != nil }) else {
            throw refuse("a note of a collection can be changed, not removed")
        }
        guard before.schema.payloadIndexes == after.schema.payloadIndexes else {
            throw refuse("payload indexes are added by themselves")
        }
        try after.schema.requireValid()
        for (old, new) in [(before.schema.dense, after.schema.dense), (before.schema.multi, after.schema.multi)] {
            for (name, vector) in new {
                guard let known = old[name] else { continue }
                guard known.dimension == vector.dimension, known.metric == vector.metric else {
                    throw refuse("a vector keeps its dimension and its metric; add another, or replace all vectors")
                }
            }
        }
        let kinds = { (schema: CollectionSchema) -> [String: Int] in
            var kinds: [String: Int] = [:]
            for name in schema.dense.keys { kinds[name] = 0 }
            for name in schema.sparse.keys { kinds[name] = 1 }
            for name in schema.multi.keys { kinds[name] = 2 }
            return kinds
        }
        let old = kinds(before.schema)
        for (name, kind) in kinds(after.schema) where old[name] ?? kind != kind {
            throw refuse("a vector's name is dropped before it is given to a vector of another kind")
        }
    }
}

/// Lays all rows of a file out by another schema, within a transaction.
private struct LayoutChange {
    let file: CollectionFile
    let db: Database
    let header: FileHeader
    let old: RowLayout
    let new: RowLayout

    /// Rows that are in memory at once.
    private static let rowsPerTurn = 256

    init(file: CollectionFile, _ db: Database, _ header: FileHeader, to schema: CollectionSchema) {
        (self.file, self.db, self.header) = (file, db, header)
        (old, new) = (RowLayout(header.schema), RowLayout(schema))
    }

    /// - Returns: the facts that change with the rows.
    func run() throws -> [String: MetaValue] {
        var facts: [String: MetaValue] = [
            "generation": .number(header.generation + 1), "shipped": .number(-1),
        ]
        if old.dense.map(\.name) != new.dense.map(\.name) { try rewriteDense() }
        if old.sparseNames != new.sparseNames || old.multiNames != new.multiNames {
            if let tally = try rewriteSparse() { facts.merge(tally.facts) { $1 } }
        }
        if try !rewriteIndexes() {
            // A cache that cannot be read: the rows are.
            try CollectionFile.makeGraphTable(db)
            try db.execute(sql: "DELETE FROM segments; DELETE FROM graph_parts")
            facts["sealed"] = .number(0)
        }
        try db.execute(sql: "DELETE FROM history; DELETE FROM commits")
        return facts
    }

    // MARK: Dense

    /// A row that is not what was written stays as it is, and so stays damaged.
    private func rewriteDense() throws {
        let slots = new.dense.map { vector in old.dense.firstIndex { $0.name == vector.name } }
        let sizes = old.dense.map { $0.description.dimension * MemoryLayout<Float>.stride }
        let write = try db.cachedStatement(sql: "UPDATE vectors SET dense = ?, checksum = ? WHERE sequence = ?")
        var last: Int64 = -1
        while true {
            var met = 0
            var rows: [(sequence: Int64, dense: [UInt8])] = []
            try db.scan(
                "SELECT sequence, dense, checksum FROM vectors WHERE sequence > ? ORDER BY sequence LIMIT ?",
                [last, Self.rowsPerTurn]
            ) { row in
                met += 1
                let sequence = row.integer(0)
                last = sequence
                let dense = row.blob(1)
                guard Int64(StoredRow.denseChecksum(dense, sequence: sequence)) == row.integer(2) else { return }
                let moved = file.cipher.withPlain(dense, .dense(sequence: sequence)) { Self.moved($0, slots, sizes) }
                if let moved = moved ?? nil { rows.append((sequence, moved)) }
            }
            for (sequence, plain) in rows {
                let dense = try file.cipher.stored(plain, .dense(sequence: sequence))
                try write.execute(arguments: [
                    Data(dense), Int64(StoredRow.denseChecksum(dense, sequence: sequence)), sequence,
                ])
            }
            if met < Self.rowsPerTurn { return }
        }
    }

    /// One row's dense vectors in another order: `slots` says of each new name where the old row has it.
    ///
    /// - Returns: nil when the bytes do not fit the old layout.
    private static func moved(_ dense: UnsafeRawBufferPointer, _ slots: [Int?], _ sizes: [Int]) -> [UInt8]? {
        var parts: [Range<Int>?] = []
        var at = sizes.count
        guard dense.count >= at else { return nil }
        for (i, size) in sizes.enumerated() {
            guard dense[i] == 1 else {
                parts.append(nil)
                continue
            }
            guard dense.count - at >= size else { return nil }
            parts.append(at..<at + size)
            at += size
        }
        guard at == dense.count else { return nil }
        let kept = slots.map { slot in slot.flatMap { parts[$0] } }
        var moved: [UInt8] = kept.map { $0 == nil ? 0 : 1 }
        for case let part? in kept { moved.append(contentsOf: dense[part]) }
        return moved
    }

    // MARK: Sparse and multi

    private func rewriteSparse() throws -> PointTally? {
        var tally = header.tally
        let write = try db.cachedStatement(sql: "UPDATE points SET sparse = ?, checksum = ? WHERE sequence = ?")
        var last: Int64 = -1
        while true {
            var met = 0
            var rows: [(sequence: Int64, key: [UInt8], payload: [UInt8], sparse: [UInt8], checksum: Int64)] = []
            try db.scan(
                """
                SELECT sequence, id, payload, sparse, checksum FROM points WHERE sequence > ? ORDER BY sequence LIMIT ?
                """, [last, Self.rowsPerTurn]
            ) { row in
                met += 1
                let sequence = row.integer(0)
                last = sequence
                let (key, payload, sparse) = (row.blob(1), row.blob(2), row.blob(3))
                let checksum = crc32c(sparse, seed: crc32c(payload, seed: crc32c(key)))
                guard Int64(checksum) == row.integer(4) else { return }
                let idKey = Array(key)
                let moved = file.cipher.withPlain(sparse, .sparse(sequence: sequence, key: idKey)) { self.moved($0) }
                if let moved = moved ?? nil { rows.append((sequence, idKey, Array(payload), moved, Int64(checksum))) }
            }
            for row in rows {
                let sparse = try file.cipher.stored(row.sparse, .sparse(sequence: row.sequence, key: row.key))
                let checksum = Int64(crc32c(sparse, seed: crc32c(row.payload, seed: crc32c(row.key))))
                try write.execute(arguments: [Data(sparse), checksum, row.sequence])
                tally?.subtract(sequence: row.sequence, key: row.key, checksum: row.checksum)
                tally?.add(sequence: row.sequence, key: row.key, checksum: checksum)
            }
            if met < Self.rowsPerTurn { return tally }
        }
    }

    /// One row's sparse vectors and multivectors in the new order; nil when the bytes do not fit the old layout.
    private func moved(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        var parts: [String: Range<Int>] = [:]
        var at = 0
        func number() -> Int? {
            guard bytes.count - at >= 4 else { return nil }
            return Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
        }
        func take(_ name: String, bytesEach: Int) -> Bool {
            guard let count = number() else { return false }
            let size = count == Int(UInt32.max) ? 4 : 4 + count * bytesEach
            guard bytes.count - at >= size else { return false }
            parts[name] = at..<at + size
            at += size
            return true
        }
        for name in old.sparseNames where !take(name, bytesEach: 8) { return nil }
        for name in old.multiNames {
            let dimension = old.schema.multi[name]?.dimension ?? 0
            guard take(name, bytesEach: dimension * MemoryLayout<Float>.stride) else { return nil }
        }
        guard at == bytes.count else { return nil }
        var moved: [UInt8] = []
        for name in new.sparseNames + new.multiNames {
            if let part = parts[name] {
                moved.append(contentsOf: bytes[part])
            } else {
                moved.append(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF])
            }
        }
        return moved
    }

    // MARK: Segments

    /// Gives the stored segments the names of the new schema.
    ///
    /// - Returns: false when one of them cannot be read.
    private func rewriteIndexes() throws -> Bool {
        guard let segments = try StoredSegment.all(db, reachingBackFrom: header) else { return false }
        for segment in segments {
            var read: SegmentIndexes?
            try db.scan("SELECT indexes FROM segments WHERE id = ?", [segment.id]) { row in
                do {
                    read = try file.cipher.withPlain(row.blob(0), .indexes) {
                        try SegmentIndexes(bytes: $0, schema: old.schema, rowCount: segment.rowCount)
                    }
                } catch is BlobError {
                    // All stored segments go then, and are built again from the rows.
                    read = nil
                }
            }
            guard var indexes = read else { return false }
            indexes.setVectors(of: new.schema, rowCount: segment.rowCount)
            let bytes = try file.cipher.stored(indexes.blob(schema: new.schema), .indexes)
            try db.execute(
                sql: "UPDATE segments SET indexes = ? WHERE id = ?", arguments: [Data(bytes), segment.id])
        }
        if !segments.isEmpty, try db.tableExists("graph_parts") {
            for (name, _) in old.dense where new.schema.dense[name] == nil {
                try db.execute(sql: "DELETE FROM graph_parts WHERE vector = ?", arguments: [name])
            }
        }
        return true
    }
}

extension PointCollection {
    /// Changes what the collection is; when this returns, the view in memory shows it.
    ///
    /// - Returns: what the body threw as a failure, after which nothing was written.
    func redefine(
        _ change: (inout CollectionDefinition) throws -> Void
    ) throws -> Result<CollectionDefinition, any Error> {
        let outcome = try Redefinition(file: file).run(change)
        if case .success((_, true)) = outcome { _ = try searcher() }
        return outcome.map(\.definition)
    }
}
