import JSON
import VectorEngine

/// Rules that an item must keep, judged by what is stored and never by what the client claims.
extension MemoryStore {
    /// The rule that `item` breaks; nil when it may be stored, or may renew `copy`.
    func brokenRule(
        _ item: StoreItem, at index: Int, copy: MemoryRecord?, in batch: StoreBatch, now: Int64
    ) async throws -> MemoryError? {
        let rule = Rule(item: item, path: "items[\(index)]")
        if let broken = rule.ownFault(copy: copy) { return broken }
        if let copy {
            let isApproved = copy.kind == .section && copy.isTaggedApproved
            let changes = item.metadata != copy.metadata || item.tags != copy.tags
            return isApproved && changes && batch.request.deduplication.newerWins ? rule.approvedSection : nil
        }
        let scope = batch.scope(of: item)
        if item.kind == .todo, try await closesCircle(item, scope, batch, now: now) { return rule.circularTodo }
        guard let identity = rule.identity, let key = LinkKeys.identity(item.kind, identity.map(\.0), item.data) else {
            return nil
        }
        var rivals = batch.additions.map(\.record).filter { $0.kind == item.kind && $0.scope == scope }
        let must = [
            Narrowing.keyword(Member.identities, key), Narrowing.keyword(Member.scopeHash, scope.hash),
            Narrowing.alive(at: now), Chunk.excluded,
        ]
        rivals += try await everyPoint(Filter(must: must)).map { try MemoryRecord($0) }
        return rivals.lazy.filter { rival in identity.allSatisfy { Rule.value(rival.data?[$0]) == $1 } }
            .compactMap { rule.conflict(with: $0) }.first
    }
}

extension MemoryStore {
    /// Whether the todo's dependencies lead back to it, by way of what is stored or comes in the same call.
    ///
    /// Todos are known by id, `data.id` and title. A circle longer than the limit of looked-at todos is not seen.
    private func closesCircle(
        _ item: StoreItem, _ scope: MemoryScope, _ batch: StoreBatch, now: Int64
    ) async throws -> Bool {
        let own = Set(LinkKeys.names(of: .todo, item.data).map { ByteText($0) })
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

/// The rules of one item.
private struct Rule {
    let item: StoreItem
    /// Where the item stands in the arguments.
    let path: String

    private func broken(_ rule: String, _ field: String) -> MemoryError {
        MemoryError(.denied, rule, field: "\(path).\(field)")
    }

    private func text(_ name: String) -> String { item.data?[name]?.stringValue ?? "" }

    private func lacks(_ name: String) -> Bool { MemoryKind.isBlank(item.data?[name]) }

    var approvedSection: MemoryError {
        broken(
            "approved_section_read_only: the stored section is tagged approved; store a new one under another heading",
            "data")
    }

    var circularTodo: MemoryError {
        broken(
            "todo_depends_on_itself: its dependencies lead back to it; leave one of them out", "data.dependencies")
    }

    /// What the item shows by itself.
    func ownFault(copy: MemoryRecord?) -> MemoryError? {
        switch item.kind {
        case .incident where text("severity") == "critical" && lacks("incident_commander"):
            broken(
                "incident_commander_required: a critical incident needs a commander; name one",
                "data.incident_commander")
        case .risk where text("risk_level") == "critical" && lacks("mitigation_strategies"):
            broken(
                "mitigation_required: a critical risk needs mitigation strategies; list at least one",
                "data.mitigation_strategies")
        case .risk where text("status") == "accepted" && lacks("owner"):
            broken("owner_required: an accepted risk needs an owner; name one", "data.owner")
        case .todo where dependsOnItself(copy):
            broken(
                "todo_depends_on_itself: a todo may not depend on itself; remove it from its dependencies",
                "data.dependencies")
        default: nil
        }
    }

    /// By its stored id, its own id or its title.
    private func dependsOnItself(_ copy: MemoryRecord?) -> Bool {
        let names = [copy?.id.description, item.data?["id"]?.stringValue, item.data?["title"]?.stringValue]
            .compactMap { $0 }.filter { !$0.isEmpty }
        return (item.data?["dependencies"]?.arrayValue ?? []).contains { dependency in
            let named = dependency.stringValue ?? dependency["id"]?.stringValue ?? dependency["title"]?.stringValue
            return named.map(names.containsBytes) ?? false
        }
    }

    /// The members of `data` by which another item in the scope is the same thing; nil when the kind has no such rule.
    var identity: [(String, MatchValue)]? {
        let names: [String]
        switch item.kind {
        case .ddl: names = ["migration_id"]
        case .decision: names = ["component", "title"]
        case .section: names = lacks("document_id") ? ["title", "heading"] : ["document_id", "title", "heading"]
        default: return nil
        }
        let values = names.compactMap { name in Rule.value(item.data?[name]).map { (name, $0) } }
        return values.count == names.count ? values : nil
    }

    static func value(_ value: JSONValue?) -> MatchValue? {
        switch value {
        case .string(let text) where !text.isEmpty: .keyword(text)
        case .integer(let number): .integer(number)
        default: nil
        }
    }

    /// Whether the stored (or just taken) item of the same identity stands in the way.
    func conflict(with rival: MemoryRecord) -> MemoryError? {
        switch item.kind {
        case .ddl:
            return broken(
                "migration_id_unique: this scope has another ddl with the migration_id; give this one its own",
                "data.migration_id")
        case .decision:
            let supersedes = item.data?["supersedes"]
            let isNamed =
                supersedes?.stringValue == rival.id.description
                || (supersedes?.arrayValue ?? []).contains { $0.stringValue == rival.id.description }
            guard rival.data?["status"]?.stringValue == "accepted", !isNamed else { return nil }
            return broken(
                "accepted_decision_immutable: an accepted decision changes only through one that supersedes it; set "
                    + "supersedes to \(rival.id)", "data.supersedes")
        case .section: return rival.isTaggedApproved ? approvedSection : nil
        default: return nil
        }
    }
}
