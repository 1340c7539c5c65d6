import JSON

/// The three tools as an agent sees them: names, texts, arguments and results, declared once.
package struct MemoryContract: Sendable {
    package let store: MemoryTool
    package let find: MemoryTool
    package let status: MemoryTool

    package init(_ settings: MemorySettings = MemorySettings()) {
        store = MemoryTool(
            name: "memory_store", title: "Store memories",
            summary: "Keep facts, decisions, todos, incidents and other memories for later sessions. Exact copies in "
                + "one scope are kept once. Every item answers with its status and its id.",
            arguments: .object(StoreArguments.arguments(settings)), result: ResultShapes.store,
            isReadOnly: false, isDestructive: false, isIdempotent: true)
        find = MemoryTool(
            name: "memory_find", title: "Find memories",
            summary: "Find memories by meaning and by words. Scope, types and filters narrow what is searched.",
            arguments: .object(FindArguments.arguments(settings)), result: ResultShapes.find,
            isReadOnly: true, isDestructive: false, isIdempotent: true)
        status = MemoryTool(
            name: "system_status", title: "Look after the memory",
            summary:
                "Health and statistics, one memory by its id, and deletion (which first answers what it would do).",
            arguments: .object(StatusArguments.arguments(settings)), result: ResultShapes.status,
            isReadOnly: false, isDestructive: true, isIdempotent: true)
    }

    /// In the order of `tools/list`.
    package var tools: [MemoryTool] { [store, find, status] }
}

/// One tool: what `tools/list` shows, and the check of what `tools/call` sends.
package struct MemoryTool: Sendable {
    package let name: String
    package let title: String
    package let summary: String
    package let arguments: Shape
    package let result: Shape
    package let isReadOnly: Bool
    package let isDestructive: Bool
    package let isIdempotent: Bool

    package var inputSchema: JSONValue { Self.document(arguments) }
    package var outputSchema: JSONValue { Self.document(result) }

    package var annotations: JSONValue {
        [
            "title": .string(title), "readOnlyHint": .bool(isReadOnly), "destructiveHint": .bool(isDestructive),
            "idempotentHint": .bool(isIdempotent), "openWorldHint": false,
        ]
    }

    /// The arguments in their checked form: one spelling, defaults filled in, nothing unknown.
    package func checked(_ arguments: JSONObject) throws(MemoryError) -> JSONObject {
        try self.arguments.checked(.object(arguments), at: "").objectValue ?? [:]
    }

    private static func document(_ shape: Shape) -> JSONValue {
        var schema: JSONObject = ["$schema": "https://json-schema.org/draft/2020-12/schema"]
        schema.merge(shape.schema) { $1 }
        return .object(schema)
    }
}

/// Shapes that several tools use.
enum SharedArguments {
    static let scope = Shape.object(MemoryScope.keys.map { Argument($0, .text(0...200)) })

    static let kinds = MemoryKind.allCases.map(\.rawValue)

    static func filters(_ settings: MemorySettings) -> Shape {
        .object([
            Argument("created_after", .timestamp), Argument("created_before", .timestamp),
            Argument("updated_after", .timestamp), Argument("updated_before", .timestamp),
            Argument("tags", .list(.text(1...200), count: 0...50), "All of these; key:value for tags with values."),
            Argument("metadata", .openObject(maximumBytes: 16_384), "Members that must be equal."),
            Argument("confidence_min", .number(0...1)), Argument("confidence_max", .number(0...1)),
        ])
    }
}

/// The arguments of `memory_store`.
enum StoreArguments {
    static func arguments(_ settings: MemorySettings) -> [Argument] {
        [
            Argument(
                "items", .list(item(settings), count: 1...settings.maximumBatch), "What to keep.", required: true),
            Argument("deduplication", .object(deduplication), "How exact copies are treated."),
            Argument("global_ttl", expiry, "Expiry for items that do not say."),
            Argument("global_truncation", disabled(truncation), availability: .hidden),
            Argument("global_insights", disabled(insights), availability: .hidden),
            Argument("processing", .object(processing)),
        ]
    }

    private static func item(_ settings: MemorySettings) -> Shape {
        .object(
            [
                Argument("kind", .choice(SharedArguments.kinds), "What the memory is about.", required: true),
                Argument(
                    "content", .text(1...settings.maximumContentCharacters), "The memory as text.", required: false),
                Argument(
                    "data", .openObject(maximumBytes: settings.maximumObjectBytes),
                    "The memory as fields of its kind: title, status, owner, …"),
                Argument("scope", SharedArguments.scope, "Where it belongs; by default where the session stands."),
                Argument("source", .object(source), "Who said it, when, in which conversation."),
                Argument("metadata", .openObject(maximumBytes: settings.maximumObjectBytes)),
                Argument("tags", .tags(maximumBytes: settings.maximumObjectBytes)),
                Argument(
                    "idempotency_key", .text(1...256), "The same key in the same scope answers with the first result."),
                Argument("ttl_config", expiry, "When it ends."),
                Argument("truncation_config", disabled(truncation), availability: .hidden),
                Argument("insights_config", disabled(insights), availability: .hidden),
            ], oneOf: ["content", "data"])
    }

    private static let source = [
        Argument("actor", .text(0...200)), Argument("tool", .text(0...200)), Argument("timestamp", .timestamp),
        Argument("session", .text(0...200)),
    ]

    private static let expiry = Shape.object(
        [
            Argument(
                "policy", .choice(ExpiryChoice.policies),
                "short 24 hours, default 30 days, long 90 days; without one the kind decides."),
            Argument("expires_at", .timestamp, "The moment itself; it outranks policy."),
            Argument("auto_extend", .only(false), availability: .hidden),
        ] + Argument.unavailable("extend_threshold_days", "max_extensions"))

    private static let truncation = [
        "max_chars", "max_tokens", "mode", "preserve_structure", "add_indicators", "indicator",
    ]
    private static let insights = ["insight_types", "confidence_threshold", "max_insights"]

    /// An option that can only be off: `enabled` false is taken, everything else is refused by name.
    private static func disabled(_ names: [String]) -> Shape {
        .object([Argument("enabled", .only(false))] + names.map { Argument.unavailable($0) })
    }

    private static let deduplication =
        [
            Argument("enabled", .boolean, default: true),
            Argument(
                "merge_strategy",
                .choice(["skip", "prefer_existing", "prefer_newer", "intelligent"], unavailable: ["combine"]),
                "What an exact copy does: nothing, or renew the stored one (prefer_newer; intelligent does while "
                    + "allow_newer_versions).", default: "intelligent"),
            Argument("check_within_scope_only", .boolean, default: true),
            Argument("cross_scope_deduplication", .boolean, default: false),
            Argument("allow_newer_versions", .boolean, default: true),
            Argument("preserve_merge_history", .only(false), availability: .hidden),
        ]
        + Argument.unavailable(
            "similarity_threshold", "dedupe_window_days", "max_merge_history_entries", "max_items_to_check")

    private static let processing = [
        Argument("enable_validation", .boolean, "Whether kind fields are checked.", default: true),
        Argument("return_summaries", .boolean, default: true),
        Argument("strict", .boolean, "Refuse items whose kind fields are missing or wrong.", default: false),
        Argument("include_metrics", .only(false), availability: .hidden),
    ]
}

/// The arguments of `memory_find`.
enum FindArguments {
    static func arguments(_ settings: MemorySettings) -> [Argument] {
        [
            Argument("query", .text(1...1_000), "What to look for, in words.", required: true),
            Argument("scope", SharedArguments.scope, "Only items with these values; without it all scopes."),
            Argument("types", .list(.choice(SharedArguments.kinds), count: 0...16), "Only these kinds."),
            Argument(
                "search_strategy", .choice(["fast", "auto", "deep"]),
                "fast: words alone; auto: words and meaning; deep: the same over more candidates.", aliases: ["mode"],
                default: "auto"),
            Argument("limit", .integer(1...100), aliases: ["top_k"], default: 10),
            Argument("offset", .integer(0...1_000), default: 0),
            Argument("graph_expansion", expansion, availability: .hidden),
            Argument("expand", .choice(["none"], unavailable: expansions), availability: .hidden),
            Argument("filters", SharedArguments.filters(settings)),
            Argument("ttl_filters", .object(expiry)),
            Argument("formatting", .object(formatting(settings))),
            Argument.unavailable("optimization"),
        ]
    }

    private static let expansions = ["relations", "parents", "children", "all"]

    private static let expansion = Shape.object(
        [
            Argument("enabled", .only(false)),
            Argument("expansion_type", .choice(["none"], unavailable: expansions)),
        ] + Argument.unavailable("max_depth", "max_nodes", "relation_types", "direction"))

    private static let expiry = [
        Argument("include_expired", .boolean, default: false),
        Argument("expires_before", .timestamp), Argument("expires_after", .timestamp),
        Argument("ttl_policies", .list(.choice(ExpiryChoice.policies + ["kind", "explicit"]), count: 0...6)),
    ]

    private static func formatting(_ settings: MemorySettings) -> [Argument] {
        [
            Argument("include_content", .boolean, default: true),
            Argument("include_metadata", .boolean, default: true),
            Argument("include_similarity_explanation", .boolean, default: false),
            Argument("highlight_matches", .boolean, default: false),
            Argument(
                "max_content_length", .integer(1...settings.maximumContentCharacters),
                "Longer text is cut, its full length said.", default: .integer(Int64(settings.contentCharacters))),
            Argument("include_relations", .only(false), availability: .hidden),
        ]
    }
}

/// The arguments of `system_status`.
enum StatusArguments {
    static let operations = [
        "health", "stats", "get_document", "get_document_with_chunks", "reassemble_document", "delete",
    ]

    /// Operations of the contract that this version refuses by name.
    static let unavailable = [
        "telemetry", "metrics", "run_purge", "get_purge_reports",
        "get_purge_statistics", "run_cleanup", "confirm_cleanup", "get_cleanup_statistics", "get_cleanup_history",
        "upsert_merge", "get_rate_limit_status", "get_performance_trends", "system_diagnostics", "export",
    ]

    static func arguments(_ settings: MemorySettings) -> [Argument] {
        [
            Argument("operation", .choice(operations, unavailable: unavailable), required: true),
            Argument("document_id", .identifier, "For delete and the operations on one document."),
            Argument("scope", SharedArguments.scope, "For stats, and for delete by filter."),
            Argument("types", .list(.choice(SharedArguments.kinds), count: 0...16), "For delete by filter."),
            Argument("filters", SharedArguments.filters(settings), "For delete by filter."),
            Argument("dry_run", .boolean, "For delete: false deletes.", default: true),
            Argument("confirmation_token", .text(1...128), "For delete by filter: from its dry run."),
        ]
            + Argument.unavailable(
                "purge_config", "cleanup_config", "cleanup_token", "stats_period_days", "report_limit",
                "performance_window_hours", "response_formatting")
    }
}
