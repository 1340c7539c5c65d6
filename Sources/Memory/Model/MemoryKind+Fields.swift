/// The members that each kind's `data` may have.
extension MemoryKind {
    /// In the contract's order.
    package var fields: [String] {
        switch self {
        case .entity: ["entity_type", "name", "data"]
        case .relation:
            ["from_entity_type", "from_entity_id", "to_entity_type", "to_entity_id", "relation_type", "metadata"]
        case .observation: ["entity_type", "entity_id", "observation", "observation_type", "metadata"]
        case .section: ["title", "heading", "body_md", "body_text", "document_id", "citation_count"]
        case .runbook: ["service", "title", "steps", "description", "triggers", "last_verified_at"]
        case .change:
            ["change_type", "subject_ref", "summary", "details", "affected_files", "author", "commit_sha"]
        case .issue:
            [
                "tracker", "external_id", "title", "status", "description", "severity", "issue_type", "assignee",
                "reporter", "labels", "url", "affected_components", "resolution",
            ]
        case .decision:
            [
                "component", "status", "title", "rationale", "alternatives_considered", "consequences", "supersedes",
            ]
        case .todo:
            [
                "title", "todo_type", "status", "priority", "assignee", "due_date", "closed_at", "dependencies",
            ]
        case .releaseNote:
            [
                "version", "release_date", "summary", "breaking_changes", "new_features", "bug_fixes", "deprecations",
            ]
        case .ddl: ["migration_id", "sql", "database", "checksum", "applied_at", "description"]
        case .pullRequest:
            [
                "pr_number", "title", "author", "status", "base_branch", "head_branch", "description", "merged_at",
            ]
        case .incident:
            [
                "title", "severity", "resolution_status", "impact", "timeline", "root_cause_analysis",
                "affected_services", "business_impact", "recovery_actions", "incident_commander",
            ]
        case .release:
            [
                "version", "release_type", "scope", "status", "release_date", "included_changes",
                "deployment_strategy", "rollback_plan", "testing_status", "approvers",
            ]
        case .risk:
            [
                "title", "category", "risk_level", "probability", "impact_description", "trigger_events",
                "mitigation_strategies", "owner", "review_date", "status", "related_decisions", "contingency_plans",
            ]
        case .assumption:
            [
                "title", "description", "category", "validation_status", "impact_if_invalid", "validation_criteria",
                "validation_date", "owner", "related_assumptions", "dependencies", "review_frequency",
            ]
        }
    }

    /// The members that any kind may have, each once; those that mean something else beside `data` are not among them.
    package static let allFields: [String] = {
        var fields: [String] = []
        let others = ["scope", "metadata", "data"]
        for kind in allCases {
            for field in kind.fields where !fields.contains(field) && !others.contains(field) { fields.append(field) }
        }
        return fields
    }()
}
