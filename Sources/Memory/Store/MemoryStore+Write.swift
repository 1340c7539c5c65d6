import Embedding
import JSON
import VectorEngine

/// Writing what was decided: context, vectors, the former versions, and one batch.
extension MemoryStore {
    /// Encodes and writes; answers why there are no vectors, nil when there are.
    func write(
        _ batch: inout StoreBatch, _ readiness: MemoryCollection.Readiness, _ context: CallContext
    ) async throws -> String? {
        var conversations = try await addContext(&batch)
        let total = batch.results.count
        context.progress?(0, total, "embedding")
        let (vectors, degradedReason) = try await denseVectors(batch.additions, readiness)
        Self.addVectors(vectors, to: &conversations, &batch.additions)
        let sparse = try await sparseVectors(&batch.additions)
        try Task.checkCancellation()
        let points = batch.additions.indices.flatMap { i in
            Self.points(of: batch.additions[i], dense: vectors?[i] ?? [], sparse: sparse[i])
        }
        try await keepVersions(&batch)
        // One batch, so that a memory and its chunks are written together or not at all.
        var writes: [PointWrite] = []
        if !points.isEmpty { writes.append(.upsert(points)) }
        let superfluous = batch.additions.flatMap(\.superfluousChunks)
        if !superfluous.isEmpty { writes.append(.delete(.ids(superfluous))) }
        for (id, members) in batch.changes {
            writes.append(.mergePayload(Payload(members), of: .ids([.uuid(id)])))
            guard batch.changedWithChunks.contains(id) else { continue }
            let chunks = Filter(must: [Chunk.of([.uuid(id)])])
            writes.append(.mergePayload(Payload(Chunk.shared(members)), of: .filter(chunks)))
        }
        if !writes.isEmpty { try await self.points.apply(writes, in: collection) }
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

    /// For each new item normalise(e(text) + e(previous + text)) and e(chunk) for its chunks, all texts in one call of
    /// the embedder.
    private func denseVectors(
        _ additions: [StoreBatch.Addition], _ readiness: MemoryCollection.Readiness
    ) async throws -> (vectors: [[[Float]]]?, degradedReason: String?) {
        guard readiness.hasVectors, let embedder else { return (nil, readiness.degradedReason) }
        guard !additions.isEmpty else { return ([], nil) }
        let texts = additions.map(\.record.text)
        let unknown = additions.indices.filter { additions[$0].vector == nil }
        let pairs = additions.indices.filter { additions[$0].record.source.session != nil }.compactMap { i in
            additions[i].before.first.map { (i, $0.text + "\n" + texts[i]) }
        }
        let chunks = additions.map(\.chunkTexts)
        let embedded: [[Float]]
        do {
            embedded = try await embedder.embed(
                unknown.map { texts[$0] } + pairs.map(\.1) + chunks.flatMap { $0 })
        } catch let error as EmbeddingError where error.code != .cancelled {
            return (nil, "the items are stored without vectors, because \(error.message)")
        }
        guard embedded.count == unknown.count + pairs.count + chunks.reduce(0, { $0 + $1.count }) else {
            throw MemoryError(.dependency, "the embedder answered with another number of vectors than it was asked for")
        }
        var vectors = additions.map { [$0.vector ?? []] }
        for (k, i) in unknown.enumerated() { vectors[i][0] = embedded[k] }
        for (k, (i, _)) in pairs.enumerated() {
            vectors[i][0] = TextVector.normalisedSum(vectors[i][0], embedded[unknown.count + k])
        }
        var next = unknown.count + pairs.count
        for (i, texts) in chunks.enumerated() {
            vectors[i] += embedded[next..<next + texts.count]
            next += texts.count
        }
        return (vectors, nil)
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
