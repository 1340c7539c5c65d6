import VectorEngine

/// What an item is told of those stored around it (spec/retrieval: steps 5 and 11).
///
/// In a session the two items before it and the one after it, by their words, and the one before by its meaning.
/// Without a session's name neighbours count by their words alone: all three of what was said within an hour, and
/// else the one before and the one after where the texts' own vectors say that both are about the same thing.
extension MemoryStore {
    /// Gives every new item the two before it in its conversation and the one after it; answers
    /// how the conversations end.
    func addContext(_ batch: inout StoreBatch) async throws -> [Conversation: [RecentItem]] {
        var conversations: [Conversation: [RecentItem]] = [:]
        var last: [Conversation: Int] = [:]
        let now = clock.time()
        guard settings.usesContext else { return [:] }
        for i in batch.additions.indices where !batch.additions[i].isReplacement {
            let record = batch.additions[i].record
            let conversation = Conversation(scopeHash: record.scope.hash, session: record.source.session)
            var before: [RecentItem]
            if let known = conversations[conversation] {
                before = known
            } else if let ending = batch.endings[conversation] {
                before = ending
            } else {
                before = try await lastItems(of: conversation, now: now)
            }
            batch.additions[i].before = before
            before.insert(recentItem(record), at: 0)
            if let j = last.updateValue(i, forKey: conversation) { batch.additions[j].next = before[0] }
            conversations[conversation] = Array(before.prefix(2))
        }
        return conversations
    }

    /// Gives the new items that stand around one another without a session their own vectors.
    static func addVectors(
        to conversations: inout [Conversation: [RecentItem]], _ additions: inout [StoreBatch.Addition]
    ) {
        var own: [UUIDBytes: [Float]] = [:]
        for addition in additions where addition.record.source.session == nil {
            own[addition.record.id] = addition.vector
        }
        guard !own.isEmpty else { return }
        func complete(_ item: inout RecentItem) { item.vector = item.vector ?? own[item.id] }
        for i in additions.indices where additions[i].record.source.session == nil {
            for k in additions[i].before.indices { complete(&additions[i].before[k]) }
            if var next = additions[i].next {
                complete(&next)
                additions[i].next = next
            }
        }
        for (conversation, items) in conversations where conversation.session == nil {
            conversations[conversation] = items.map { item in
                var item = item
                complete(&item)
                return item
            }
        }
    }

    /// The item's own fields and those that its neighbours lend it.
    func lexicalFields(of addition: StoreBatch.Addition) -> LexicalFields {
        var fields = addition.record.lexicalFields
        if let previous = addition.before.first, isContext(previous, of: addition) {
            fields.previous = previous.text
            fields.previousLength = previous.length
            if let earlier = addition.before.dropFirst().first, addition.isSaid(with: earlier) {
                fields.beforePrevious = earlier.text
                fields.beforePreviousLength = earlier.length
            }
        }
        if let next = addition.next, isContext(next, of: addition) { fields.next = next.text }
        return fields
    }

    private func isContext(_ neighbour: RecentItem, of addition: StoreBatch.Addition) -> Bool {
        if addition.isSaid(with: neighbour) { return true }
        guard let own = addition.vector, let other = neighbour.vector, own.count == other.count else { return false }
        return TextVector.cosine(own, other) >= settings.relatedness
    }
}

extension StoreBatch.Addition {
    /// Microseconds between two items of one conversation without a session's name.
    private static let longestPause: Int64 = 3_600_000_000

    /// Whether both belong to one conversation: a session's, or what was said within an hour where both say when.
    fileprivate func isSaid(with neighbour: RecentItem) -> Bool {
        if record.source.session != nil { return true }
        guard let own = record.source.timestamp, let other = neighbour.saidAt else { return false }
        let (pause, isBeyond) = own.subtractingReportingOverflow(other)
        return !isBeyond && pause.magnitude <= Self.longestPause.magnitude
    }
}
