import VectorEngine

extension MemoryStore {
    /// The mean length for encoding `records`, which are its only source when nothing is stored yet.
    func averageLength(encoding records: [LexicalFields]) async throws -> Double {
        if lengths.needsSample {
            let page = try await points.scroll(
                ScrollRequest(
                    filter: Filter(must: [Chunk.excluded]), limit: settings.lengthSample,
                    order: PayloadOrder(path: Member.createdAt, descending: true)),
                in: collection)
            let total = try await points.count(Filter(must: [Chunk.excluded]), in: collection)
            lengths.restart(
                from: page.points.compactMap { $0.payload.object[Member.length]?.doubleValue }, total: total)
        }
        if let mean = lengths.mean { return max(mean, 1) }
        let own = records.map { lexical.encodeItem($0, 1).length }
        return max(own.reduce(0, +) / Double(max(own.count, 1)), 1)
    }
}
