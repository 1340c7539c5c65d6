extension EmbeddedStore {
    /// Applies `revision` to each point that `selector` means, in one transaction. A filter is answered inside it.
    ///
    /// - Throws: what `upsert` throws, also for a point that `revision` has made and the schema does not allow.
    @discardableResult
    package func revise(
        _ selector: PointSelector, in collection: String, _ revision: @escaping PointRevision
    ) async throws -> UpdateReceipt {
        try await write(.revise(selector, revision), collection)
    }
}
