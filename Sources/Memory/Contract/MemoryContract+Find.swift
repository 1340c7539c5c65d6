import JSON

/// The arguments of `memory_find`.
enum FindArguments {
    static func arguments(_ settings: MemorySettings) -> [Argument] {
        [
            Argument(
                "query", .text(1...settings.maximumQueryCharacters), "What to look for",
                aliases: ["q", "question", "text", "content"], required: true),
            Argument("scope", SharedArguments.scope, "A project, \"here\", or as in memory_store"),
            Argument("types", SharedArguments.kinds, "Kinds", aliases: ["type", "kind", "kinds"]),
            Argument(
                "search_strategy", .choice(["fast", "auto", "deep"]), "fast: words; deep: wider",
                aliases: ["mode", "strategy"], default: "auto"),
            Argument("limit", .integer(1...100), "Default 10", aliases: ["top_k", "k", "max_results"], default: 10),
            Argument("offset", .integer(0...1_000), "Skip so many", default: 0),
            Argument("cursor", .text(1...200), "From the page before"),
            Argument("as_of", .timestamp, "What was known then"),
            Argument("min_relevance", .number(0...1), "Hide hits below", aliases: ["min_score", "threshold"]),
            Argument("explain", .boolean, "Parts of each score", default: false),
            Argument(
                "filters", SharedArguments.filters(settings),
                "tags, metadata, status and other fields, created_after/before", aliases: ["filter", "where"]),
            Argument("ttl_filters", SharedArguments.expiryFilters, "include_expired, expires_before, ttl_policies"),
            Argument(
                "graph_expansion",
                .object(expansion(settings), plain: ["enabled", "expansion_type"], isSketched: true),
                "Related memories: expansion_type, max_depth, direction"),
            Argument(
                "formatting", .object(formatting(settings), isSketched: true),
                "max_content_length, include_relations, highlight_matches"),
            Argument("optimization", .object(optimization, isSketched: true), "timeout_ms, recency_weight, diversity"),
        ]
    }

    private static func expansion(_ settings: MemorySettings) -> [Argument] {
        [
            Argument("enabled", .boolean),
            Argument("expansion_type", .choice(Expansion.Kind.allCases.map(\.rawValue)), aliases: ["expand"]),
            Argument("max_depth", .integer(1...5), aliases: ["depth"]),
            Argument("max_nodes", .integer(1...settings.maximumGraphNodes)),
            Argument("relation_types", .list(.text(1...200), count: 0...50)),
            Argument("direction", .choice(Expansion.Direction.allCases.map(\.rawValue))),
        ]
    }

    private static let optimization = [
        Argument("timeout_ms", .integer(1...600_000), aliases: ["timeout"]),
        Argument("enable_caching", .boolean, default: false),
        Argument("recency_weight", .number(0...1)), Argument("diversity", .number(0...1)),
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
                default: .integer(Int64(settings.contentCharacters))),
        ]
    }
}
