import JSON

/// The arguments of the tools that read, change, delete and list.
enum SmallArguments {
    private static let idNames = ["id", "ids", "memory_id", "document_id", "uri"]

    static let get = [
        Argument("ids", .list(.identifier, count: 1...50), "1 to 50", aliases: idNames, required: true),
        Argument("versions", .boolean, "With former versions", default: false),
        Argument("relations", .boolean, "With relations", default: false),
        Argument("chunks", .boolean, "With the places of chunks", default: false),
        Argument("as_of", .timestamp, "As it was then"),
        Argument("cursor", .text(1...200), "From the page before"),
    ]

    static func update(_ settings: MemorySettings) -> [Argument] {
        [
            Argument("id", .identifier, "The memory", aliases: idNames, required: true),
            Argument("content", .text(1...settings.maximumContentCharacters), "New text", aliases: ["text"]),
            Argument("scope", SharedArguments.scope, "New scope"),
            Argument(
                "data", .openObject(maximumBytes: settings.maximumObjectBytes, known: MemoryKind.allFields),
                "Fields to merge; null removes one"),
            Argument("tags", .tags(maximumBytes: settings.maximumObjectBytes), "New tags", aliases: ["tag"]),
            Argument("metadata", .openObject(maximumBytes: settings.maximumObjectBytes), "New metadata"),
            Argument("kind", .kind(isListed: false), "New kind", aliases: ["type"]),
            Argument("ttl_config", SharedArguments.expiry, "New expiry", aliases: ["ttl"]),
            Argument("restore", .integer(1...Int.max), "Version to bring back"),
            Argument("expected_version", .integer(1...Int.max), "Refuse if it differs"),
        ]
    }

    static func delete(_ settings: MemorySettings) -> [Argument] {
        [
            Argument("ids", .list(.identifier, count: 1...100), "Deleted at once", aliases: idNames),
            Argument(
                "filter",
                .object(
                    [
                        Argument("scope", SharedArguments.scope),
                        Argument("types", SharedArguments.kinds, aliases: ["type", "kind", "kinds"]),
                        Argument("filters", SharedArguments.filters(settings), isTransparent: true),
                        Argument("ttl_filters", SharedArguments.expiryFilters),
                    ], isSketched: true), "scope, types, filters of memory_find", aliases: ["filters", "where"]),
            Argument("dry_run", .boolean, "Default true with filter, false with ids"),
            Argument("token", .text(1...128), "From the dry run", aliases: ["confirmation_token"]),
            Argument("erase", .boolean, "Also zero the bytes", default: false),
        ]
    }

    static let list = [
        Argument("what", .choice(["memories", "projects", "tags"]), "Default memories", default: "memories"),
        Argument("project", .text(1...200), "Of this project", aliases: ["scope"]),
        Argument("kinds", SharedArguments.kinds, "Of these kinds", aliases: ["kind", "types", "type"]),
        Argument("tags", SharedArguments.tags, "All of these", aliases: ["tag"]),
        Argument("status", .text(1...200), "Such as pending"),
        Argument("session", .text(1...200), "Conversation", aliases: ["session_id"]),
        Argument("created_after", .timestamp, "ISO 8601", aliases: ["after", "since"]),
        Argument("created_before", .timestamp, "ISO 8601", aliases: ["before", "until"]),
        Argument(
            "order", .choice(["newest", "oldest", "updated"]), "Default newest", aliases: ["sort", "order_by"],
            default: "newest"),
        Argument("limit", .integer(1...100), "Default 20", aliases: ["top_k", "max_results"], default: 20),
        Argument("cursor", .text(1...200), "From the page before"),
    ]
}
