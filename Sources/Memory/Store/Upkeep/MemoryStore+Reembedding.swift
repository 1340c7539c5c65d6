import VectorEngine

/// Moves the memories to another embedder.
///
/// The new vectors come together in a collection of their own (`<name>.reembedding`), while searches and stores go on
/// with the old ones. A run that is interrupted leaves them there, and the next one goes on. When every point has its
/// vector, one transaction replaces the old ones: a search sees all old vectors or all new ones.
/// What others store meanwhile is embedded too before that.
extension MemoryStore {
    /// Gives every stored item a vector of this memory's embedder, or takes all vectors away where it has none.
    ///
    /// - Parameters:
    ///   - store: what this memory's points are kept in.
    ///   - progress: told how many points are embedded, and of how many.
    /// - Throws: `notFound` where nothing is stored, `unavailable` while another process does the same, `dependency`
    ///   when the embedder fails; then everything is as it was, and the next run goes on.
    package func reembed(
        in store: EmbeddedStore, progress: @escaping @Sendable (Int, Int) -> Void = { _, _ in }
    ) async throws(MemoryError) -> ReembeddingReport {
        let report = try await mapped { () -> ReembeddingReport? in
            guard let found = try await store.describe(self.collection) else {
                throw MemoryError(.notFound, "nothing is stored here: there is nothing to embed")
            }
            try self.home.checkAnalyser(found.schema)
            return try await store.restructuring(self.collection) {
                var report = ReembeddingReport()
                report.former = found.schema.metadata["embedder"]
                report.current = self.embedder?.identity.name
                for name in [self.collection, self.historyCollection] where try await store.exists(name) {
                    try await self.reembedding(of: name, in: store, progress: progress).run(&report)
                }
                await self.home.forget()
                return report
            }
        }
        guard let report else {
            throw MemoryError(
                .unavailable, "another process moves these memories to another embedder; let it end, then look again",
                isRetryable: true)
        }
        return report
    }

    private func reembedding(
        of name: String, in store: EmbeddedStore, progress: @escaping @Sendable (Int, Int) -> Void
    ) -> Reembedding {
        Reembedding(
            home: home, embedder: embedder, store: store, name: name, stagedName: Self.stageName(of: name),
            itemBefore: { record in try await self.itemBefore(record, in: name) }, progress: progress)
    }

    /// The item before `record` in its conversation; nil for an item without context.
    func itemBefore(_ record: MemoryRecord, in name: String) async throws -> RecentItem? {
        let conversation = Conversation(scopeHash: record.scope.hash, session: record.source.session)
        guard name == collection, settings.usesContext, conversation.session != nil else { return nil }
        let earlier = Condition.range(member: Member.createdAt, NumericRange(lessThan: .integer(record.createdAt)))
        let page = try await points.scroll(
            ScrollRequest(
                filter: Filter(must: conversation.conditions + [Chunk.excluded, earlier]), limit: 1,
                order: PayloadOrder(path: Member.createdAt, descending: true)), in: collection)
        return try page.points.first.map { try recentItem(MemoryRecord($0)) }
    }
}
