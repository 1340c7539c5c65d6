import JSON

/// The arguments of `memory_store`.
enum StoreArguments {
    static func shape(_ settings: MemorySettings) -> Shape {
        .object([
            Argument(
                "items", .batch(item(settings), count: 1...settings.maximumBatch), "Up to \(settings.maximumBatch)",
                aliases: ["item", "memories", "memory"], required: true),
            Argument(
                "deduplication", .object(deduplication, plain: ["enabled", "merge_strategy"], isSketched: true),
                "merge_strategy " + MergeStrategy.allCases.map(\.rawValue).joined(separator: ", "),
                aliases: ["dedupe", "dedup"]),
            Argument(
                "global_ttl", SharedArguments.expiry, "As ttl_config", aliases: ["ttl"]),
            Argument("global_truncation", truncation, "As truncation_config"),
            Argument("global_insights", insights, "As insights_config"),
            Argument(
                "processing", .object(processing, isSketched: true),
                "strict: kind fields must be right"),
        ])
    }

    private static func item(_ settings: MemorySettings) -> Shape {
        .object(
            [
                Argument(
                    "kind", .kind(isListed: true), "Default observation", aliases: ["type"], default: "observation"),
                Argument(
                    "content", .text(1...settings.maximumContentCharacters), "The memory as text", aliases: ["text"]),
                Argument("scope", SharedArguments.scope, "Default: here. \(SharedArguments.scopeSummary)"),
                Argument(
                    "source", .object(source, plain: ["actor"], isSketched: true), "actor, tool, timestamp, session"),
                Argument(
                    "data", .openObject(maximumBytes: settings.maximumObjectBytes, known: MemoryKind.allFields),
                    "Fields of the kind: title, status, owner, supersedes"),
                Argument(
                    "tags", .tags(maximumBytes: settings.maximumObjectBytes), "Words to filter by", aliases: ["tag"]),
                Argument("metadata", .openObject(maximumBytes: settings.maximumObjectBytes), "Anything else"),
                Argument("idempotency_key", .text(1...256), "Same key, same result"),
                Argument("ttl_config", SharedArguments.expiry, SharedArguments.expirySummary, aliases: ["ttl"]),
                Argument("truncation_config", truncation, "Cut long text: max_chars, mode"),
                Argument("insights_config", insights, "Statistics: insight_types"),
            ], oneOf: ["content", "data"], plain: ["content"])
    }

    private static let source = [
        Argument("actor", .text(0...200)), Argument("tool", .text(0...200)), Argument("timestamp", .timestamp),
        Argument("session", .text(0...200), aliases: ["session_id"]),
    ]

    private static let truncation = Shape.object(
        [
            Argument("enabled", .boolean), Argument("max_chars", .integer(100...1_000_000)),
            Argument("max_tokens", .integer(50...100_000)),
            Argument("mode", .choice(["hard", "soft", "intelligent"])),
            Argument("preserve_structure", .boolean), Argument("add_indicators", .boolean),
            Argument("indicator", .text(0...50)),
        ], plain: ["enabled", "max_chars", "mode"], isSketched: true)

    private static let insights = Shape.object(
        [
            Argument("enabled", .boolean),
            Argument("insight_types", .list(.choice(Insights.kinds), count: 0...Insights.kinds.count)),
            Argument("confidence_threshold", .number(0...1)), Argument("max_insights", .integer(1...50)),
        ], plain: ["enabled"], isSketched: true)

    private static let deduplication = [
        Argument("enabled", .boolean, default: true),
        Argument(
            "merge_strategy", .choice(MergeStrategy.allCases.map(\.rawValue)), aliases: ["strategy"],
            default: "intelligent"),
        Argument("similarity_threshold", .number(0.1...1), aliases: ["threshold"], default: 0.85),
        Argument("check_within_scope_only", .boolean, default: true),
        Argument("cross_scope_deduplication", .boolean, default: false),
        Argument("dedupe_window_days", .integer(1...365), default: 30),
        Argument("allow_newer_versions", .boolean, default: true),
        Argument("preserve_merge_history", .boolean, default: false),
        Argument("max_merge_history_entries", .integer(0...100), default: 10),
        Argument("max_items_to_check", .integer(1...1_000), default: 100),
    ]

    private static let processing = [
        Argument("enable_validation", .boolean, default: true), Argument("return_summaries", .boolean, default: true),
        Argument("strict", .boolean, default: false), Argument("include_metrics", .boolean, default: false),
    ]

    // MARK: An item without its list

    /// One item may be given as the call itself; beside `items`, members of an item count for all that lack them.
    static func prepared(_ settings: MemorySettings) -> MemoryTool.Preparation {
        guard case .object(let ofItem, _, _, _) = item(settings), case .object(let ofCall, _, _, _) = shape(settings)
        else { preconditionFailure("the contract declares both as objects") }
        let itemShape = item(settings)
        @Sendable func isItems(_ key: String) -> Bool { Shape.argument(called: key, in: ofCall)?.name == "items" }
        /// A member of an item, and no argument of the call.
        @Sendable func isOfItem(_ key: String) -> Bool {
            Shape.argument(called: key, in: ofCall) == nil
                && (Shape.argument(called: key, in: ofItem) != nil || itemShape.holds(key))
        }
        @Sendable func isText(_ key: String) -> Bool { Shape.argument(called: key, in: ofItem)?.name == "content" }
        return { arguments, reading in
            let own = arguments.filter { isOfItem($0.key) && !$0.value.isNull }
            guard !own.isEmpty else { return arguments }
            var prepared = arguments.filter { !isOfItem($0.key) }
            guard let key = arguments.keys.first(where: { isItems($0) && !(arguments[$0]?.isNull ?? true) }) else {
                reading.note("arguments", "read as one item")
                prepared = prepared.filter { !isItems($0.key) }
                prepared["items"] = [.object(own)]
                return prepared
            }
            // A text beside the items is an item too many, which the shape refuses.
            let shared = own.filter { !isText($0.key) }
            for (name, value) in own where isText(name) { prepared[name] = value }
            let places = shared.filter { SharedArguments.scope.holds($0.key) }
            prepared[key] = dressed(arguments[key] ?? .null, in: shared, places: places, &reading)
            return prepared
        }
    }

    /// - Parameter places: those of the shared members that are levels of a scope, for items that have no scope.
    private static func dressed(
        _ items: JSONValue, in shared: JSONObject, places: JSONObject, _ reading: inout Reading
    ) -> JSONValue {
        guard !shared.isEmpty else { return items }
        var items = items
        if let text = items.stringValue {
            let isJSON = ["[", "{"].contains(text.first { !$0.isWhitespace })
            // Broken JSON is refused where the items are read.
            if !isJSON { items = [items] } else if let parsed = try? JSONParser.parse(text) { items = parsed }
        }
        if items.objectValue != nil { items = [items] }
        guard let elements = items.arrayValue else { return items }
        for name in shared.keys { reading.note(name, "read as a member of every item that has none") }
        return .array(
            elements.map { element in
                guard var members = element.objectValue ?? element.stringValue.map({ ["content": .string($0)] }) else {
                    return element
                }
                let hasScope = members["scope"].map { !$0.isNull } ?? false
                for (name, value) in shared where members[name] == nil && !(hasScope && places[name] != nil) {
                    members[name] = value
                }
                return .object(members)
            })
    }
}
