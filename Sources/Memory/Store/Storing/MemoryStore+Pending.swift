import Embedding
import VectorEngine

/// Memories that were stored while the embedder did not answer: their vectors are computed later.
extension MemoryStore {
    private static let pendingPage = 32
    private static let isPending = Filter(must: [Narrowing.keyword(Member.embedding, "pending"), Chunk.excluded])

    /// Memories that wait for their vectors.
    func pendingCount() async throws -> Int { try await points.count(Self.isPending, in: collection) }

    /// Computes the vectors that are missing because the embedder did not answer when the memories were stored.
    ///
    /// - Returns: how many memories have got theirs; fewer than wait when the embedder fails again.
    @discardableResult
    package func embedPending() async throws(MemoryError) -> Int {
        try await mapped {
            guard try await self.points.describe(self.collection) != nil else { return 0 }
            let readiness = try await self.home.ready()
            guard readiness.hasVectors, self.embedder != nil else { return 0 }
            var done = 0
            while true {
                try Task.checkCancellation()
                let count = try await self.gate.pass { try await self.embedPage(readiness) }
                done += count
                if count < Self.pendingPage { return done }
            }
        }
    }

    private func embedPage(_ readiness: MemoryCollection.Readiness) async throws -> Int {
        let page = try await points.scroll(
            ScrollRequest(filter: Self.isPending, limit: Self.pendingPage), in: collection)
        guard !page.points.isEmpty else { return 0 }
        var batch = StoreBatch(request: StoreRequest([]), context: CallContext(), settings: settings)
        batch.reason = .embedding
        for point in page.points {
            var record = try MemoryRecord(point)
            var addition = StoreBatch.Addition(inputIndex: 0, record: record)
            addition.replaced = record
            record.isEmbeddingPending = false
            addition.record = record
            addition.chunks = batch.chunks(of: record.content ?? "")
            addition.formerChunkCount = record.chunkCount
            if settings.usesContext {
                addition.before = [try await itemBefore(record, in: collection)].compactMap { $0 }
            }
            batch.additions.append(addition)
        }
        do {
            try await write(&batch, readiness, CallContext())
        } catch let error as EngineError where error.code == .preconditionFailed {
            // One of them was changed meanwhile: the next round takes them again.
            return 0
        }
        return batch.degradedReason == nil ? page.points.count : 0
    }
}
