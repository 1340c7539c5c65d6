import Embedding
import JSON
import VectorEngine

/// Writing what was decided: context, vectors, the former versions, and one batch.
extension MemoryStore {
    /// Encodes and writes.
    ///
    /// - Throws: `preconditionFailed`, writing nothing, when another process has changed what this call decided about.
    func write(
        _ batch: inout StoreBatch, _ readiness: MemoryCollection.Readiness, _ context: CallContext
    ) async throws {
        var conversations = try await addContext(&batch)
        let total = batch.results.count
        context.progress?(0, total, "embedding")
        let vectors = try await denseVectors(&batch, readiness)
        // The embedder has failed again: what is stored stays as it is.
        if batch.reason == .embedding, batch.degradedReason != nil { return }
        for i in vectors.indices where !vectors[i].isEmpty { batch.additions[i].record.isEmbeddingPending = false }
        Self.addVectors(to: &conversations, &batch.additions)
        let sparse = try await sparseVectors(&batch.additions)
        try Task.checkCancellation()
        try await keepVersions(&batch)
        let writes = writes(of: batch, vectors, sparse)
        do {
            if !writes.isEmpty { try await self.points.apply(writes, in: collection) }
        } catch let error as EngineError where error.code == .preconditionFailed {
            try await withdrawVersions(of: batch)
            throw error
        }
        lengths.add(batch.additions.map(\.record.length))
        for (conversation, items) in conversations { recent.remember(items, of: conversation) }
        context.progress?(total, total, "stored")
    }

    /// One batch, so that a memory and its chunks are written together or not at all, and beside no copy.
    private func writes(
        of batch: StoreBatch, _ dense: [[[Float]]], _ sparse: [SparseVector]
    ) -> [PointWrite] {
        var writes: [PointWrite] = []
        if !batch.expiredCopies.isEmpty {
            let ids = batch.expiredCopies.map { PointID.uuid($0) }
            writes.append(.mergePayload(Payload([Member.uniqueKey: .null]), of: .ids(ids)))
        }
        if !batch.expiredKeyHolders.isEmpty {
            let ids = batch.expiredKeyHolders.map { PointID.uuid($0) }
            let none: JSONObject = [Member.idempotencyKeys: .null, Member.idempotencyResults: .null]
            writes.append(.mergePayload(Payload(none), of: .ids(ids)))
        }
        var inserted: [Point] = []
        var parts: [Point] = []
        for i in batch.additions.indices {
            var addition = batch.additions[i]
            if let replaced = addition.replaced { addition.record.revision = replaced.nextRevision }
            let points = Self.points(of: addition, dense: dense[i], sparse: sparse[i])
            if let replaced = batch.additions[i].replaced {
                writes.append(.upsert(Array(points.prefix(1)), if: .matches(Self.unchanged(replaced))))
                if points.count > 1 { writes.append(.upsert(Array(points.dropFirst()))) }
            } else if batch.additions[i].record.isPart {
                parts += points
            } else {
                inserted += points
            }
        }
        func insert(_ points: [Point], keyed: Bool) {
            guard !points.isEmpty else { return }
            let members = (keyed ? [Member.uniqueKey] : []) + [Member.idempotencyKeys]
            let unique = PointWrite.Precondition.unique(members.map { PayloadPath(known: $0) })
            writes.append(.upsert(points, if: batch.isImport ? nil : unique))
        }
        // Copies that were asked for share their keys; a document's part has one memory.
        insert(inserted, keyed: batch.request.deduplication.isEnabled)
        insert(parts, keyed: true)
        let superfluous = batch.additions.flatMap(\.superfluousChunks)
        if !superfluous.isEmpty { writes.append(.delete(.ids(superfluous))) }
        for (id, members) in batch.changes {
            let former = batch.changedFrom[id]
            let condition = former.map { PointWrite.Precondition.matches(Self.unchanged($0)) }
            var members = members
            members[Member.revision] = former.map { .integer($0.nextRevision) }
            writes.append(.mergePayload(Payload(members), of: .ids([.uuid(id)]), if: condition))
            guard batch.changedWithChunks.contains(id) else { continue }
            let chunks = Filter(must: [Chunk.of([.uuid(id)])])
            writes.append(.mergePayload(Payload(Chunk.shared(members)), of: .filter(chunks)))
        }
        return writes
    }

    /// Whether a stored record is still the one that was read: every write of a memory moves its revision on, so that
    /// of two writers who read the same one the second is refused.
    static func unchanged(_ record: MemoryRecord) -> Filter {
        func equals(_ member: String, _ value: Int64) -> Condition {
            .range(member: member, NumericRange(atLeast: .integer(value), atMost: .integer(value)))
        }
        // Earlier versions wrote no revision and moved the moment of the change alone.
        let revision: Condition =
            record.revision == 0 ? .isEmpty(member: Member.revision) : equals(Member.revision, record.revision)
        return Filter(must: [equals(Member.updatedAt, record.updatedAt), revision])
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

    /// The vectors of each addition; those that were not known when it was decided are computed in one call.
    private func denseVectors(
        _ batch: inout StoreBatch, _ readiness: MemoryCollection.Readiness
    ) async throws -> [[[Float]]] {
        let none = batch.additions.map { $0.dense ?? [] }
        let unknown = batch.additions.indices.filter { batch.additions[$0].dense == nil }
        guard !unknown.isEmpty, batch.degradedReason == nil, readiness.hasVectors, let embedder else {
            if batch.degradedReason == nil, !readiness.hasVectors { batch.degradedReason = readiness.degradedReason }
            for i in unknown where batch.isEmbeddingPending { batch.additions[i].record.isEmbeddingPending = true }
            return none
        }
        let additions = unknown.map { batch.additions[$0] }
        let texts = additions.flatMap { addition in
            [addition.record.text] + [pairText(of: addition)].compactMap { $0 } + addition.chunkTexts
        }
        let embedded: [[Float]]
        do {
            embedded = try await vectors(of: texts, embedder)
        } catch let error as EmbeddingError where error.code != .cancelled {
            batch.degradedReason = Self.pendingReason(error)
            for i in unknown { batch.additions[i].record.isEmbeddingPending = true }
            return none
        }
        var dense = none
        var rest = embedded[...]
        for i in unknown {
            let own = rest.removeFirst()
            batch.additions[i].vector = own
            let pair = pairText(of: batch.additions[i]) == nil ? nil : rest.removeFirst()
            dense[i] = [pair.map { TextVector.normalisedSum(own, $0) } ?? own]
            let count = batch.additions[i].chunks.count
            dense[i] += rest.prefix(count)
            rest = rest.dropFirst(count)
        }
        return dense
    }

    private func pairText(of addition: StoreBatch.Addition) -> String? {
        guard addition.record.source.session != nil else { return nil }
        return addition.before.first.map { $0.text + "\n" + addition.record.text }
    }

    /// - Throws: `dependency` where the embedder breaks its own rules.
    func vectors(
        of texts: [String], _ embedder: any Embedder, within limit: Duration? = nil
    ) async throws -> [[Float]] {
        let patience = [limit, settings.embeddingPatience ?? embedder.patience(for: texts.count)].compactMap { $0 }
            .min()
        let vectors: [[Float]]
        if let patience {
            vectors = try await Patience.run(patience) { try await embedder.embed(texts) }
        } else {
            vectors = try await embedder.embed(texts)
        }
        guard vectors.count == texts.count else {
            throw MemoryError(.dependency, "the embedder answered with another number of vectors than it was asked for")
        }
        return vectors
    }

    static func pendingReason(_ error: EmbeddingError) -> String {
        "the items are stored without vectors, which are computed later, because \(error.message)"
    }

    private func sparseVectors(_ additions: inout [StoreBatch.Addition]) async throws -> [SparseVector] {
        guard !additions.isEmpty else { return [] }
        let fields = additions.map { lexicalFields(of: $0) }
        let average = try await averageLength(encoding: fields)
        return additions.indices.map { i in
            let (vector, length) = lexical.encodeItem(fields[i], average)
            additions[i].record.length = length
            additions[i].record.actorTerms = lexical.terms(fields[i].author).uniqueByBytes().sortedByBytes()
            additions[i].record.traits = Trait.all(of: additions[i].record, length: length)
            return vector
        }
    }
}
