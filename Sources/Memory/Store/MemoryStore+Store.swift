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
                try Task.checkCancellation()
                var batch = try await self.decided(request, readiness, context)
                let decided = self.clock.time()
                let degradedReason = try await self.write(&batch, readiness, context)
                self.addInsights(&batch)
                let end = self.clock.time()
                var result = StoreResult(
                    items: batch.results, batchID: self.clock.token(),
                    duration: .microseconds(max(0, end &- begin)),
                    embedder: degradedReason == nil ? self.embedder?.identity.name : nil,
                    degradedReason: degradedReason, showsSummary: request.returnsSummary)
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

    private func decided(
        _ request: StoreRequest, _ readiness: MemoryCollection.Readiness, _ context: CallContext
    ) async throws -> StoreBatch {
        var batch = StoreBatch(request: request, context: context, settings: settings)
        let now = clock.time()
        batch.truncate()
        let hashes = batch.request.items.map(MemoryRecord.contentHash)
        try await lookUpReplays(&batch)
        try await lookUpCopies(hashes, now: now, &batch)
        try await lookUpNeighbours(hashes, now: now, readiness, &batch)
        for (i, item) in batch.request.items.enumerated() {
            if let replayed = batch.replay(of: item, at: i) {
                batch.results.append(replayed)
                continue
            }
            var result = batch.checked(item, at: i, now: now)
            if result.status == .invalid {
                batch.results.append(result)
                continue
            }
            let copy = batch.copy(of: item, hash: hashes[i], now: now)
            if let rule = try await brokenRule(item, at: i, copy: copy, in: batch, now: now) {
                result.status = .blocked
                result.error = rule
                batch.results.append(result)
                continue
            }
            let stamp = clock.stamp()
            if let copy {
                batch.merge(item, into: copy, stamp: stamp, result)
            } else if let near = batch.nearCopy(of: item, at: i, lexical.terms) {
                batch.merge(item, into: near, stamp: stamp, result)
            } else {
                try await noteContradictions(of: item, at: i, &batch, now: now)
                batch.add(item, hash: hashes[i], stamp: stamp, id: clock.id(stamp: stamp), result)
            }
        }
        return batch
    }

    private func lookUpReplays(_ batch: inout StoreBatch) async throws {
        let keys = Set(batch.request.items.compactMap { batch.replayKey(of: $0) })
        guard !keys.isEmpty else { return }
        let filter = Filter(must: [.match(member: Member.idempotencyKeys, anyOf: keys.map { .keyword($0) })])
        for point in try await everyPoint(filter) {
            for (key, answer) in try MemoryRecord(point).idempotency {
                batch.replays[key] = answer.objectValue
            }
        }
    }

    private func lookUpCopies(_ hashes: [String], now: Int64, _ batch: inout StoreBatch) async throws {
        guard batch.request.deduplication.isEnabled else { return }
        var must: [Condition] = [
            .match(member: Member.contentHash, anyOf: Set(hashes).map { .keyword($0) }), Narrowing.alive(at: now),
        ]
        if !batch.request.deduplication.crossesScopes {
            let scopes = Set(batch.request.items.map { batch.scope(of: $0).hash })
            must.append(.match(member: Member.scopeHash, anyOf: scopes.map { .keyword($0) }))
        }
        for point in try await everyPoint(Filter(must: must)) {
            let record = try MemoryRecord(point)
            batch.copies[text: record.contentHash, default: []].append(record)
        }
    }

    /// All points that pass `filter`, oldest first, page by page.
    func everyPoint(
        _ filter: Filter, limit: Int = .max, parts: PointParts = .payload, in other: String? = nil
    ) async throws -> [Point] {
        var points: [Point] = []
        var start: PointID?
        repeat {
            let page = try await self.points.scroll(
                ScrollRequest(filter: filter, limit: 256, startAt: start, parts: parts), in: other ?? collection)
            points += page.points
            start = page.next
        } while start != nil && points.count < limit
        return points
    }
}
