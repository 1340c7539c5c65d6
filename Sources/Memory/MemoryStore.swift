import Embedding
import JSON
import VectorEngine

/// The memory of an agent: store, find and look after memories kept in one collection of a point store.
///
/// Time and randomness are handed in. Calls may come from many tasks at once; stores of one process take turns, so that
/// two copies of one item cannot pass each other. Several processes may use the same point store.
package final class MemoryStore: Sendable {
    package let settings: MemorySettings
    package let contract: MemoryContract
    let points: any PointStore
    let collection: String
    let embedder: (any Embedder)?
    let lexical: LexicalEncoding
    let clock: MemoryClock
    let home: MemoryCollection
    let gate = SerialGate()
    let recent: RecentItems
    let lengths: LengthEstimate
    /// Seals confirmation tokens; another process's tokens do not count here.
    let tokenSecret: String

    /// - Parameters:
    ///   - embedder: nil leaves search by words, and every answer says so.
    ///   - now: Microseconds since 1970 in UTC.
    ///   - random: 64 random bits a call.
    package init(
        points: any PointStore, collection: String = "memories", embedder: (any Embedder)?, lexical: LexicalEncoding,
        settings: MemorySettings = MemorySettings(), now: @escaping @Sendable () -> Int64,
        random: @escaping @Sendable () -> UInt64
    ) {
        self.points = points
        self.collection = collection
        self.embedder = embedder
        self.lexical = lexical
        self.settings = settings
        contract = MemoryContract(settings)
        clock = MemoryClock(now: now, random: random)
        home = MemoryCollection(
            points: points, name: collection, identity: embedder?.identity, analyser: lexical.identity)
        recent = RecentItems(limit: settings.rememberedSessions)
        lengths = LengthEstimate(sampleSize: settings.lengthSample)
        tokenSecret = clock.token() + clock.token()
    }

    /// Runs `body` with every error in the contract's words.
    func mapped<Value>(_ body: () async throws -> Value) async throws(MemoryError) -> Value {
        do {
            return try await body()
        } catch {
            if let error = error as? EngineError, error.code == .collectionNotFound { await home.forget() }
            throw MemoryError(mapping: error)
        }
    }

    /// The memories with these ids that are there and have not expired, in the order asked.
    package func get(_ ids: [UUIDBytes]) async throws(MemoryError) -> [JSONObject] {
        try await mapped { try await self.records(ids).map { $0.json() } }
    }

    func records(_ ids: [UUIDBytes]) async throws -> [MemoryRecord] {
        _ = try await home.ready()
        let now = clock.time()
        return try await points.retrieve(
            ids.filter { !Chunk.isChunk($0) }.map { .uuid($0) }, with: .payload, in: collection
        )
        .map { try MemoryRecord($0) }.filter { !$0.isExpired(at: now) }
    }
}

// MARK: Calls as JSON

extension MemoryStore {
    /// `memory_store` from arguments as they came to the result as it goes out.
    package func callStore(arguments: JSONObject, context: CallContext) async throws(MemoryError) -> JSONValue {
        let request = StoreRequest(checked: try contract.store.checked(arguments))
        return try await store(request, context: context).json(correlationID: context.correlationID)
    }

    /// `memory_find` from arguments as they came to the result as it goes out.
    package func callFind(arguments: JSONObject, context: CallContext) async throws(MemoryError) -> JSONValue {
        let request = FindRequest(checked: try contract.find.checked(arguments))
        return try await find(request, context: context).json(request)
    }

    /// `system_status` from arguments as they came to the result as it goes out.
    package func callStatus(arguments: JSONObject, context: CallContext) async throws(MemoryError) -> JSONValue {
        let checked = try contract.status.checked(arguments)
        return try await mapped { try await self.status(checked) }
    }
}
