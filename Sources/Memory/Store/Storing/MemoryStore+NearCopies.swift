import VectorEngine

extension MemoryStore {
    /// Looks up the nearest of the same kind of each planned item: what it may be a copy of, and what it may
    /// contradict.
    func lookUpNeighbours(now: Int64, _ batch: inout StoreBatch) async throws {
        guard batch.request.deduplication.isEnabled else { return }
        let items = batch.request.items
        let asked = batch.planned.keys.sorted().filter { batch.planned[$0]?.own != nil }
        guard !asked.isEmpty else { return }
        let least =
            min(batch.request.deduplication.similarityThreshold, NearCopy.comparableSimilarity) - NearCopy.contextLoss
        let queries = asked.map { i in
            var query = query(of: items[i], batch.planned[i]?.own ?? [], batch, now: now)
            query.scoreThreshold = Float(least)
            return query
        }
        let hits = try await points.query(queries, in: collection)
        batch.checkedCount = hits.reduce(0) { $0 + $1.count }
        for (i, hits) in zip(asked, hits) {
            batch.neighbours[i] = try hits.map { hit in
                Neighbour(
                    record: try MemoryRecord(hit.id, hit.payload ?? .empty), similarity: Double(hit.score))
            }
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
            limit: min(deduplication.checkedLimit, settings.comparedNeighbours), parts: .payload)
    }
}
