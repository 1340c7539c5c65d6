import JSON

/// The arguments of `memory_store`.
enum StoreArguments {
    static func arguments(_ settings: MemorySettings) -> [Argument] {
        [
            Argument(
                "items", .list(item(settings), count: 1...settings.maximumBatch), "What to keep.", required: true),
            Argument("deduplication", .object(deduplication), "How copies and near copies are treated."),
            Argument("global_ttl", .object(expiry), "Expiry for items that do not say."),
            Argument("global_truncation", .object(truncation), "For items that do not say."),
            Argument("global_insights", .object(insights), "For items that do not say."),
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
                Argument("ttl_config", .object(expiry), "When it ends."),
                Argument("truncation_config", .object(truncation), "Cuts long text instead of chunking it."),
                Argument("insights_config", .object(insights), "Statistics on the item, in its result."),
            ], oneOf: ["content", "data"])
    }

    private static let source = [
        Argument("actor", .text(0...200)), Argument("tool", .text(0...200)), Argument("timestamp", .timestamp),
        Argument("session", .text(0...200)),
    ]

    private static let expiry = [
        Argument(
            "policy", .choice(ExpiryChoice.policies),
            "short 24 hours, default 30 days, long 90 days; without one the kind decides."),
        Argument("expires_at", .timestamp, "The moment itself; it outranks policy."),
        Argument("auto_extend", .boolean, "A read near the end moves the end."),
        Argument("extend_threshold_days", .integer(1...180), "How near; 7 unless said."),
        Argument("max_extensions", .integer(0...10), "How often; 3 unless said."),
    ]

    private static let truncation = [
        Argument("enabled", .boolean),
        Argument("max_chars", .integer(100...1_000_000), "10000 unless said."),
        Argument("max_tokens", .integer(50...100_000)),
        Argument("mode", .choice(["hard", "soft", "intelligent"]), "At the limit, a word, or a sentence."),
        Argument("preserve_structure", .boolean), Argument("add_indicators", .boolean),
        Argument("indicator", .text(0...50)),
    ]

    private static let insights = [
        Argument("enabled", .boolean),
        Argument(
            "insight_types",
            .list(.choice(Insights.kinds), count: 0...Insights.kinds.count)),
        Argument("confidence_threshold", .number(0...1)), Argument("max_insights", .integer(1...50)),
    ]

    private static let deduplication = [
        Argument("enabled", .boolean, default: true),
        Argument(
            "merge_strategy", .choice(MergeStrategy.allCases.map(\.rawValue)),
            "intelligent: the newer wins; where nearly equal, both are combined.", default: "intelligent"),
        Argument("similarity_threshold", .number(0.1...1), default: 0.85),
        Argument("check_within_scope_only", .boolean, default: true),
        Argument("cross_scope_deduplication", .boolean, default: false),
        Argument("dedupe_window_days", .integer(1...365), default: 30),
        Argument("allow_newer_versions", .boolean, default: true),
        Argument("preserve_merge_history", .boolean, default: false),
        Argument("max_merge_history_entries", .integer(0...100), default: 10),
        Argument("max_items_to_check", .integer(1...1_000), default: 100),
    ]

    private static let processing = [
        Argument("enable_validation", .boolean, "Whether kind fields are checked.", default: true),
        Argument("return_summaries", .boolean, default: true),
        Argument("strict", .boolean, "Refuse items whose kind fields are missing or wrong.", default: false),
        Argument("include_metrics", .boolean, "Times of the steps, in meta.", default: false),
    ]
}
