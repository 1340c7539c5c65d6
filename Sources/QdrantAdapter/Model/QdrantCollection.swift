import Files
import JSON
import Synchronization
import VectorEngine

/// One open collection: its configuration, its payload indexes and its documents.
final class QdrantCollection: Sendable {
    let name: String
    let store: EmbeddedStore
    private let state: Mutex<State>
    /// Rebuilding waits here for itself.
    let writing = SerialGate()
    /// Requests left by strict mode's limits a minute.
    let reads = RateLimit()
    let writes = RateLimit()

    private struct State {
        var config: CollectionConfig
        /// Definitions of payload indexes by path, as they were asked for.
        var fields: JSONObject
        /// The collection as it was last opened; its payload indexes are those of `fields`.
        var points: PointCollection?
    }

    /// Where words are cut to their stems, by language; a language that is not there keeps its words.
    private let stemmers: Stemmers

    private static let configNote = "qdrant.config"
    private static let fieldsNote = "qdrant.fields"

    private init(name: String, store: EmbeddedStore, config: CollectionConfig, fields: JSONObject, stemmers: Stemmers) {
        self.name = name
        self.store = store
        self.stemmers = stemmers
        state = Mutex(State(config: config, fields: fields))
    }

    /// Opens a collection of the store; nil when there is none of that name.
    static func open(_ name: String, in store: EmbeddedStore, stemmers: Stemmers) async throws -> QdrantCollection? {
        guard let description = try await store.describe(name) else { return nil }
        let notes = try await store.annotations(of: name)
        func members(_ note: String) throws -> JSONObject? {
            try notes[note].flatMap { try JSONParser.parse($0).objectValue }
        }
        let config = try members(configNote).map(CollectionConfig.init(members:))
        return QdrantCollection(
            name: name, store: store, config: try config ?? CollectionConfig(schema: description.schema),
            fields: try members(fieldsNote) ?? [:], stemmers: stemmers)
    }

    static func create(
        _ name: String, _ config: CollectionConfig, in store: EmbeddedStore, stemmers: Stemmers
    ) async throws -> QdrantCollection {
        try await store.createCollection(name, schema: config.schema)
        try await store.annotate(name, configNote, JSONWriter.text(.object(config.members)))
        return QdrantCollection(name: name, store: store, config: config, fields: [:], stemmers: stemmers)
    }

    // MARK: Configuration

    var config: CollectionConfig { state.withLock { $0.config } }
    var fields: JSONObject { state.withLock { $0.fields } }

    func setConfig(_ config: CollectionConfig) async throws {
        try await store.annotate(name, Self.configNote, JSONWriter.text(.object(config.members)))
        state.withLock { $0.config = config }
    }

    /// Makes the index of a payload field, or (with nil) drops it.
    func setField(_ path: PayloadPath, _ schema: JSONValue?) async throws {
        _ = try schema.map { try FieldSchema.definition($0, stemmers) }
        var fields = fields
        fields[path.description] = schema
        try await store.annotate(name, Self.fieldsNote, JSONWriter.text(.object(fields)))
        state.withLock { $0.fields = fields }
        let points = try await points
        let definitions = try definitions(of: fields)
        try await EmbeddedStore.blocking { try points.setFields(definitions, replacing: [path]) }
    }

    func field(_ path: PayloadPath) -> PayloadIndexKind? {
        state.withLock { $0.fields[path.description] }.flatMap(FieldSchema.kind)
    }

    // MARK: Points

    /// The collection in the engine, with its payload indexes and with its payloads in memory.
    var points: PointCollection {
        get async throws {
            let opened = try await store.openCollection(name)
            let (known, fields) = state.withLock { ($0.points, $0.fields) }
            if known === opened { return opened }
            let definitions = try definitions(of: fields)
            try await EmbeddedStore.blocking {
                try opened.setFields(definitions)
                try opened.keepContents()
            }
            state.withLock { $0.points = opened }
            return opened
        }
    }

    /// The analysers of its text indexes.
    var analyzers: [PayloadPath: TextAnalyzer] {
        get throws { try definitions(of: fields).compactMapValues(\.analyzer) }
    }

    private func definitions(of fields: JSONObject) throws -> [PayloadPath: PayloadIndexDefinition] {
        var definitions: [PayloadPath: PayloadIndexDefinition] = [:]
        for (path, schema) in fields {
            definitions[try WirePath.read(path)] = try FieldSchema.definition(schema, stemmers)
        }
        return definitions
    }

    /// Runs `body` on one view of the collection, off the cooperative pool.
    func read<Result: Sendable>(
        _ body: @escaping @Sendable (CollectionView) throws -> Result
    ) async throws -> Result {
        let points = try await points
        return try await EmbeddedStore.blocking { try points.reading(body) }
    }
}

/// So many requests a minute, evenly.
final class RateLimit: Sendable {
    private let bucket: Mutex<TokenBucket?> = Mutex(nil)

    /// - Throws: 429 with the seconds to wait when `perMinute` requests have come in the last minute.
    func take(_ perMinute: Int?, _ what: String) throws(QdrantFailure) {
        guard let perMinute, perMinute > 0 else { return }
        let most = Double(perMinute)
        let now = SteadyClock.microseconds()
        let waitSeconds = bucket.withLock { bucket -> Double? in
            var filled = bucket ?? TokenBucket(most: most, at: now)
            defer { bucket = filled }
            return filled.take(perMinute: most, most: most, at: now)
        }
        guard let waitSeconds else { return }
        throw QdrantFailure(
            429, "Rate limiting exceeded: \(what) rate limit exceeded, retry later",
            retryAfterSeconds: max(1, Int(saturating: waitSeconds.rounded(.up))))
    }
}
