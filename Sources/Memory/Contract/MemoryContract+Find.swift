import JSON

/// The arguments of `memory_find`.
enum FindArguments {
    static func arguments(_ settings: MemorySettings) -> [Argument] {
        [
            Argument("query", .text(1...1_000), "What to look for, in words.", required: true),
            Argument("scope", SharedArguments.scope, "Only items with these values; without it all scopes."),
            Argument("types", .list(.choice(SharedArguments.kinds), count: 0...16), "Only these kinds."),
            Argument(
                "search_strategy", .choice(["fast", "auto", "deep"]),
                "fast: words alone; auto: words and meaning; deep: wider, with what is related.", aliases: ["mode"],
                default: "auto"),
            Argument("limit", .integer(1...100), aliases: ["top_k"], default: 10),
            Argument("offset", .integer(0...1_000), default: 0),
            Argument("as_of", .timestamp, "What was known at this moment."),
            Argument("graph_expansion", .object(expansion(settings)), "Related items beside those found."),
            Argument("expand", .choice(Expansion.Kind.allCases.map(\.rawValue)), "Same as its expansion_type."),
            Argument("filters", SharedArguments.filters(settings)),
            Argument("ttl_filters", .object(expiry)),
            Argument("formatting", .object(formatting(settings))),
            Argument("optimization", .object(optimization)),
        ]
    }

    private static func expansion(_ settings: MemorySettings) -> [Argument] {
        [
            Argument("enabled", .boolean),
            Argument("expansion_type", .choice(Expansion.Kind.allCases.map(\.rawValue))),
            Argument("max_depth", .integer(1...5), "2 unless said."),
            Argument("max_nodes", .integer(1...settings.maximumGraphNodes), "100 unless said."),
            Argument("relation_types", .list(.text(1...200), count: 0...50)),
            Argument("direction", .choice(Expansion.Direction.allCases.map(\.rawValue)), "both unless said."),
        ]
    }

    private static let expiry = [
        Argument("include_expired", .boolean, default: false),
        Argument("expires_before", .timestamp), Argument("expires_after", .timestamp),
        Argument("ttl_policies", .list(.choice(ExpiryChoice.policies + ["kind_days", "explicit"]), count: 0...6)),
    ]

    private static let optimization = [
        Argument("timeout_ms", .integer(1...600_000)),
        Argument(
            "enable_caching", .boolean, "Whether the same search may be answered from memory while nothing changed.",
            default: false),
        Argument("recency_weight", .number(0...1), "How much newer items are preferred; 0 unless said."),
        Argument("diversity", .number(0...1), "How much items unlike those before are preferred; 0 unless said."),
    ]

    private static func formatting(_ settings: MemorySettings) -> [Argument] {
        [
            Argument("include_content", .boolean, default: true),
            Argument("include_metadata", .boolean, default: true),
            Argument("include_relations", .boolean, default: false),
            Argument("include_similarity_explanation", .boolean, default: false),
            Argument("highlight_matches", .boolean, default: false),
            Argument(
                "max_content_length", .integer(1...settings.maximumContentCharacters),
                "Longer text is cut, its full length said.", default: .integer(Int64(settings.contentCharacters))),
        ]
    }
}
