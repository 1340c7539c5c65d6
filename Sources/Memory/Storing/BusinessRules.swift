import JSON
import VectorEngine

/// The rules of one item.
struct BusinessRule {
    let item: StoreItem
    /// The item's place in the arguments.
    let path: String

    private func broken(_ rule: String, _ field: String) -> MemoryError {
        MemoryError(.denied, rule, field: path.isEmpty ? field : "\(path).\(field)")
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
            return named.map { names.containsBytes(of: $0) || names.containsBytes(of: LinkKeys.canonical($0)) } ?? false
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
        let values = names.compactMap { name in Self.value(item.data?[name]).map { (name, $0) } }
        return values.count == names.count ? values : nil
    }

    static func value(_ value: JSONValue?) -> MatchValue? {
        switch value {
        case .string(let text) where !text.isEmpty: .keyword(text)
        case .integer(let number): .integer(number)
        default: nil
        }
    }

    /// Whether the stored (or just taken) item of the same identity prevents the store.
    func conflict(with rival: MemoryRecord) -> MemoryError? {
        switch item.kind {
        case .ddl:
            return broken(
                "migration_id_unique: this scope has another ddl with the migration_id; give this one its own",
                "data.migration_id")
        case .decision:
            let supersedes = item.data?["supersedes"]
            let isNamed =
                (supersedes?.arrayValue ?? [supersedes].compactMap { $0 }).contains {
                    $0.stringValue.map(LinkKeys.canonical) == rival.id.description
                }
            guard rival.data?["status"]?.stringValue == "accepted", !isNamed else { return nil }
            return broken(
                "accepted_decision_immutable: an accepted decision changes only through one that supersedes it; set "
                    + "supersedes to \(rival.id)", "data.supersedes")
        case .section: return rival.isTaggedApproved ? approvedSection : nil
        default: return nil
        }
    }
}
