import JSON
import VectorEngine

/// What an upgrade did.
package struct UpgradeReport: Sendable, Equatable {
    /// Memories that had an expiry which nobody had asked for.
    package var removedExpiries = 0
    /// Points that got members they lacked.
    package var changedPoints = 0

    package init(removedExpiries: Int = 0, changedPoints: Int = 0) {
        (self.removedExpiries, self.changedPoints) = (removedExpiries, changedPoints)
    }
}

/// Stores of earlier versions: the indexes and members that the ranking looks into are made for what they hold.
extension MemoryStore {
    /// Points that are brought up to date in one transaction.
    private static let upgradePage = 256

    /// Brings what an earlier version has stored to what this one stores: expiries that nobody asked for go, payload
    /// indexes are made, then each point gets the members it lacks. Searches and stores go on meanwhile; an interrupted
    /// run goes on with the next.
    ///
    /// - Returns: what was changed; nil when another process is at it.
    @discardableResult
    package func upgrade(_ store: EmbeddedStore) async throws(MemoryError) -> UpgradeReport? {
        try await mapped {
            guard try await store.exists(self.collection) else { return UpgradeReport() }
            _ = try await self.home.ready()
            var report = UpgradeReport()
            report.removedExpiries = try await self.removeUnaskedExpiries()
            var names: [String] = []
            for name in [self.collection, self.historyCollection] where try await store.exists(name) {
                if try await !self.isUpToDate(store, name) { names.append(name) }
            }
            guard !names.isEmpty else { return report }
            let (old, removed) = (names, report.removedExpiries)
            return try await store.restructuring(self.collection) {
                var report = UpgradeReport(removedExpiries: removed)
                for name in old {
                    try await store.addPayloadIndexes(Member.indexes, to: name)
                    report.changedPoints += try await self.completeMembers(store, name)
                }
                await self.home.forget()
                return report
            }
        }
    }

    // MARK: Expiries that nobody asked for

    /// Removes the expiries that earlier versions gave to memories without being asked, and keeps a report of how many.
    /// An expiry of the policy `default` is among them: what is stored does not tell whether somebody asked for it.
    ///
    /// - Returns: how many memories had one.
    func removeUnaskedExpiries() async throws -> Int {
        let filter = Filter(must: [Narrowing.unaskedExpiry])
        let members: JSONObject = [
            Member.expiresAt: .null, Member.renewal: .null, Member.expiryPolicy: "permanent",
        ]
        var removed = 0
        for name in [collection, historyCollection] where try await points.describe(name) != nil {
            while true {
                try Task.checkCancellation()
                let page = try await points.scroll(
                    ScrollRequest(filter: filter, limit: Self.upgradePage, parts: .idOnly), in: name)
                guard !page.points.isEmpty else { break }
                let ids = page.points.map(\.id)
                // One that has an expiry by now that was asked for keeps it.
                let still = Filter(must: [Narrowing.unaskedExpiry, .hasID(Set(ids))])
                try await points.apply([.mergePayload(Payload(members), of: .filter(still))], in: name)
                if name == collection { removed += ids.count { Chunk.memory(of: $0) == $0 } }
            }
        }
        if removed > 0 {
            _ = try await kept(["expiries_removed": .integer(Int64(removed))], of: .upgrade, if: true)
        }
        return removed
    }

    /// How many memories have lost an expiry that nobody had asked for; nil when none has.
    func removedExpiryCount() async throws -> Int64? {
        let counts = try await storedReports(.upgrade).compactMap {
            $0.payload.object["expiries_removed"]?.integerValue
        }
        return counts.isEmpty ? nil : counts.reduce(0, &+)
    }

    /// Memories that end within seven days.
    func expiringSoon(_ narrowing: Narrowing, now: Int64) async throws -> Int {
        var narrowing = narrowing
        narrowing.includesExpired = false
        var filter = try narrowing.memories(now: now)
        filter.must.append(
            .range(member: Member.expiresAt, NumericRange(atMost: .integer(now &+ 7 &* 86_400_000_000))))
        filter.mustNot.append(Narrowing.unaskedExpiry)
        return try await points.count(filter, in: collection)
    }

    // MARK: Members

    /// Points that lack the newest of the members: chunks have no key of their own.
    private static let isOld = Filter(should: [
        .isEmpty(member: Member.occurredAt),
        .filter(Filter(must: [.isEmpty(member: Member.uniqueKey), Chunk.excluded])),
    ])

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

    /// The point with the members it lacks; a point that is no memory is returned unchanged.
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
        record.contentHash = MemoryRecord.contentHash(record.kind, record.content, record.data)
        members.merge(record.payload) { $1 }
        return .replaced(Point(id: point.id, vectors: point.vectors, payload: Payload(members)))
    }
}
