import JSON

/// What the tools answer, in the same words as their arguments; tests check every answer against them.
enum ResultShapes {
    private static let text = Shape.text(0...Int.max)
    private static let count = Shape.integer(0...Int.max)
    private static let objects = Shape.list(.openObject(maximumBytes: .max), count: 0...Int.max)
    private static let open = Shape.openObject(maximumBytes: .max)

    private static let meta: [Argument] = [
        Argument("duration_ms", .number(0...Double.infinity), required: true),
        Argument(
            "degraded", .boolean, "Whether meaning could not be used, or damaged memories are left out.", required: true
        ),
        Argument("degraded_reason", text),
    ]

    /// What every answer may say of how its arguments were read.
    static let notes = Argument("notes", .list(text, count: 0...Int.max))
    static let nextCursor = Argument("next_cursor", text, "For the next page.")

    static let error = Shape.object([
        Argument("code", text, required: true), Argument("category", text, required: true),
        Argument("message", text, required: true), Argument("field", text),
        Argument("retryable", .boolean, required: true), Argument("retry_after_ms", count),
        Argument("correlation_id", text),
    ])

    static let store = Shape.object([
        notes,
        Argument("items", .list(storedItem, count: 0...Int.max), required: true),
        Argument(
            "summary",
            .object(
                ["total", "stored", "updated", "merged", "similar", "skipped", "blocked", "failed"].map {
                    Argument($0, count, required: true)
                })),
        Argument(
            "autonomous_context",
            .object([
                Argument("action_performed", text, required: true),
                Argument("similar_items_checked", count, required: true),
                Argument("duplicates_found", count, required: true),
                Argument("contradictions", .list(contradiction, count: 0...Int.max), required: true),
                Argument("recommendation", text),
            ])),
        Argument(
            "meta",
            .object(
                [
                    Argument("batch_id", text, required: true), Argument("embedder", text),
                    Argument("deciding_ms", .number(0...Double.infinity)),
                    Argument("writing_ms", .number(0...Double.infinity)),
                ] + meta), required: true),
    ])

    private static let contradiction = Shape.object([
        Argument("input_index", count, required: true),
        Argument("type", .choice(Contradiction.Reason.allCases.map(\.rawValue)), required: true),
        Argument("memory_id", .identifier, "The other memory.", required: true),
    ])

    private static let similarItem = Shape.object([
        Argument("id", .identifier, required: true), Argument("similarity", .number(0...1), required: true),
        Argument("text", text, required: true),
    ])

    private static let storedItem = Shape.object([
        Argument("input_index", count, required: true),
        Argument("status", .choice(ItemStatus.allCases.map(\.rawValue)), required: true),
        Argument("id", .identifier), Argument("kind", .choice(MemoryKind.allCases.map(\.rawValue)), required: true),
        Argument("existing_id", .identifier, "The stored item this is a copy of."),
        Argument("similarity", .number(0...1)), Argument("strategy", text),
        Argument("similar", .list(similarItem, count: 0...Int.max), "Memories it resembles; all are kept."),
        Argument("seen", count, "How often its text was stored."),
        Argument("embedding", .choice(["pending"]), "Its vectors are still to be computed."),
        Argument("expires_at", .timestamp), Argument("chunks", count),
        Argument("insights", objects),
        Argument("warnings", .list(text, count: 0...Int.max)),
        Argument("error", error),
    ])

    /// The members of an item that both a search and a look-up answer with.
    private static let itemMembers: [Argument] = [
        Argument("id", .identifier, required: true),
        Argument("kind", .choice(MemoryKind.allCases.map(\.rawValue)), required: true),
        Argument("scope", SharedArguments.scope, required: true),
        Argument("content", text), Argument("content_length", count, "Characters, where content was cut."),
        Argument("data", open), Argument("data_length", count, "Bytes of data, where a part is shown."),
        Argument("source", open), Argument("metadata", open), Argument("tags", .tags(maximumBytes: .max)),
        Argument("created_at", .timestamp, required: true), Argument("updated_at", .timestamp, required: true),
        Argument("expires_at", .timestamp), Argument("content_from", count, "Characters before those shown."),
        Argument("omitted", .list(text, count: 0...Int.max), "Members left out for their length."),
    ]

    private static let match = Shape.object([
        Argument("start", count, "UTF-8 offset.", required: true), Argument("end", count, required: true),
        Argument("text", text),
    ])

    static let find = Shape.object([
        Argument(
            "items",
            .list(
                .object(
                    itemMembers + [
                        Argument("score", .number(-1000...1000), required: true),
                        Argument(
                            "match_type", .choice(["exact", "semantic", "keyword", "hybrid", "expanded"]),
                            required: true),
                        Argument(
                            "relevance", .choice(["sure", "likely", "weak"]),
                            "weak: nothing stored is close to the query."),
                        Argument("contradictions", objects, "Other items of this page that say the contrary."),
                        Argument("match", match, "Where in a long content the nearest chunk lies."),
                        Argument("highlight", text),
                        Argument("explanation", open), Argument("relations", objects),
                    ]), count: 0...Int.max), required: true),
        Argument("total", count, "Items that could be paged through.", required: true),
        Argument("note", text, "Said when nothing stored is close to the query."),
        Argument("projects", .list(text, count: 0...Int.max), "Existing projects, where the scope matched nothing."),
        Argument("strategy", .choice(["fast", "auto", "deep"]), "The strategy that was used.", required: true),
        Argument("strategy_details", text, required: true), notes, nextCursor,
        Argument("graph", open, "Nodes with depth and path, edges, and how many cycles were met."),
        Argument(
            "meta",
            .object(
                [
                    Argument("search_id", text, required: true), Argument("vector_used", .boolean, required: true),
                    Argument("model_ms", .number(0...Double.infinity), "What of duration_ms the embedder took."),
                    Argument("cached", .boolean, "Whether the result is that of an earlier call."),
                ] + meta), required: true),
    ])

    static let get = Shape.object([
        Argument("items", .list(.object(itemMembers + readMembers), count: 0...Int.max), required: true),
        Argument("missing", .list(.identifier, count: 0...Int.max), "Ids that no memory has."), notes, nextCursor,
        Argument("degraded_reason", text),
    ])

    /// What a look-up says beside the memory.
    private static let readMembers: [Argument] = [
        Argument("version", count, "The number of the version shown."), Argument("merge_history", objects),
        Argument("retired_at", .timestamp, "Since when nothing but versions is kept."),
        Argument("versions", objects), Argument("relations", objects),
        Argument("chunks", .list(match, count: 0...Int.max)),
        Argument("part", open),
    ]

    static let update = Shape.object([
        Argument("item", .object(itemMembers + readMembers), required: true),
        Argument("version", count, required: true), Argument("former_version", count), notes,
        Argument("degraded_reason", text),
    ])

    static let delete = Shape.object([
        Argument("dry_run", .boolean, required: true), Argument("count", count, required: true),
        Argument("ids", .list(.identifier, count: 0...Int.max)),
        Argument("missing", .list(.identifier, count: 0...Int.max)), Argument("token", text),
        Argument("token_expires_at", .timestamp), Argument("erasure", open), notes,
    ])

    static let list = Shape.object([
        Argument("items", .list(.object(itemMembers + readMembers), count: 0...Int.max)),
        Argument("projects", objects), Argument("tags", objects), Argument("total", count), notes, nextCursor,
        Argument("degraded_reason", text),
    ])

    static let status = Shape.object([
        notes,
        Argument("operation", .choice(StatusArguments.operations), required: true),
        Argument("document", .object(itemMembers)),
        Argument("merge_history", objects), Argument("versions", objects),
        Argument("chunks", .list(match, count: 0...Int.max)), Argument("sha256", text, "Of content, in UTF-8."),
        Argument("health", open), Argument("stats", open), Argument("telemetry", open), Argument("metrics", open),
        Argument("trends", objects), Argument("diagnostics", objects), Argument("rate_limits", open),
        Argument("purge", open), Argument("cleanup", open), Argument("reports", objects), Argument("statistics", open),
        Argument("items", objects, "Exported memories."), Argument("next_cursor", text),
        Argument("degraded_reason", text, "Why exported memories may be missing."),
        Argument(
            "deletion",
            .object([
                Argument("dry_run", .boolean, required: true), Argument("count", count, required: true),
                Argument("ids", .list(.identifier, count: 0...Int.max)),
                Argument("confirmation_token", text), Argument("token_expires_at", .timestamp),
            ])),
    ])
}

/// The results in the few members that a program has to know of; `tools/list` shows these.
enum ResultOutlines {
    private static let open = Shape.openObject(maximumBytes: .max)
    private static let list = Argument("items", .list(open, count: 0...Int.max))
    private static let cursor = Argument("next_cursor", .text(0...Int.max))

    static let store = Shape.object([list, Argument("summary", open)])
    static let find = Shape.object([list, cursor])
    static let items = Shape.object([list, cursor])
    static let item = Shape.object([Argument("item", open)])
    static let deletion = Shape.object([Argument("token", .text(0...Int.max))])
    static let status = open
}
