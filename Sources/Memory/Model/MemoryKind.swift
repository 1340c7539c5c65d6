import JSON

/// What a memory is about: one of sixteen kinds, each with the members its `data` is expected to have.
package enum MemoryKind: String, Sendable, CaseIterable {
    case entity, relation, observation, section, runbook, change, issue, decision, todo
    case releaseNote = "release_note"
    case ddl
    case pullRequest = "pr_context"
    case incident, release, risk, assumption

    /// Members of `data` that strict mode requires, in the contract's order. A name with `|` asks for one of several.
    package var required: [String] {
        switch self {
        case .entity: ["entity_type", "name"]
        case .relation: ["from_entity_type", "from_entity_id", "to_entity_type", "to_entity_id", "relation_type"]
        case .observation: ["entity_type", "entity_id", "observation"]
        case .section: ["title", "heading", "body_md|body_text"]
        case .runbook: ["service", "title", "steps"]
        case .change: ["change_type", "subject_ref", "summary"]
        case .issue: ["tracker", "external_id", "title", "status"]
        case .decision: ["component", "status", "title", "rationale"]
        case .todo, .ddl: []
        case .releaseNote: ["version", "release_date", "summary"]
        case .pullRequest: ["pr_number", "title", "author", "status", "base_branch", "head_branch"]
        case .incident: ["resolution_status"]
        case .release: ["version", "release_type", "scope", "status"]
        case .risk: ["status"]
        case .assumption: ["title", "description", "category", "validation_status", "impact_if_invalid"]
        }
    }

    /// Members of `data` whose text is one of a few words.
    package var choices: [String: [String]] {
        switch self {
        case .change:
            [
                "change_type": [
                    "feature_add", "feature_modify", "feature_remove", "bugfix", "refactor", "config_change",
                    "dependency_update",
                ]
            ]
        case .issue: ["status": ["open", "in_progress", "resolved", "closed", "wont_fix", "duplicate"]]
        case .decision: ["status": ["proposed", "accepted", "rejected", "deprecated", "superseded"]]
        case .todo: ["status": ["pending", "in_progress", "done", "blocked", "cancelled"]]
        case .pullRequest: ["status": ["open", "merged", "closed", "draft"]]
        case .incident: ["resolution_status": ["open", "investigating", "resolved", "closed"]]
        case .release: ["status": ["planned", "in_progress", "completed", "rolled_back"]]
        case .risk: ["status": ["active", "mitigated", "accepted", "closed"]]
        case .entity, .relation, .observation, .section, .runbook, .releaseNote, .ddl, .assumption: [:]
        }
    }

    /// A value to look for in the member `name` of `data`: a text that means one of the choices in another spelling
    /// ("In-Progress") becomes a list of both.
    static func spellings(of value: JSONValue, in name: String) -> JSONValue {
        guard let text = value.stringValue else { return value }
        let meant = allCases.lazy.compactMap { $0.choices[name] }.joined().first { folded($0) == folded(text) }
        guard let meant, meant != text else { return value }
        return [.string(text), .string(meant)]
    }

    /// Members of `data` that hold a list.
    package var lists: [String] {
        switch self {
        case .runbook: ["steps", "triggers"]
        case .change: ["affected_files"]
        case .issue: ["labels", "affected_components"]
        case .decision: ["alternatives_considered"]
        case .todo: ["dependencies"]
        case .releaseNote: ["breaking_changes", "new_features", "bug_fixes", "deprecations"]
        case .incident: ["timeline", "affected_services", "recovery_actions"]
        case .release: ["included_changes", "approvers"]
        case .risk: ["trigger_events", "mitigation_strategies", "related_decisions"]
        case .assumption: ["validation_criteria", "related_assumptions", "dependencies"]
        case .entity, .relation, .observation, .section, .ddl, .pullRequest: []
        }
    }

    /// What is wrong with `data` for this kind: the errors of strict mode, the warnings of lenient mode.
    ///
    /// - Parameter path: Where `data` stands, for the errors' `field`.
    package func faults(in data: JSONObject?, at path: String) -> [MemoryError] {
        let data = data ?? [:]
        var faults: [MemoryError] = []
        for names in required.map({ $0.split(separator: "|").map(String.init) })
        where names.allSatisfy({ Self.isBlank(data[$0]) }) {
            faults.append(
                MemoryError(
                    .missing, "\(rawValue) wants \(names.joined(separator: " or ")) in data",
                    field: "\(path).\(names[0])"))
        }
        for (name, words) in choices.sorted(by: { $0.key < $1.key }) {
            guard let value = data[name], !value.isNull else { continue }
            if let word = value.stringValue, words.contains(word) { continue }
            faults.append(
                MemoryError(.pattern, "must be one of: \(words.joined(separator: ", "))", field: "\(path).\(name)"))
        }
        for name in lists {
            guard let value = data[name], !value.isNull, value.arrayValue == nil else { continue }
            faults.append(MemoryError(.wrongType, "must be a list", field: "\(path).\(name)"))
        }
        return faults
    }

    /// Absent, null, an empty string or an empty list.
    static func isBlank(_ value: JSONValue?) -> Bool {
        switch value {
        case nil, .null: true
        case .string(let text): text.allSatisfy(\.isWhitespace)
        case .array(let elements): elements.isEmpty
        default: false
        }
    }
}
