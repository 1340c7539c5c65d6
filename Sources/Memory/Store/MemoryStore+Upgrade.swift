import JSON
import VectorEngine

/// Stores of earlier versions: the indexes and members that the ranking looks into are made for what they hold.
extension MemoryStore {
    /// Points that are brought up to date in one transaction.
    private static let upgradePage = 256

    /// Brings what an earlier version has stored to what this one stores: payload indexes first, then the members of
    /// each point. Searches and stores go on meanwhile; an interrupted run goes on with the next.
    ///
    /// - Returns: how many points were changed; nil when another process is at it.
    @discardableResult
    package func upgrade(_ store: EmbeddedStore) async throws(MemoryError) -> Int? {
        try await mapped {
            guard try await store.exists(self.collection) else { return 0 }
            _ = try await self.home.ready()
            var names: [String] = []
            for name in [self.collection, self.historyCollection] where try await store.exists(name) {
                if try await !self.isUpToDate(store, name) { names.append(name) }
            }
            guard !names.isEmpty else { return 0 }
            let old = names
            return try await store.restructuring(self.collection) {
                var changed = 0
                for name in old {
                    try await store.addPayloadIndexes(Member.indexes, to: name)
                    changed += try await self.completeMembers(store, name)
                }
                await self.home.forget()
                return changed
            }
        }
    }

    private static let isOld = Filter(must: [.isEmpty(member: Member.occurredAt)])

    private func isUpToDate(_ store: EmbeddedStore, _ name: String) async throws -> Bool {
        guard let schema = try await store.describe(name)?.schema else { return true }
        guard Member.indexes.keys.allSatisfy({ schema.payloadIndexes[$0] != nil }) else { return false }
        return try await store.count(Self.isOld, in: name) == 0
    }

    private func completeMembers(_ store: EmbeddedStore, _ name: String) async throws -> Int {
        var changed = 0
        var start: PointID?
        repeat {
            try Task.checkCancellation()
            let page = try await store.scroll(
                ScrollRequest(filter: Self.isOld, limit: Self.upgradePage, startAt: start, parts: .idOnly), in: name)
            let ids = page.points.map(\.id)
            changed += try await store.revise(.ids(ids), in: name) { [lexical] _, point in
                guard let point else { return .unchanged }
                return Self.completed(point, lexical.terms)
            }.affected
            start = page.next
        } while start != nil
        return changed
    }

    /// The point with the members it lacks; what is no memory stays as it is.
    private static func completed(_ point: Point, _ terms: (String) -> [String]) -> RevisedPoint {
        var members = point.payload.object
        if Chunk.range(in: members) != nil {
            guard let moment = members[Member.saidAt] ?? members[Member.createdAt] else { return .unchanged }
            members[Member.occurredAt] = moment
            return .replaced(Point(id: point.id, vectors: point.vectors, payload: Payload(members)))
        }
        guard var record = try? MemoryRecord(point) else { return .unchanged }  // not ours: nothing to complete
        record.actorTerms = terms(record.lexicalFields.author).uniqueByBytes().sortedByBytes()
        record.traits = Trait.all(of: record, length: record.length)
        members.merge(record.payload) { $1 }
        return .replaced(Point(id: point.id, vectors: point.vectors, payload: Payload(members)))
    }
}
