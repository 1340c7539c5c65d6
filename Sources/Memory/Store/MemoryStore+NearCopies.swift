import Embedding
import VectorEngine

extension MemoryStore {
    /// From this cosine on two texts are compared word by word for what they contradict in.
    static let comparableSimilarity = 0.75
    /// How much context may take from the cosine of an item with its own text.
    private static let contextLoss = 0.15

    /// Embeds the items that are no exact copies and looks up their nearest of the same kind: what they may be copies
    /// of, and what they may contradict.
    func lookUpNeighbours(
        _ hashes: [String], now: Int64, _ readiness: MemoryCollection.Readiness, _ batch: inout StoreBatch
    ) async throws {
        guard batch.request.deduplication.isEnabled, readiness.hasVectors, let embedder else { return }
        let items = batch.request.items
        let indices = items.indices.filter { i in
            batch.replay(of: items[i], at: i) == nil && batch.copy(of: items[i], hash: hashes[i], now: now) == nil
        }
        guard !indices.isEmpty else { return }
        do {
            let vectors = try await embedder.embed(indices.map { MemoryRecord.text(of: items[$0]) })
            for (i, vector) in zip(indices, vectors) { batch.vectors[i] = vector }
        } catch let error as EmbeddingError where error.code != .cancelled {
            // The same call to the embedder is made again when the items are written, and the answer says why it
            // failed; without vectors there are only exact copies.
            return
        }
        let asked = indices.filter { batch.vectors[$0] != nil }
        let queries = asked.map { query(of: items[$0], batch.vectors[$0] ?? [], batch, now: now) }
        let hits = try await points.query(queries, in: collection)
        let least = min(batch.request.deduplication.similarityThreshold, Self.comparableSimilarity)
        let near = hits.map { $0.filter { Double($0.score) >= least - Self.contextLoss } }
        batch.checkedCount = hits.reduce(0) { $0 + $1.count }
        let found = try await points.retrieve(
            Array(Set(near.flatMap { $0.map(\.id) })), with: .payload, in: collection)
        let records = Dictionary(try found.map { ($0.id, try MemoryRecord($0)) }) { first, _ in first }
        for (i, hits) in zip(asked, near) {
            let pairs = hits.compactMap { hit in records[hit.id].map { ($0, Double(hit.score)) } }
            batch.neighbours[i] = try await neighbours(MemoryRecord.text(of: items[i]), batch.vectors[i] ?? [], pairs)
        }
    }

    private func query(of item: StoreItem, _ vector: [Float], _ batch: StoreBatch, now: Int64) -> PointQuery {
        let deduplication = batch.request.deduplication
        let window = now &- Int64(deduplication.windowDays) &* 86_400_000_000
        var must: [Condition] = [
            Narrowing.keyword(Member.kind, item.kind.rawValue), Narrowing.alive(at: now), Chunk.excluded,
            .range(member: Member.updatedAt, NumericRange(atLeast: .integer(window))),
        ]
        if !deduplication.crossesScopes {
            must.append(Narrowing.keyword(Member.scopeHash, batch.scope(of: item).hash))
        }
        return PointQuery(
            target: .dense(name: MemoryCollection.dense, vector), filter: Filter(must: must),
            limit: min(deduplication.checkedLimit, settings.comparedNeighbours))
    }

    /// The neighbours with the cosine of the texts themselves: an item of a conversation is stored with its context in
    /// its vector, so its text is embedded again where that could decide.
    private func neighbours(
        _ text: String, _ vector: [Float], _ pairs: [(MemoryRecord, Double)]
    ) async throws -> [Neighbour] {
        guard let embedder else { return [] }
        let inContext = pairs.filter { $0.0.source.session != nil && $0.0.text != text }.map(\.0.text)
        let vectors = inContext.isEmpty ? [] : try await embedder.embed(inContext)
        let own = Dictionary(zip(inContext, vectors)) { first, _ in first }
        return pairs.map { record, score in
            let similarity = own[record.text].map { TextVector.cosine(vector, $0) } ?? score
            return Neighbour(
                record: record, similarity: similarity,
                distinction: Distinction(text, record.text, terms: lexical.terms))
        }.sorted { $0.similarity > $1.similarity }
    }
}
