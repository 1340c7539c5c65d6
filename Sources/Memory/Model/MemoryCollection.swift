import Embedding
import VectorEngine

/// The collection that memories are kept in: made when it is first needed, and checked against what would write to it.
actor MemoryCollection {
    /// The named vectors of a memory.
    static let dense = "text"
    static let sparse = "lexical"

    /// Whether vectors can be used, and why not.
    struct Readiness: Sendable {
        var hasVectors: Bool
        var degradedReason: String?
    }

    private let points: any PointStore
    private let name: String
    private let identity: EmbedderIdentity?
    private let analyser: String
    private var readiness: Readiness?
    /// Whether the collection has the indexes that the ranking's bonuses look into; one made before them ranks without.
    private(set) var knowsTraits = false

    init(points: any PointStore, name: String, identity: EmbedderIdentity?, analyser: String) {
        self.points = points
        self.name = name
        self.identity = identity
        self.analyser = analyser
    }

    /// Makes the collection where there is none, and refuses one that another embedder or analyser has written.
    func ready() async throws -> Readiness {
        if let readiness { return readiness }
        if try await points.describe(name) == nil {
            do {
                try await points.createCollection(name, schema: schema)
            } catch let error as EngineError where error.code == .collectionExists {
                // Another process made it a moment ago: it is checked like any other below.
            }
        }
        guard let found = try await points.describe(name) else {
            throw MemoryError(
                .failed, "the memory's collection was deleted while it was opened; try again", isRetryable: true)
        }
        let checked = try check(found.schema)
        knowsTraits = found.schema.payloadIndexes[Member.traits] != nil
        readiness = checked
        return checked
    }

    /// Forgets what was checked, after the collection turned out to be gone.
    func forget() { readiness = nil }

    private var schema: CollectionSchema {
        embedded(
            CollectionSchema(
                sparse: [Self.sparse: SparseVectorSchema(usesIDF: true)], payloadIndexes: Member.indexes,
                metadata: ["analyser": analyser]))
    }

    /// `schema` with the dense vectors of this embedder, or without any where there is none.
    nonisolated func embedded(_ schema: CollectionSchema) -> CollectionSchema {
        var schema = schema
        let kept = identity.flatMap { identity in
            schema.dense[Self.dense].flatMap { $0.dimension == identity.dimension ? $0 : nil }
        }
        schema.metadata["embedder"] = identity?.name
        schema.metadata["embedder_revision"] = identity?.revision
        schema.metadata["dimension"] = identity.map { String($0.dimension) }
        schema.dense = [:]
        if let identity {
            schema.dense[Self.dense] = kept ?? DenseVectorSchema(dimension: identity.dimension, metric: .cosine)
        }
        return schema
    }

    /// - Throws: `dependency` when another analyser has written the words.
    nonisolated func checkAnalyser(_ found: CollectionSchema) throws {
        guard let written = found.metadata["analyser"], written != analyser else { return }
        throw MemoryError(
            .dependency,
            "the memories were indexed by the analyser \(written), this is \(analyser); run cortex export with the "
                + "version that wrote them, and cortex import into a new directory")
    }

    private func check(_ found: CollectionSchema) throws -> Readiness {
        try checkAnalyser(found)
        guard let identity else {
            return Readiness(
                hasVectors: false, degradedReason: "there is no embedding model: words alone are searched")
        }
        guard let dense = found.dense[Self.dense] else {
            return Readiness(
                hasVectors: false,
                degradedReason: "the memories were stored without a model: words alone are searched; "
                    + "to add vectors run: cortex reembed")
        }
        let written = (found.metadata["embedder"], found.metadata["embedder_revision"], dense.dimension)
        guard written == (identity.name, identity.revision, identity.dimension) else {
            throw MemoryError(
                .dependency,
                "the memories were embedded by \(written.0 ?? "an unknown model") (revision \(written.1 ?? "unknown"), "
                    + "dimension \(written.2)), this is \(identity.name) (revision \(identity.revision), dimension "
                    + "\(identity.dimension)); use the former, or move them to this one: cortex reembed")
        }
        return Readiness(hasVectors: true, degradedReason: nil)
    }
}
