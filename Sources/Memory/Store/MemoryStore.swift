import Embedding
import Files
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
    let telemetry: Telemetry
    let cache: FindCache
    let rateLimiter: RateLimiter
    let spellings = ProjectSpellings()
    /// Makes a backup before a cleanup and answers where it is; nil where there is none to make.
    let backUp: (@Sendable () async throws -> String)?
    /// nil where bytes of deleted memories cannot be removed.
    let eraser: Eraser?
    /// Seals confirmation tokens; another process's tokens do not count here.
    let tokenSecret: String

    /// - Parameters:
    ///   - embedder: nil leaves search by words, and every answer says so.
    ///   - now: Microseconds since 1970 in UTC.
    ///   - random: 64 random bits a call.
    package init(
        points: any PointStore, collection: String = "memories", embedder: (any Embedder)?, lexical: LexicalEncoding,
        settings: MemorySettings = MemorySettings(), now: @escaping @Sendable () -> Int64,
        random: @escaping @Sendable () -> UInt64, backUp: (@Sendable () async throws -> String)? = nil,
        eraser: Eraser? = nil
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
        telemetry = Telemetry(start: now())
        cache = FindCache(limit: settings.cachedResults, life: settings.cachedResultLife)
        rateLimiter = RateLimiter(settings.rateLimits)
        self.backUp = backUp
        self.eraser = eraser
        tokenSecret = clock.token() + clock.token()
    }

    /// Runs `body` with every error in the contract's words.
    func mapped<Value>(_ body: () async throws -> Value) async throws(MemoryError) -> Value {
        do {
            return try await body()
        } catch {
            guard let error = error as? EngineError else { throw MemoryError(mapping: error) }
            switch error.code {
            case .collectionNotFound: await home.forget()
            case .wrongDimension, .unknownVector:
                // Another process has moved the memories to another embedder: the next call says to which.
                await home.forget()
                throw MemoryError(
                    .dependency, "the memories were moved to another embedder meanwhile; try again", isRetryable: true)
            default: break
            }
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
        try await counted(.store, context) { () async throws(MemoryError) in
            let checked = try self.contract.store.read(arguments)
            var request = StoreRequest(checked: checked)
            for i in request.items.indices {
                request.items[i].scope = request.items[i].scope?.resolved(in: context.defaultScope)
            }
            let result = try await self.store(request, context: context)
            return result.json(correlationID: context.correlationID).noting(context.notes + checked.notes)
        }
    }

    /// `memory_find` from arguments as they came to the result as it goes out.
    package func callFind(arguments: JSONObject, context: CallContext) async throws(MemoryError) -> JSONValue {
        try await counted(.find, context) { () async throws(MemoryError) in
            let checked = try self.contract.find.read(arguments)
            let (request, search) = try self.findRequest(checked.members, context)
            let result = try await self.remembered(request, search, context)
            let notes = context.notes + checked.notes + self.notes(on: request)
            return self.answer(result, request, search, context).noting(notes)
        }
    }

    /// The search's result, or the one that the same arguments had where the call allows that and nothing has changed.
    private func remembered(
        _ request: FindRequest, _ search: String, _ context: CallContext
    ) async throws(MemoryError) -> FindResult {
        guard request.allowsCaching, request.asOf == nil,
            let before = try await mapped({ try await self.points.describe(self.collection)?.version })
        else { return try await find(request, context: context) }
        let key = ContentHash.hex(
            of: .array([
                .string(search), .integer(Int64(request.offset.count)), .integer(Int64(request.limit.count)),
                .object(context.defaultScope.json),
            ]))
        let begin = clock.time()
        if let known = cache.result(of: key, at: before, now: begin) {
            return known.again(searchID: clock.token(), duration: .microseconds(max(0, clock.time() &- begin)))
        }
        let result = try await find(request, context: context)
        cache.remember(result, of: key, at: before, now: begin)
        return result
    }

    /// `system_status` from arguments as they came to the result as it goes out.
    package func callStatus(arguments: JSONObject, context: CallContext) async throws(MemoryError) -> JSONValue {
        try await counted(.status, context) { () async throws(MemoryError) in
            let checked = try self.contract.status.read(arguments)
            let answer = try await self.mapped { try await self.status(checked.members, context) }
            let result = JSONValue.object(try self.limited(answer.objectValue ?? [:], checked.members, context))
            return result.noting(context.notes + checked.notes)
        }
    }

    /// Runs a call that the caller's rate allows, and counts it with its time and its error.
    func counted(
        _ tool: Telemetry.Tool, _ context: CallContext, _ body: () async throws(MemoryError) -> JSONValue
    ) async throws(MemoryError) -> JSONValue {
        let begin = clock.time()
        do throws(MemoryError) {
            try rateLimiter.admit(tool, actor: context.actor, at: begin)
            let result = try await body()
            telemetry.count(tool, from: begin, to: clock.time(), nil)
            return result
        } catch {
            telemetry.count(tool, from: begin, to: clock.time(), error.code)
            throw error
        }
    }
}
