extension EmbeddedStore {
    /// Applies `revision` to each of `ids` in one transaction.
    ///
    /// - Throws: what `upsert` throws, also for a point that `revision` has made and the schema does not allow.
    @discardableResult
    package func revise(
        _ ids: [PointID], in collection: String, _ revision: @escaping PointRevision
    ) async throws -> UpdateReceipt {
        try await write(.revise(ids, revision), collection)
    }
}
