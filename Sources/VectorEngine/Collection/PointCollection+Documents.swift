import Foundation
import GRDB
import JSON
import Synchronization
import Vectors

// A collection's documents in memory follow its file as searchers do: by the change log, whoever wrote it. They are
// read when they are first asked for, so that a collection nobody filters costs nothing.

/// The documents of one collection, brought up to date before each use.
package final class DocumentTable: Sendable {
    let collection: PointCollection
    private let documents: Mutex<Documents>
    private let definitions: Mutex<[(FieldPath, FieldIndexDefinition)]>

    package init(_ collection: PointCollection, fields: [(FieldPath, FieldIndexDefinition)]) {
        self.collection = collection
        documents = Mutex(Self.empty(collection.schema, fields))
        definitions = Mutex(fields)
    }

    private static func empty(
        _ schema: CollectionSchema, _ fields: [(FieldPath, FieldIndexDefinition)]
    ) -> Documents {
        var documents = Documents(schema: schema)
        for (path, definition) in fields { documents.setField(path, definition) }
        return documents
    }

    /// Runs `body` on the documents as of every change committed before the call. Blocks: to be called off the pool.
    package func use<Result>(_ body: (inout Documents) throws -> sending Result) throws -> Result {
        try documents.withLock { documents in
            let searcher = try collection.searcher()
            if UInt64(searcher.sequence) > documents.sequence { try follow(&documents) }
            return try body(&documents)
        }
    }

    /// Whether the documents are those of `searcher`, found out without waiting for whoever reads them.
    func isFollowing(_ searcher: Searcher) -> Bool {
        documents.withLockIfAvailable { $0.sequence >= UInt64(searcher.sequence) } ?? false
    }

    /// Makes or drops the index of one field.
    package func setField(_ path: FieldPath, _ definition: FieldIndexDefinition?) {
        definitions.withLock { all in
            all.removeAll { $0.0 == path }
            if let definition { all.append((path, definition)) }
        }
        documents.withLock { $0.setField(path, definition) }
    }

    private func follow(_ documents: inout Documents) throws {
        let schema = collection.schema
        try collection.file.pool.read { db in
            let header = try collection.file.header(db)
            if header.deletionFloor > Int64(documents.sequence), documents.sequence > 0 {
                documents = Self.empty(schema, definitions.withLock { $0 })
            }
            let after = Int64(documents.sequence)
            if after > 0 {
                try db.scan("SELECT id FROM deletions WHERE sequence > ? ORDER BY sequence", [after]) { row in
                    if let id = PointID(key: row.blob(0)) { documents.remove(id) }
                }
            }
            let cipher = collection.file.cipher
            // Which vectors are there stands first; of sealed bytes no part can be read alone.
            let flags = cipher == nil ? "substr(v.dense, 1, \(schema.dense.count))" : "v.dense"
            try db.scan(
                """
                SELECT p.sequence, p.id, p.payload, p.sparse, p.checksum, \(flags) FROM points p
                LEFT JOIN vectors v ON v.sequence = p.sequence WHERE p.sequence > ? ORDER BY p.sequence
                """, [after]
            ) { row in
                guard let document = Document(row, schema: schema, cipher: cipher) else {
                    collection.noteDamagedRow(row.integer(0))
                    return
                }
                documents.put(document)
            }
            documents.sequence = UInt64(header.sequence)
        }
    }
}

extension Document {
    /// nil when the row's bytes are not what was written.
    fileprivate init?(_ row: ScannedRow, schema: CollectionSchema, cipher: RowCipher?) {
        let stored: StoredRow
        do throws(EngineError) {
            stored = try StoredRow(row, schema: schema, hasDense: false, cipher: cipher)
        } catch {
            return nil
        }
        let sequence = stored.sequence
        let flags = cipher.withPlain(row.blob(5), .dense(sequence: sequence)) { Array($0.prefix(schema.dense.count)) }
        guard let flags, flags.count == schema.dense.count else { return nil }
        let vectors = stored.point.vectors
        self.init(
            id: stored.point.id, version: UInt64(clamping: sequence), payload: Array(stored.point.payload.text),
            hasVector: flags.map { $0 == 1 } + schema.sparseNames.map { vectors.sparse[$0] != nil }
                + schema.multiNames.map { vectors.multi[$0] != nil }, multi: vectors.multi)
    }
}

extension DocumentTable {
    package var schema: CollectionSchema { collection.schema }

    /// The points of `ids` that exist, in the order asked. Blocks.
    package func points(_ ids: [PointID], _ parts: PointParts) throws -> [Point] {
        try collection.retrieve(ids, parts)
    }

    /// Slots of the documents that have the vector; nil when all have it.
    package func slots(having name: String) throws -> RowSet? {
        try use { documents in
            let having = documents.matching(DocumentFilter(must: [.hasVector(name)]))
            return having == documents.live ? nil : having
        }
    }
}
