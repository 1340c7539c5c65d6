import GRDB
import Synchronization

// Payloads in memory, and the payload indexes that come and go while a collection is open.

extension PointCollection {
    /// The contents of a segment; those of a stored segment are read from the file the first time.
    ///
    /// - Throws: what SQLite throws.
    func contents(_ segment: SegmentView) throws -> RowContents {
        try segment.contents.loaded {
            keepsContents.store(true, ordering: .relaxed)
            return try readContents(segment)
        }
    }

    private func readContents(_ segment: SegmentView) throws -> RowContents {
        let contents = RowContents(capacity: segment.rowCount, isSealed: true)
        let sequences = segment.rows.sequences
        var next = 0
        func leaveOut(before sequence: Int64) {
            while next < segment.rowCount, sequences[next] < sequence {
                contents.append(payload: nil, multi: [:], row: UInt32(next))
                next += 1
            }
        }
        guard segment.rowCount > 0 else { return contents }
        try file.pool.read { db in
            // As the rows are laid out now: a name of a vector may have come or gone since the segment was made.
            let schema = try file.schema(db)
            let range: StatementArguments = [sequences[0], sequences[segment.rowCount - 1]]
            try db.scan(
                CollectionFile.selectPoints + "WHERE p.sequence BETWEEN ? AND ? ORDER BY p.sequence", range
            ) { row in
                let sequence = row.integer(0)
                leaveOut(before: sequence)
                guard next < segment.rowCount, sequences[next] == sequence else { return }
                do throws(EngineError) {
                    let point = try StoredRow(row, schema: schema, hasDense: false, cipher: file.cipher).point
                    contents.append(point, row: UInt32(next))
                } catch {
                    contents.noteDamaged(next)
                    contents.append(payload: nil, multi: [:], row: UInt32(next))
                    noteDamagedRow(sequence)
                }
                next += 1
            }
        }
        leaveOut(before: .max)
        return contents
    }

    /// Reads the payloads of every stored segment into memory, for callers that filter or answer with them often.
    package func keepContents() throws(EngineError) {
        keepsContents.store(true, ordering: .relaxed)
        do {
            for segment in try searcher().segments { _ = try contents(segment) }
        } catch {
            throw told(EngineError(wrapping: error, path: file.path))
        }
    }

    // MARK: Payload indexes

    /// Makes the payload indexes besides those of the schema be `definitions`: new ones are built from the payloads
    /// while reading and writing go on, others are dropped. Blocks until they are built.
    ///
    /// - Parameter replaced: paths whose definition may have changed although their kind has not.
    package func setFields(
        _ definitions: [PayloadPath: PayloadIndexDefinition], replacing replaced: Set<PayloadPath> = []
    ) throws(EngineError) {
        let stale = changeFields(to: definitions, replacing: replaced)
        do {
            for segment in try searcher().segments {
                for path in stale { segment.indexes.drop(path) }
            }
            try buildMissingFields()
        } catch {
            throw told(EngineError(wrapping: error, path: file.path))
        }
    }

    /// Builds the payload indexes that a segment lacks: those of a segment that was stored before they were asked for.
    func buildMissingFields() throws {
        try building.withLock { _ in
            let searcher = try searcher()
            for segment in searcher.segments where segment.rowCount > 0 {
                let known = segment.indexes.read { Set($0.payload.keys) }
                for (path, definition) in searcher.fields where !known.contains(path) {
                    segment.indexes.build(path, definition, from: try contents(segment))
                }
            }
        }
    }
}
