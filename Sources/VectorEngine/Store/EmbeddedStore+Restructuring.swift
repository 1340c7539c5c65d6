import Files
import Foundation
import GRDB
import JSON

// What a collection's schema says may change in two ways: payload indexes are added, and the dense vectors are replaced
// by others. Both are one transaction: a crash leaves the collection as it was before or as it is after. Other
// processes read the whole collection again with the next change they follow.

/// What became of a replacement of vectors.
package enum VectorReplacement: Sendable, Equatable {
    /// All are replaced. The shipped log cannot tell of it and ended where there was one.
    case done(endedLog: Bool)
    /// Nothing was changed: these points have no vector that fits them yet. Every change up to `sequence` was looked
    /// at.
    case missing([PointID], sequence: UInt64)
}

extension EmbeddedStore {
    /// Gives a collection the dense vectors of `schema`: each point gets those of the point of its id in `staged`.
    ///
    /// Rows, payloads and sparse vectors stay; graphs are built again. Costs one write of every vector.
    ///
    /// - Parameters:
    ///   - schema: must have the sparse vectors and multivectors that the collection has.
    ///   - staged: a collection with the new vectors; nil takes all vectors away.
    ///   - sequence: points changed after this one are looked at before anything is written.
    ///   - fits: whether the vectors of the staged payload (second) still belong to the point's (first).
    /// - Throws: `invalidArgument` for another schema, `damaged` when a row is not what was written.
    package func replaceVectors(
        of collection: String, schema: CollectionSchema, from staged: String?, lookingAfter sequence: UInt64,
        fits: @escaping @Sendable (Payload, Payload) -> Bool
    ) async throws -> VectorReplacement {
        let source = try await Self.offPool { [self] in try staged.map { try self.collection($0) } }
        return try await with(collection) { collection in
            let replacing = VectorReplacing(
                file: collection.file, schema: schema, staged: source?.file, stagedSchema: source?.schema, fits: fits)
            let outcome = try replacing.run(after: Int64(clamping: sequence))
            if case .done = outcome { _ = try collection.searcher() }
            return outcome
        }
    }

    /// Adds payload indexes and fills them from what is stored; those that are there already stay.
    ///
    /// - Returns: whether there was anything to add.
    @discardableResult
    package func addPayloadIndexes(_ added: [String: PayloadIndexKind], to collection: String) async throws -> Bool {
        for path in added.keys { _ = try PayloadPath(path) }
        return try await with(collection) { collection in
            guard try collection.addPayloadIndexes(added) else { return false }
            try collection.reload()
            return true
        }
    }

    /// Whether a process, this one or another, is indexing `collection` now.
    package func isBeingSealed(_ collection: String) throws(EngineError) -> Bool {
        let path = path(of: collection) + ".lease"
        guard FileManager.default.fileExists(atPath: path) else { return false }
        guard let lease = try EngineError.wrapping(path, { try Lease(path: path) }) else { return true }
        lease.release()
        return false
    }

    /// Holds the right to restructure `collection` while `body` runs: one process has it at a time, and the kernel
    /// takes it back from one that dies.
    ///
    /// - Returns: nil when another process has it.
    package func restructuring<Result: Sendable>(
        _ collection: String, _ body: () async throws -> Result
    ) async throws -> Result? {
        let path = path(of: collection) + ".restructuring"
        guard let lease = try EngineError.wrapping(path, { try Lease(path: path) }) else { return nil }
        defer {
            // Nobody waits for it: another caller is turned away at once.
            unlink(path)
            lease.release()
        }
        return try await body()
    }
}

/// One replacement of vectors, in one transaction.
private struct VectorReplacing {
    let file: CollectionFile
    let schema: CollectionSchema
    let staged: CollectionFile?
    let stagedSchema: CollectionSchema?
    let fits: @Sendable (Payload, Payload) -> Bool

    /// Points without vectors that are named at most in one answer.
    private static let namedPoints = 10_000
    private static let selectPoints = "SELECT id, payload, sparse, checksum, sequence FROM points WHERE sequence > ?"

    func run(after sequence: Int64) throws -> VectorReplacement {
        guard let staged else { return try transaction(after: sequence, nil) }
        return try staged.pool.read { try transaction(after: sequence, $0) }
    }

    private func transaction(after sequence: Int64, _ source: Database?) throws -> VectorReplacement {
        var outcome = VectorReplacement.missing([], sequence: 0)
        var last: Int64 = 0
        try file.pool.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                var header = try file.header(db)
                guard header.schema.sparse == schema.sparse, header.schema.multi == schema.multi else {
                    throw EngineError(.invalidArgument, "only dense vectors can be replaced, not sparse ones")
                }
                let seen = UInt64(clamping: header.sequence)
                outcome = .missing(try missing(db, after: sequence, source), sequence: seen)
                guard outcome == .missing([], sequence: seen) else { return .rollback }
                try CollectionFile.makeGraphTable(db)
                try db.execute(sql: "DELETE FROM segments; DELETE FROM graph_parts; DELETE FROM vectors")
                let left = try rewrite(db, source)
                guard left.isEmpty else {
                    outcome = .missing(left, sequence: seen)
                    return .rollback
                }
                outcome = .done(endedLog: header.shippedSequence != nil)
                last = header.sequence + 1
                try finish(&header, at: last, db)
                return .commit
            }
        }
        if last > 0 { file.noteAcknowledged(last) }
        return outcome
    }

    private func missing(_ db: Database, after sequence: Int64, _ source: Database?) throws -> [PointID] {
        var missing: [PointID] = []
        guard source != nil else { return [] }
        try db.scan(Self.selectPoints, [sequence]) { row in
            let payload = try StoredRow.payload(row, sequence: row.integer(4), file.cipher)
            guard missing.count < Self.namedPoints, let id = PointID(key: row.blob(0)) else { return }
            if try vectors(of: id, payload, source) == nil { missing.append(id) }
        }
        return missing
    }

    /// Writes every point's new vectors; answers the points that have none.
    private func rewrite(_ db: Database, _ source: Database?) throws -> [PointID] {
        var missing: [PointID] = []
        let layout = RowLayout(schema)
        try db.scan(Self.selectPoints, [-1]) { row in
            let sequence = row.integer(4)
            let payload = try StoredRow.payload(row, sequence: sequence, file.cipher)
            guard missing.count < Self.namedPoints, let id = PointID(key: row.blob(0)) else { return }
            guard let vectors = try vectors(of: id, payload, source) else {
                missing.append(id)
                return
            }
            let prepared = try PreparedPoint(Point(id: id, vectors: PointVectors(dense: vectors)), layout: layout)
            let dense = try file.cipher.stored(prepared.dense, .dense(sequence: sequence))
            try db.cachedStatement(sql: "INSERT INTO vectors(sequence, dense, checksum) VALUES (?, ?, ?)").execute(
                arguments: [sequence, Data(dense), Int64(StoredRow.denseChecksum(dense, sequence: sequence))])
        }
        return missing
    }

    /// The staged vectors of a point; nil when there are none that fit.
    private func vectors(of id: PointID, _ payload: Payload, _ source: Database?) throws -> [String: [Float]]? {
        guard let source, let staged, let stagedSchema else { return [:] }
        var found: Point?
        try source.scan(CollectionFile.selectRows + "WHERE p.id = ?", [Data(id.key)]) { row in
            found = try StoredRow(row, schema: stagedSchema, hasDense: true, cipher: staged.cipher).point
        }
        guard let found, fits(payload, found.payload) else { return nil }
        return found.vectors.dense
    }

    /// Other processes read everything again: the log of deletes begins after this change.
    private func finish(_ header: inout FileHeader, at sequence: Int64, _ db: Database) throws {
        try db.execute(sql: "DELETE FROM deletions; DELETE FROM history; DELETE FROM commits")
        try header.facts.write(
            [
                "schema": .text(try CollectionFile.encoded(schema)), "sequence": .number(sequence),
                "deletion_floor": .number(sequence), "sealed": .number(0),
                "generation": .number(header.generation + 1), "shipped": .number(-1),
            ], to: db)
    }
}

extension PointCollection {
    /// - Returns: whether there was anything to add.
    fileprivate func addPayloadIndexes(_ added: [String: PayloadIndexKind]) throws -> Bool {
        var isChanged = false
        try file.pool.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                var header = try file.header(db)
                var schema = header.schema
                schema.payloadIndexes.merge(added) { known, _ in known }
                guard schema != header.schema else { return .commit }
                for segment in try StoredSegment.all(db, reachingBackFrom: header) ?? [] {
                    try extend(segment, from: header.schema, to: schema, db)
                }
                try header.facts.write(
                    [
                        "schema": .text(try CollectionFile.encoded(schema)),
                        "generation": .number(header.generation + 1),
                    ], to: db)
                isChanged = true
                return .commit
            }
        }
        return isChanged
    }

    /// Writes the indexes of a stored segment with those that `schema` has more. A cache that is damaged stays so: its
    /// rows are read instead.
    private func extend(
        _ segment: StoredSegment, from old: CollectionSchema, to schema: CollectionSchema, _ db: Database
    ) throws {
        var read: SegmentIndexes?
        try db.scan("SELECT indexes FROM segments WHERE id = ?", [segment.id]) { row in
            do {
                read = try file.cipher.withPlain(row.blob(0), .indexes) {
                    try SegmentIndexes(bytes: $0, schema: old, rowCount: segment.rowCount)
                }
            } catch is BlobError {
                // Opening the collection logs it and reads the rows.
                read = nil
            }
        }
        guard var indexes = read else { return }
        let added = schema.payloadIndexes.filter { old.payloadIndexes[$0.key] == nil }
        try indexes.add(added, rowCount: segment.rowCount) { row in
            try file.payloads(db, [segment.list.sequences[row]]).values.first?.object ?? [:]
        }
        let bytes = try file.cipher.stored(indexes.blob(schema: schema), .indexes)
        try db.execute(
            sql: "UPDATE segments SET indexes = ? WHERE id = ?", arguments: [Data(bytes), segment.id])
    }
}
