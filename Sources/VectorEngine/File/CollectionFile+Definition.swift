import Foundation
import GRDB
import JSON
import Synchronization

// The schema and the notes of a collection, as every process sees them: they are read again when somebody has committed
// since and they have changed.

extension CollectionFile {
    static let notePrefix = "note:"
    /// Names a collection whose file name does not (`CollectionFileName.path(of:in:)`).
    static let nameFact = "name"
    /// The store that stood in this file before it was replaced (`Adoption`).
    static let replacedFact = "replaces"

    /// The definition where it is known to be the newest without asking the file; nil otherwise.
    var settledDefinition: CollectionDefinition? {
        guard let mark = commitMark else { return nil }
        return definitions.withLock { $0.flatMap { $0.mark == mark ? $0.definition : nil } }
    }

    /// The newest definition. Costs one look at `meta` while it stays the same.
    ///
    /// - Throws: `collectionNotFound` when the collection was deleted or replaced.
    func definition() throws -> CollectionDefinition {
        if let settledDefinition { return settledDefinition }
        let mark = commitMark
        return try pool.read { db in
            let texts = try Self.definingTexts(db)
            if let known = definitions.withLock({ $0 }), known.texts == texts {
                definitions.withLock { $0?.mark = mark }
                return known.definition
            }
            let header = try header(db)
            let definition = CollectionDefinition(schema: header.schema, notes: header.facts.notes)
            definitions.withLock { $0 = KnownDefinition(mark: mark, texts: texts, definition: definition) }
            return definition
        }
    }

    /// Whatever a definition is made of, and what says that the collection is another one or gone.
    private static func definingTexts(_ db: Database) throws -> [String: ByteText] {
        var texts: [String: ByteText] = [:]
        let rows = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT key, CAST(value AS TEXT) FROM meta
                    WHERE key IN ('schema', 'store_id', 'dropped') OR (key >= 'note:' AND key < 'note;')
                    """))
        while let row = try rows.next() {
            let key: String = row[0]
            let text: String = row[1]
            texts[key] = ByteText(text)
        }
        return texts
    }

    /// What a definition was read from.
    struct KnownDefinition: Sendable {
        var mark: CommitWatch.Mark?
        let texts: [String: ByteText]
        let definition: CollectionDefinition
    }

    /// How rows are laid out in the snapshot of `db`. Whatever lays rows out otherwise counts the generation up.
    func schema(_ db: Database) throws -> CollectionSchema {
        let generation = try Int64.fetchOne(db.cachedStatement(sql: "SELECT value FROM meta WHERE key = 'generation'"))
        if let generation, let known = layouts.withLock({ $0 }), known.generation == generation { return known.schema }
        let header = try header(db)
        layouts.withLock { $0 = (header.generation, header.schema) }
        return header.schema
    }

    /// Whether rows are still laid out as `schema` says, in this very file.
    func isLaidOut(by schema: CollectionSchema) throws -> Bool {
        try pool.read { try self.schema($0).hasLayout(of: schema) }
    }
}

extension MetaFacts {
    var notes: [String: String] {
        var notes: [String: String] = [:]
        for case (let key, .text(let text)) in values where key.hasPrefix(CollectionFile.notePrefix) {
            notes[String(key.dropFirst(CollectionFile.notePrefix.count))] = text
        }
        return notes
    }
}

extension CollectionSchema {
    /// - Throws: `invalidArgument` for a dimension, a name or a path that no collection can have.
    func requireValid() throws(EngineError) {
        for vector in dense.values where !(1...EngineLimits.dimension).contains(vector.dimension) {
            throw EngineError(
                .invalidArgument, "a vector has 1 to \(EngineLimits.dimension) components, not \(vector.dimension)")
        }
        if let name = dense.keys.first(where: { sparse[$0] != nil }) {
            throw EngineError(.invalidArgument, "vector '\(name)' is declared both dense and sparse")
        }
        for path in payloadIndexes.keys { _ = try PayloadPath(path) }
    }

    /// Whether rows of both schemas lie alike in the file.
    func hasLayout(of other: CollectionSchema) -> Bool {
        func sizes(_ vectors: [String: DenseVectorSchema]) -> [String: Int] { vectors.mapValues(\.dimension) }
        return sizes(dense) == sizes(other.dense) && sizes(multi) == sizes(other.multi)
            && sparseNames == other.sparseNames
    }

    /// Whether a view made for one of them serves the other: they differ in how a query weighs terms, and in when rows
    /// are sealed.
    func servesViews(of other: CollectionSchema) -> Bool {
        dense == other.dense && multi == other.multi && sparseNames == other.sparseNames
            && payloadIndexes == other.payloadIndexes
    }
}
