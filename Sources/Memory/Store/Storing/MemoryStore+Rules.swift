import JSON
import VectorEngine

/// Rules that an item must keep, judged by what is stored and never by what the client claims.
extension MemoryStore {
    /// The rule that `item` breaks; nil when it may be stored, or may renew `copy`.
    func brokenRule(
        _ item: StoreItem, at index: Int, copy: MemoryRecord?, in batch: StoreBatch, now: Int64
    ) async throws -> MemoryError? {
        let rule = BusinessRule(item: item, path: "items[\(index)]")
        if let broken = rule.ownFault(copy: copy) { return broken }
        if let copy {
            let isApproved = copy.kind == .section && copy.isTaggedApproved
            let changes = item.metadata != copy.metadata || item.tags != copy.tags
            return isApproved && changes && batch.request.deduplication.renews ? rule.approvedSection : nil
        }
        return try await brokenRule(rule, batch.scope(of: item), batch, besides: nil, now: now)
    }

    /// The rule that a memory would break after a change; nil when it may be changed.
    func brokenRule(
        _ item: StoreItem, _ record: MemoryRecord, besides former: MemoryRecord
    ) async throws -> MemoryError? {
        let rule = BusinessRule(item: item, path: "")
        if let broken = rule.ownFault(copy: record) { return broken }
        let batch = StoreBatch(request: StoreRequest([]), context: CallContext(), settings: settings)
        return try await brokenRule(rule, record.scope, batch, besides: former.id, now: clock.time())
    }

    /// The rule that an item breaks with what else is stored.
    private func brokenRule(
        _ rule: BusinessRule, _ scope: MemoryScope, _ batch: StoreBatch, besides own: UUIDBytes?, now: Int64
    ) async throws -> MemoryError? {
        let item = rule.item
        if item.kind == .todo, try await closesCircle(item, own, scope, batch, now: now) { return rule.circularTodo }
        guard let identity = rule.identity, let key = LinkKeys.identity(item.kind, identity.map(\.0), item.data) else {
            return nil
        }
        var rivals = batch.additions.map(\.record).filter { $0.kind == item.kind && $0.scope == scope }
        let must = [
            Narrowing.keyword(Member.identities, key), Narrowing.keyword(Member.scopeHash, scope.hash),
            Narrowing.alive(at: now), Chunk.excluded,
        ]
        rivals += try await everyPoint(Filter(must: must)).map { try MemoryRecord($0) }
        return rivals.lazy.filter { $0.id != own }.filter { rival in
            identity.allSatisfy { BusinessRule.value(rival.data?[$0]) == $1 }
        }
        .compactMap { rule.conflict(with: $0) }.first
    }
}

extension MemoryStore {
    /// Whether the todo's dependencies lead back to it, by way of what is stored or comes in the same call.
    ///
    /// Todos are known by id, `data.id` and title. A circle longer than the limit of looked-at todos is not seen.
    private func closesCircle(
        _ item: StoreItem, _ id: UUIDBytes?, _ scope: MemoryScope, _ batch: StoreBatch, now: Int64
    ) async throws -> Bool {
        let names = LinkKeys.names(of: .todo, item.data) + [id?.description].compactMap { $0 }
        let own = Set(names.map { ByteText($0) })
        guard !own.isEmpty else { return false }
        var waiting = LinkKeys.links(of: .todo, item.data)
        var seen = Set(waiting.map { ByteText($0) })
        while !waiting.isEmpty, seen.count <= settings.maximumDependencies {
            let ids = waiting.compactMap { UUIDBytes($0) }.map { PointID.uuid($0) }
            let named = Filter(
                must: [Narrowing.keyword(Member.kind, MemoryKind.todo.rawValue), Narrowing.alive(at: now)],
                should: [.hasID(Set(ids)), .match(member: Member.names, anyOf: waiting.map { .keyword($0) })])
            var records = try await everyPoint(named, limit: settings.maximumDependencies).map { try MemoryRecord($0) }
            records += batch.additions.map(\.record).filter { record in
                record.kind == .todo && LinkKeys.names(of: .todo, record.data).contains(where: waiting.containsBytes)
            }
            let next = records.filter { $0.scope == scope }.flatMap { LinkKeys.links(of: .todo, $0.data) }
            if next.contains(where: { own.contains(ByteText($0)) }) { return true }
            waiting = next.filter { seen.insert(ByteText($0)).inserted }
        }
        return false
    }
}
