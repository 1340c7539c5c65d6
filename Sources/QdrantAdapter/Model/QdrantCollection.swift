import Files
import JSON
import Synchronization
import VectorEngine

/// One open collection: its configuration, its payload indexes and its documents.
final class QdrantCollection: Sendable {
    let name: String
    let store: EmbeddedStore
    private let state: Mutex<State>
    /// Requests left by strict mode's limits a minute.
    let reads = RateLimit()
    let writes = RateLimit()

    fileprivate struct State {
        /// What the following two were read from.
        var definition: CollectionDefinition
        var config: CollectionConfig
        /// Definitions of payload indexes by path, as they were asked for.
        var fields: JSONObject
        /// The collection as it was last opened; its payload indexes are those of `fields`.
        var points: PointCollection?
    }

    /// Where words are cut to their stems, by language; a language that is not there keeps its words.
    private let stemmers: Stemmers

    fileprivate static let configNote = "qdrant.config"
    fileprivate static let fieldsNote = "qdrant.fields"

    private init(name: String, store: EmbeddedStore, state: State, stemmers: Stemmers) {
        self.name = name
        self.store = store
        self.stemmers = stemmers
        self.state = Mutex(state)
    }

    /// Opens a collection of the store; nil when there is none of that name.
    static func open(_ name: String, in store: EmbeddedStore, stemmers: Stemmers) async throws -> QdrantCollection? {
        let definition: CollectionDefinition
        do {
            definition = try await store.definition(of: name)
        } catch let error as EngineError where error.code == .collectionNotFound {
            return nil
        }
        return QdrantCollection(name: name, store: store, state: try State(definition), stemmers: stemmers)
    }

    /// What a new collection of that configuration is.
    static func definition(_ config: CollectionConfig) -> CollectionDefinition {
        CollectionDefinition(
            schema: config.schema, notes: [configNote: JSONWriter.text(.object(config.members))])
    }

    // MARK: Configuration

    var config: CollectionConfig { state.withLock { $0.config } }
    var fields: JSONObject { state.withLock { $0.fields } }

    /// Takes over what another process, or another request, has made of the collection since it was last looked at.
    func refresh() async throws {
        try await take(try await store.definition(of: name))
    }

    private func take(_ definition: CollectionDefinition) async throws {
        guard state.withLock({ $0.definition != definition }) else { return }
        let read = try State(definition)
        let (old, points) = state.withLock { state in
            defer {
                let points = state.points
                state = read
                state.points = points
            }
            return (state.fields, state.points)
        }
        let paths = Set((old.map(\.key) + read.fields.map(\.key)).map { ByteText($0) }).map(\.text)
        let changed = try paths.filter { old[$0] != read.fields[$0] }.map { try WirePath.stored($0) }
        guard let points, !changed.isEmpty else { return }
        let definitions = try definitions(of: read.fields)
        try await EmbeddedStore.blocking { try points.setFields(definitions, replacing: Set(changed)) }
    }

    /// Changes the configuration and the schema that goes with it in one transaction; `change` gets the newest of both.
    func configure(
        _ change: @escaping @Sendable (CollectionConfig, inout CollectionSchema) throws -> CollectionConfig
    ) async throws {
        let definition = try await store.redefine(name) { definition in
            let config = try change(try State(definition).config, &definition.schema)
            definition.notes[Self.configNote] = JSONWriter.text(.object(config.members))
        }
        try await take(definition)
    }

    /// Makes the index of a payload field, or (with nil) drops it. `check` gets the fields that have one.
    func setField(
        _ path: PayloadPath, _ schema: JSONValue?, check: @escaping @Sendable (JSONObject) throws -> Void = { _ in }
    ) async throws {
        // Refuses a description that cannot be read.
        _ = try schema.map { try FieldSchema.definition($0, stemmers) }
        let definition = try await store.redefine(name) { definition in
            var fields = try State(definition).fields
            try check(fields)
            fields[path.description] = schema
            definition.notes[Self.fieldsNote] = JSONWriter.text(.object(fields))
        }
        try await take(definition)
        _ = try await points
    }

    func field(_ path: PayloadPath) -> PayloadIndexKind? {
        state.withLock { $0.fields[path.description] }.flatMap(FieldSchema.kind)
    }

    // MARK: Points

    /// The collection in the engine, with its payload indexes and with its payloads in memory.
    var points: PointCollection {
        get async throws {
            let opened = try await store.openCollection(name)
            let known = state.withLock { $0.points }
            if known === opened { return opened }
            // A collection that was made again under this name may have other indexes than the one described here.
            state.withLock { state in
                if state.points === known { state.points = nil }
            }
            try await refresh()
            let definitions = try definitions(of: fields)
            try await EmbeddedStore.blocking {
                try opened.setFields(definitions)
                try opened.keepContents()
            }
            state.withLock { $0.points = opened }
            return opened
        }
    }

    /// Its payload indexes.
    var indexes: [PayloadPath: PayloadIndexDefinition] {
        get throws { try definitions(of: fields) }
    }

    private func definitions(of fields: JSONObject) throws -> [PayloadPath: PayloadIndexDefinition] {
        var definitions: [PayloadPath: PayloadIndexDefinition] = [:]
        for (path, schema) in fields {
            definitions[try WirePath.stored(path)] = try FieldSchema.definition(schema, stemmers)
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

extension QdrantCollection.State {
    /// Reads the notes of a collection.
    fileprivate init(_ definition: CollectionDefinition) throws {
        func members(_ note: String) throws -> JSONObject? {
            try definition.notes[note].flatMap { try JSONParser.parse($0).objectValue }
        }
        self.definition = definition
        let config = try members(QdrantCollection.configNote).map(CollectionConfig.init(members:))
        self.config = try config ?? CollectionConfig(schema: definition.schema)
        fields = try members(QdrantCollection.fieldsNote) ?? [:]
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
