import Embedding
import JSON
import VectorEngine

/// Storing: check, replay, dedupe, rules, context, encode, and one upsert for the whole call.
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
                var batch = try await self.decided(request, context)
                let degradedReason = try await self.write(&batch, readiness, context)
                return StoreResult(
                    items: batch.results, batchID: self.clock.token(),
                    duration: .microseconds(max(0, self.clock.time() &- begin)),
                    embedder: degradedReason == nil ? self.embedder?.identity.name : nil,
                    degradedReason: degradedReason, showsSummary: request.returnsSummary)
            }
        }
    }

    // MARK: Deciding

    private func decided(_ request: StoreRequest, _ context: CallContext) async throws -> StoreBatch {
        var batch = StoreBatch(request: request, context: context, settings: settings)
        let now = clock.time()
        let hashes = request.items.map(MemoryRecord.contentHash)
        try await lookUpReplays(&batch)
        try await lookUpCopies(hashes, now: now, &batch)
        for (i, item) in request.items.enumerated() {
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
            } else {
                batch.add(item, hash: hashes[i], stamp: stamp, id: clock.id(stamp: stamp), result)
            }
        }
        return batch
    }

    private func lookUpReplays(_ batch: inout StoreBatch) async throws {
        let keys = Set(batch.request.items.compactMap { batch.replayKey(of: $0) })
        guard !keys.isEmpty else { return }
        let filter = Filter(must: [.match(path: Member.idempotencyKeys, anyOf: keys.map { .keyword($0) })])
        for point in try await everyPoint(filter) {
            for (key, answer) in try MemoryRecord(point).idempotency {
                batch.replays[key] = answer.objectValue
            }
        }
    }

    private func lookUpCopies(_ hashes: [String], now: Int64, _ batch: inout StoreBatch) async throws {
        guard batch.request.deduplication.isEnabled else { return }
        var must: [Condition] = [
            .match(path: Member.contentHash, anyOf: Set(hashes).map { .keyword($0) }), Narrowing.alive(at: now),
        ]
        if !batch.request.deduplication.crossesScopes {
            let scopes = Set(batch.request.items.map { batch.scope(of: $0).hash })
            must.append(.match(path: Member.scopeHash, anyOf: scopes.map { .keyword($0) }))
        }
        for point in try await everyPoint(Filter(must: must)) {
            let record = try MemoryRecord(point)
            batch.copies[record.contentHash, default: []].append(record)
        }
    }

    /// All points that pass `filter`, oldest first, page by page.
    func everyPoint(_ filter: Filter, limit: Int = .max, parts: PointParts = .payload) async throws -> [Point] {
        var points: [Point] = []
        var start: PointID?
        repeat {
            let page = try await self.points.scroll(
                ScrollRequest(filter: filter, limit: 256, startAt: start, parts: parts), in: collection)
            points += page.points
            start = page.next
        } while start != nil && points.count < limit
        return points
    }

    // MARK: Writing

    /// Encodes and writes; answers why there are no vectors, nil when there are.
    private func write(
        _ batch: inout StoreBatch, _ readiness: MemoryCollection.Readiness, _ context: CallContext
    ) async throws -> String? {
        let conversations = try await addContext(&batch)
        let total = batch.results.count
        context.progress?(0, total, "embedding")
        let (vectors, degradedReason) = try await denseVectors(batch.additions, readiness)
        let sparse = try await sparseVectors(&batch.additions)
        try Task.checkCancellation()
        let points = batch.additions.indices.flatMap { i in
            Self.points(of: batch.additions[i], dense: vectors?[i] ?? [], sparse: sparse[i])
        }
        if !points.isEmpty { try await self.points.upsert(points, in: collection) }
        for (id, members) in batch.changes {
            try await self.points.mergePayload(Payload(members), of: .ids([.uuid(id)]), in: collection)
            guard batch.changedWithChunks.contains(id) else { continue }
            let chunks = Filter(must: [Chunk.of([.uuid(id)])])
            try await self.points.mergePayload(Payload(Chunk.shared(members)), of: .filter(chunks), in: collection)
        }
        lengths.add(batch.additions.map(\.record.length))
        for (conversation, items) in conversations { recent.remember(items, of: conversation) }
        context.progress?(total, total, "stored")
        return degradedReason
    }

    /// The memory's point, and one for each of its chunks.
    private static func points(
        of addition: StoreBatch.Addition, dense: [[Float]], sparse: SparseVector
    ) -> [Point] {
        var named = PointVectors()
        if let first = dense.first { named.dense[MemoryCollection.dense] = first }
        if sparse.count > 0 { named.sparse[MemoryCollection.sparse] = sparse }
        let record = addition.record
        var points = [Point(id: .uuid(record.id), vectors: named, payload: Payload(record.payload))]
        for (k, range) in addition.chunks.enumerated() {
            var named = PointVectors()
            if k + 1 < dense.count { named.dense[MemoryCollection.dense] = dense[k + 1] }
            points.append(
                Point(
                    id: .uuid(Chunk.id(k + 1, of: record.id)), vectors: named,
                    payload: Payload(Chunk.payload(of: record, at: range))))
        }
        return points
    }

    /// Gives every new item the two before it in its conversation and the one after it; answers how the conversations end.
    private func addContext(_ batch: inout StoreBatch) async throws -> [Conversation: [RecentItem]] {
        var conversations: [Conversation: [RecentItem]] = [:]
        var last: [Conversation: Int] = [:]
        let now = clock.time()
        for i in batch.additions.indices {
            let record = batch.additions[i].record
            let conversation = Conversation(scopeHash: record.scope.hash, session: record.source.session)
            var before: [RecentItem]
            guard settings.usesContext, settings.contextWithoutSession || conversation.session != nil else { continue }
            if let known = conversations[conversation] {
                before = known
            } else {
                before = try await lastItems(of: conversation, now: now)
            }
            batch.additions[i].before = before
            before.insert(recentItem(record), at: 0)
            if let j = last.updateValue(i, forKey: conversation) { batch.additions[j].next = before[0].text }
            conversations[conversation] = Array(before.prefix(2))
        }
        return conversations
    }

    /// For each new item normalise(e(text) + e(previous + text)) and e(chunk) for its chunks, all texts in one call of
    /// the embedder.
    private func denseVectors(
        _ additions: [StoreBatch.Addition], _ readiness: MemoryCollection.Readiness
    ) async throws -> (vectors: [[[Float]]]?, degradedReason: String?) {
        guard readiness.hasVectors, let embedder else { return (nil, readiness.degradedReason) }
        guard !additions.isEmpty else { return ([], nil) }
        let texts = additions.map(\.record.text)
        let pairs = additions.indices.compactMap { i in
            additions[i].before.first.map { (i, $0.text + "\n" + texts[i]) }
        }
        let chunks = additions.map(\.chunkTexts)
        let embedded: [[Float]]
        do {
            embedded = try await embedder.embed(texts + pairs.map(\.1) + chunks.flatMap { $0 })
        } catch let error as EmbeddingError where error.code != .cancelled {
            return (nil, "the items are stored without vectors, because \(error.message); run: cortex reembed")
        }
        guard embedded.count == texts.count + pairs.count + chunks.reduce(0, { $0 + $1.count }) else {
            throw MemoryError(.dependency, "the embedder answered with another number of vectors than it was asked for")
        }
        var vectors = embedded.prefix(texts.count).map { [$0] }
        for (k, (i, _)) in pairs.enumerated() {
            vectors[i][0] = Self.normalisedSum(vectors[i][0], embedded[texts.count + k])
        }
        var next = texts.count + pairs.count
        for (i, texts) in chunks.enumerated() {
            vectors[i] += embedded[next..<next + texts.count]
            next += texts.count
        }
        return (vectors, nil)
    }

    /// The unit vector in the direction of `a + b`; `a` where they cancel each other out.
    static func normalisedSum(_ a: [Float], _ b: [Float]) -> [Float] {
        let sum = zip(a, b).map { $0 + $1 }
        let norm = sum.reduce(into: Float(0)) { $0 += $1 * $1 }.squareRoot()
        return norm > 1e-6 && norm.isFinite ? sum.map { $0 / norm } : a
    }

    private func sparseVectors(_ additions: inout [StoreBatch.Addition]) async throws -> [SparseVector] {
        guard !additions.isEmpty else { return [] }
        let fields = additions.map { addition in
            var fields = addition.record.lexicalFields
            fields.previous = addition.before.first?.text ?? ""
            fields.beforePrevious = addition.before.dropFirst().first?.text ?? ""
            fields.next = addition.next
            fields.previousLength = addition.before.first?.length ?? 0
            fields.beforePreviousLength = addition.before.dropFirst().first?.length ?? 0
            return fields
        }
        let average = try await averageLength(encoding: fields)
        return additions.indices.map { i in
            let (vector, length) = lexical.encodeItem(fields[i], average)
            additions[i].record.length = length
            additions[i].record.actorTerms = Array(Set(lexical.terms(fields[i].author))).sorted()
            additions[i].record.traits = Trait.all(of: additions[i].record, length: length)
            return vector
        }
    }
}
