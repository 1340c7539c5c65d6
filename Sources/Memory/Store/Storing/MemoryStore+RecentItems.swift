import VectorEngine

extension MemoryStore {
    /// The last two items of `conversation`, newest first: what this process remembers and what others added since.
    func lastItems(of conversation: Conversation, now: Int64) async throws -> [RecentItem] {
        let remembered = recent[conversation]
        var conditions = conversation.conditions + [Narrowing.alive(at: now), Chunk.excluded]
        if let newest = remembered?.first {
            conditions.append(.range(member: Member.createdAt, NumericRange(greaterThan: .integer(newest.createdAt))))
        }
        let page = try await points.scroll(
            ScrollRequest(
                filter: Filter(must: conditions), limit: 2,
                order: PayloadOrder(path: Member.createdAt, descending: true),
                parts: conversation.session == nil ? .all : .payload), in: collection)
        let newer = try page.points.map { point in
            var item = try recentItem(MemoryRecord(point))
            item.vector = point.vectors.dense[MemoryCollection.dense]
            return item
        }
        return Array((newer + (remembered ?? [])).prefix(2))
    }

    /// Context is weak evidence: the beginning of a long text is enough of it.
    func contextText(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.prefix(settings.longTextCharacters)))
    }

    func recentItem(_ record: MemoryRecord) -> RecentItem {
        let text = contextText(record.text)
        let isCut = text.utf8.count < record.text.utf8.count
        let length = record.length > 0 ? record.length : isCut ? Double(lexical.terms(record.text).count) : 0
        return RecentItem(
            id: record.id, createdAt: record.createdAt, saidAt: record.source.timestamp, text: text, length: length)
    }
}
