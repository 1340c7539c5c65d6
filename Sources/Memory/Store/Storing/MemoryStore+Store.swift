import Embedding
import JSON
import VectorEngine

/// Storing: cut, replay, check, dedupe, rules; then context, encode, and one upsert for the whole call.
extension MemoryStore {
    /// Keeps the items of `request`. An id in the result is on disk.
    ///
    /// - Throws: When nothing was stored, whatever the reason; a single item's fault is in its result instead.
    package func store(_ request: StoreRequest, context: CallContext) async throws(MemoryError) -> StoreResult {
        let begin = clock.time()
        return try await mapped {
            guard (1...self.settings.maximumBatch).contains(request.items.count) else {
                throw MemoryError(
                    .outOfRange, "one call stores 1 to \(self.settings.maximumBatch) items", field: "items")
            }
            let readiness = try await self.home.ready()
            return try await self.gate.pass {
                var batch = StoreBatch(request: request, context: context, settings: self.settings)
                var known = KnownVectors()
                var decided: Int64 = 0
                for attempt in 1... {
                    try Task.checkCancellation()
                    batch = StoreBatch(request: request, context: context, settings: self.settings)
                    try await self.decide(&batch, readiness, &known)
                    decided = self.clock.time()
                    do {
                        try await self.write(&batch, readiness, context)
                        break
                    } catch let error as EngineError where error.code == .preconditionFailed {
                        // Another process has stored or changed one of these memories since it was read here.
                        guard attempt < self.settings.storeAttempts else { throw error }
                    }
                }
                self.addInsights(&batch)
                let end = self.clock.time()
                var result = StoreResult(
                    items: batch.results, batchID: self.clock.token(),
                    duration: .microseconds(max(0, end &- begin)),
                    embedder: batch.degradedReason == nil ? self.embedder?.identity.name : nil,
                    degradedReason: batch.degradedReason, showsSummary: request.returnsSummary)
                result.checkedCount = batch.checkedCount
                result.contradictions = batch.contradictions
                if request.includesMetrics {
                    result.steps["deciding_ms"] = .number(Duration.microseconds(decided &- begin).milliseconds)
                    result.steps["writing_ms"] = .number(Duration.microseconds(end &- decided).milliseconds)
                }
                return result
            }
        }
    }

    // MARK: Deciding

    private func decide(
        _ batch: inout StoreBatch, _ readiness: MemoryCollection.Readiness, _ known: inout KnownVectors
    ) async throws {
        let now = clock.time()
        batch.truncate()
        for scope in Set(batch.request.items.map { $0.scope ?? batch.context.defaultScope }) {
            batch.settledScopes[scope] = try await settled(scope)
        }
        let hashes = batch.request.items.map(MemoryRecord.contentHash)
        try await lookUpReplays(&batch, now: now)
        try await lookUpCopies(hashes, &batch)
        try await lookUpParts(&batch)
        try await plan(&batch, hashes, now: now)
        try await embed(&batch, readiness, &known)
        try await lookUpNeighbours(now: now, &batch)
        for i in batch.request.items.indices { try await decide(i, hashes[i], now: now, &batch) }
    }

    private func decide(_ i: Int, _ hash: String, now: Int64, _ batch: inout StoreBatch) async throws {
        let item = batch.request.items[i]
        if let replayed = batch.replay(of: item, at: i) {
            batch.results.append(replayed)
            return
        }
        var result = batch.checked(item, at: i, now: now)
        if result.status == .invalid {
            batch.results.append(result)
            return
        }
        if let part = batch.storedPart(of: item, now: now) {
            batch.pass(item, for: part, result)
            return
        }
        let copy = batch.copy(of: item, hash: hash, now: now)
        if let rule = try await brokenRule(item, at: i, copy: copy, in: batch, now: now) {
            result.status = .blocked
            result.error = rule
            batch.results.append(result)
            return
        }
        if let copy {
            batch.skip(item, asCopyOf: copy, stamp: clock.stamp(), result)
            return
        }
        let near = batch.request.deduplication.isEnabled ? batch.comparisons(of: item, at: i) : []
        let scope = batch.scope(of: item)
        if let copy = near.first(where: { $0.record.contentHash == hash && $0.record.scope == scope })?.record {
            // Another process has stored it since copies were looked up.
            batch.skip(item, asCopyOf: copy, stamp: clock.stamp(), result)
            return
        }
        if let copy = batch.nearCopy(of: item, among: near),
            let strategy = batch.request.deduplication.nearStrategy(hasSameWording: copy.hasSameWording)
        {
            batch.merge(item, into: copy, by: strategy, stamp: clock.stamp(), result)
            return
        }
        result.similar = batch.resembling(near)
        try await noteContradictions(of: item, at: i, among: near, &batch, now: now)
        batch.add(item, hash: hash, result, now: now)
    }

    private func lookUpReplays(_ batch: inout StoreBatch, now: Int64) async throws {
        let keys = Set(batch.request.items.compactMap { batch.replayKey(of: $0) })
        guard !keys.isEmpty else { return }
        let filter = Filter(must: [.match(member: Member.idempotencyKeys, anyOf: keys.map { .keyword($0) })])
        for point in try await everyPoint(filter) {
            let record = try MemoryRecord(point)
            if record.isExpired(at: now) {
                batch.expiredKeyHolders.insert(record.id)
                continue
            }
            for (key, answer) in record.idempotency {
                batch.replays[key] = answer.objectValue
            }
        }
    }

    /// Stored items with the text of one of the batch, expired ones too.
    private func lookUpCopies(_ hashes: [String], _ batch: inout StoreBatch) async throws {
        guard batch.request.deduplication.isEnabled else { return }
        // Earlier versions hashed the text as it was written.
        let plain = batch.request.items.map { MemoryRecord.plainHash($0.kind, $0.content, $0.data) }
        var must: [Condition] = [
            .match(member: Member.contentHash, anyOf: Set(hashes + plain).map { .keyword($0) }), Chunk.excluded,
        ]
        if !batch.request.deduplication.crossesScopes {
            let scopes = Set(batch.request.items.map { batch.scope(of: $0).hash })
            must.append(.match(member: Member.scopeHash, anyOf: scopes.map { .keyword($0) }))
        }
        for point in try await everyPoint(Filter(must: must)) {
            let record = try MemoryRecord(point)
            batch.copies[text: MemoryRecord.contentHash(record.kind, record.content, record.data), default: []]
                .append(record)
        }
    }

    /// Memories of the documents' parts that the batch has, expired ones too.
    private func lookUpParts(_ batch: inout StoreBatch) async throws {
        let keys = Set(batch.request.items.compactMap { batch.partKey(of: $0) })
        guard !keys.isEmpty else { return }
        let filter = Filter(must: [.match(member: Member.uniqueKey, anyOf: keys.map { .keyword($0) })])
        for point in try await everyPoint(filter) {
            let record = try MemoryRecord(point)
            batch.parts[record.uniqueKey] = record
        }
    }

    /// All points that pass `filter`, oldest first, page by page.
    func everyPoint(
        _ filter: Filter, limit: Int = .max, parts: PointParts = .payload, in other: String? = nil
    ) async throws -> [Point] {
        var points: [Point] = []
        var start: PointID?
        repeat {
            let page = try await self.points.readablePage(
                ScrollRequest(filter: filter, limit: 256, startAt: start, parts: parts), in: other ?? collection)
            points += page.points
            start = page.next
        } while start != nil && points.count < limit
        return points
    }
}
