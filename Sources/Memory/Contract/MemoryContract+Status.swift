import JSON

/// What `system_status` can be asked to do, in the contract's order.
enum StatusOperation: String, CaseIterable, Sendable {
    case health, stats, telemetry, metrics
    case document = "get_document"
    case reassemble = "reassemble_document"
    case withChunks = "get_document_with_chunks"
    case purge = "run_purge"
    case purgeReports = "get_purge_reports"
    case purgeStatistics = "get_purge_statistics"
    case cleanup = "run_cleanup"
    case confirmCleanup = "confirm_cleanup"
    case cleanupStatistics = "get_cleanup_statistics"
    case cleanupHistory = "get_cleanup_history"
    case upsertMerge = "upsert_merge"
    case rateLimits = "get_rate_limit_status"
    case trends = "get_performance_trends"
    case diagnostics = "system_diagnostics"
    case delete, export
}

/// The arguments of `system_status`.
enum StatusArguments {
    static let operations = StatusOperation.allCases.map(\.rawValue)

    /// What `tools/list` shows; all others are taken too.
    static let brief = [
        Argument("operation", .choice(["health", "stats"]), "Default health"),
        Argument("scope", SharedArguments.scope, "For stats"),
    ]

    static func arguments(_ settings: MemorySettings) -> [Argument] {
        [
            Argument("operation", .choice(operations), "Default health", default: "health"),
            Argument(
                "document_id", .identifier, "For delete, upsert_merge and the operations on one document",
                aliases: ["id", "memory_id"]),
            Argument("as_of", .timestamp, "For get_document: the version of this moment"),
            Argument("scope", SharedArguments.scope, "For stats and export, and for delete by filter"),
            Argument(
                "types", SharedArguments.kinds, "For export and delete by filter", aliases: ["type", "kind", "kinds"]),
            Argument("filters", SharedArguments.filters(settings), "For export and delete by filter"),
            Argument("dry_run", .boolean, "For delete: false deletes", default: true),
            Argument(
                "confirmation_token", .text(1...128), "For delete by filter: from its dry run", aliases: ["token"]),
            Argument(
                "merge", .openObject(maximumBytes: settings.maximumObjectBytes),
                "For upsert_merge: members of content, data, metadata and tags to merge in"),
            Argument("purge_config", .object(purge), "For run_purge: removes what has expired"),
            Argument("cleanup_config", .object(cleanup), "For run_cleanup"),
            Argument("cleanup_token", .text(1...128), "For confirm_cleanup: from run_cleanup"),
            Argument("stats_period_days", .integer(1...365), "Default 30", default: 30),
            Argument("report_limit", .integer(1...100), "Default 10", default: 10),
            Argument("performance_window_hours", .integer(1...168), "Default 24", default: 24),
            Argument("cursor", .text(1...200), "For export and one document: from the page before"),
            Argument("limit", .integer(1...1_000), "For export: items of a page", default: 100),
            Argument(
                "response_formatting",
                .object([Argument("summary", .boolean, "Shorter"), Argument("verbose", .boolean, "Longer")]),
                "How much is answered"),
        ]
    }

    private static let purge = [
        Argument("dry_run", .boolean, "Default true", default: true),
        Argument("batch_size", .integer(1...1_000), "Default 100", default: 100),
        Argument("max_batches", .integer(1...1_000), "Default 50", default: 50),
    ]

    private static let cleanup = [
        Argument(
            "operations", .list(.choice(CleanupOperation.allCases.map(\.rawValue)), count: 0...5), "What to clean"),
        Argument("dry_run", .boolean, "Default true", default: true),
        Argument("require_confirmation", .boolean, "Default true", default: true),
        Argument("enable_backup", .boolean, "Default true", default: true),
        Argument("confirmation_token", .text(1...128), "From run_cleanup"),
    ]
}
