import JSON
import Memory
import Testing

/// One call's arguments and what must become of them.
struct ArgumentCase: Sendable, CustomTestStringConvertible {
    let name: String
    let arguments: JSONObject
    /// nil when the arguments are taken.
    let fault: (code: MemoryError.Code, field: String)?

    var testDescription: String { name }

    init(_ name: String, _ arguments: JSONObject, _ code: MemoryError.Code? = nil, _ field: String = "") {
        self.name = name
        self.arguments = arguments
        fault = code.map { ($0, field) }
    }

    /// `memory_store` of one item that is right but for `member`.
    static func item(
        _ member: String, _ value: JSONValue, _ code: MemoryError.Code? = nil, at field: String? = nil
    ) -> ArgumentCase {
        var item: JSONObject = ["kind": "todo", "content": "x"]
        item[member] = value
        let place = "items[0]." + (field ?? member)
        return ArgumentCase("\(place) \(code?.rawValue ?? "taken")", ["items": [.object(item)]], code, place)
    }

    /// `memory_store` of one good item and `value` for `member`.
    static func call(
        _ member: String, _ value: JSONValue, _ code: MemoryError.Code? = nil, at field: String? = nil
    ) -> ArgumentCase {
        let arguments: JSONObject = ["items": [["kind": "todo", "content": "x"]], member: value]
        return ArgumentCase("\(field ?? member) \(code?.rawValue ?? "taken")", arguments, code, field ?? member)
    }

    /// `memory_find` of a good query and `value` for `member`.
    static func find(
        _ member: String, _ value: JSONValue, _ code: MemoryError.Code? = nil, at field: String? = nil
    ) -> ArgumentCase {
        var arguments: JSONObject = ["query": "x"]
        arguments[member] = value
        return ArgumentCase("\(field ?? member) \(code?.rawValue ?? "taken")", arguments, code, field ?? member)
    }
}

private func long(_ count: Int) -> JSONValue { .string(String(repeating: "x", count: count)) }
private func items(_ count: Int) -> JSONValue {
    .array(Array(repeating: ["kind": "todo", "content": "x"], count: count))
}

@Suite struct ContractTests {
    static let contract = MemoryContract()

    private func check(_ tool: MemoryTool, _ testCase: ArgumentCase) {
        do {
            _ = try tool.checked(testCase.arguments)
            #expect(testCase.fault == nil, "was taken")
        } catch {
            #expect(error.code == testCase.fault?.code, "\(error)")
            #expect(error.field == testCase.fault?.field)
            #expect(!error.message.isEmpty && !error.isRetryable)
        }
    }

    static let storeCases: [ArgumentCase] = [
        ArgumentCase("no items", [:], .missing, "items"), ArgumentCase("null items", ["items": nil], .missing, "items"),
        ArgumentCase("0 items", ["items": items(0)], .outOfRange, "items"),
        ArgumentCase("1 item", ["items": items(1)]), ArgumentCase("100 items", ["items": items(100)]),
        ArgumentCase("101 items", ["items": items(101)], .outOfRange, "items"),
        ArgumentCase("items a text", ["items": "x"]), ArgumentCase("items a number", ["items": 7], .wrongType, "items"),
        ArgumentCase("items one object", ["items": ["content": "x"]]),
        ArgumentCase("item a text", ["items": ["x"]]),
        ArgumentCase("item a flag", ["items": [true]], .wrongType, "items[0]"),
        ArgumentCase("no kind", ["items": [["content": "x"]]]),
        ArgumentCase("no content", ["items": [["kind": "todo"]]], .missing, "items[0].content"),
        ArgumentCase("data alone", ["items": [["kind": "todo", "data": ["title": "x"]]]]),
        ArgumentCase(
            "fourth item's kind", ["items": .array((items(3).arrayValue ?? []) + [["kind": 3, "content": "x"]])],
            .wrongType, "items[3].kind"),
        .item("kind", 3, .wrongType), .item("kind", "TODO"), .item("kind", "tado"), .item("kind", "preference"),
        .item("content", "", .missing), .item("content", long(200_000)),
        .item("content", long(200_001), .outOfRange),
        .item("content", 3), .item("content", ["a": 1], .wrongType), .item("data", [:]), .item("data", "x", .wrongType),
        .item("data", ["x": long(262_136)]), .item("data", ["x": long(262_137)], .outOfRange),
        .item("metadata", [1], .wrongType), .item("metadata", ["any": ["thing": 1]]),
        .item("tags", ["a", "b"]), .item("tags", ["a": 1]), .item("tags", "a"),
        .item("tags", ["a", [:]], .wrongType, at: "tags[1]"), .item("idempotency_key", ""),
        .item("idempotency_key", long(256)), .item("idempotency_key", long(257), .outOfRange),
        .item("scope", ["project": long(200)]),
        .item("scope", ["project": long(201)], .outOfRange, at: "scope.project"),
        .item("scope", ["projct": "x"], .schema, at: "scope.projct"), .item("scope", "x"), .item("scope", [:]),
        .item("scope", [1, 2], .wrongType),
        .item("source", ["actor": "Ana", "tool": "t", "session": "s", "timestamp": "2026-01-31"]),
        .item("source", ["timestamp": "yesterday"], .pattern, at: "source.timestamp"),
        .item("source", ["timestamp": 12], .wrongType, at: "source.timestamp"),
        .item("ttl_config", ["policy": "short"]),
        .item("ttl_config", ["policy": "brief"], .pattern, at: "ttl_config.policy"),
        .item("ttl_config", ["expires_at": "2026-13-01"], .pattern, at: "ttl_config.expires_at"),
        .item("ttl_config", ["auto_extend": false]),
        .item("ttl_config", ["auto_extend": true, "extend_threshold_days": 1, "max_extensions": 0]),
        .item("ttl_config", ["extend_threshold_days": 180, "max_extensions": 10]),
        .item("ttl_config", ["extend_threshold_days": 0], .outOfRange, at: "ttl_config.extend_threshold_days"),
        .item("ttl_config", ["extend_threshold_days": 181], .outOfRange, at: "ttl_config.extend_threshold_days"),
        .item("ttl_config", ["max_extensions": 11], .outOfRange, at: "ttl_config.max_extensions"),
        .item("truncation_config", ["enabled": false]),
        .item("truncation_config", ["max_chars": 100]), .item("truncation_config", ["max_chars": 1_000_000]),
        .item("truncation_config", ["max_chars": 99], .outOfRange, at: "truncation_config.max_chars"),
        .item("truncation_config", ["max_chars": 1_000_001], .outOfRange, at: "truncation_config.max_chars"),
        .item("truncation_config", ["max_tokens": 49], .outOfRange, at: "truncation_config.max_tokens"),
        .item("truncation_config", ["max_tokens": 100_001], .outOfRange, at: "truncation_config.max_tokens"),
        .item("truncation_config", ["mode": "soft"]),
        .item("truncation_config", ["mode": "softly"], .pattern, at: "truncation_config.mode"),
        .item("truncation_config", ["indicator": long(50)]),
        .item("truncation_config", ["indicator": long(51)], .outOfRange, at: "truncation_config.indicator"),
        .item("insights_config", ["enabled": true, "insight_types": ["summary", "trends"]]),
        .item("insights_config", ["insight_types": ["mood"]], .pattern, at: "insights_config.insight_types[0]"),
        .item("insights_config", ["confidence_threshold": 2], .outOfRange, at: "insights_config.confidence_threshold"),
        .item("contents", "x", .schema), .item("id", "x", .schema),
        .call("deduplication", ["merge_strategy": "skip"]), .call("deduplication", ["merge_strategy": "intelligent"]),
        .call("deduplication", ["merge_strategy": "combine"]), .call("deduplication", ["merge_strategy": "skip"]),
        .call("deduplication", ["merge_strategy": "prefer_existing"]),
        .call("deduplication", ["merge_strategy": "prefer_newer"]),
        .call(
            "deduplication", ["merge_strategy": "newest"], .pattern, at: "deduplication.merge_strategy"),
        .call("deduplication", ["similarity_threshold": 0.1]), .call("deduplication", ["similarity_threshold": 1]),
        .call(
            "deduplication", ["similarity_threshold": 0.09], .outOfRange, at: "deduplication.similarity_threshold"),
        .call("deduplication", ["similarity_threshold": 1.01], .outOfRange, at: "deduplication.similarity_threshold"),
        .call("deduplication", ["dedupe_window_days": 365]),
        .call("deduplication", ["dedupe_window_days": 0], .outOfRange, at: "deduplication.dedupe_window_days"),
        .call("deduplication", ["dedupe_window_days": 366], .outOfRange, at: "deduplication.dedupe_window_days"),
        .call("deduplication", ["max_merge_history_entries": 0]),
        .call(
            "deduplication", ["max_merge_history_entries": 101], .outOfRange,
            at: "deduplication.max_merge_history_entries"),
        .call("deduplication", ["max_items_to_check": 0], .outOfRange, at: "deduplication.max_items_to_check"),
        .call("deduplication", ["enabled": "yes"]),
        .call("deduplication", ["enabled": "perhaps"], .wrongType, at: "deduplication.enabled"),
        .call("global_ttl", ["policy": "permanent"]), .call("global_insights", ["enabled": false]),
        .call("processing", ["strict": true, "enable_validation": true, "return_summaries": false]),
        .call("processing", ["include_metrics": true]),
        .call("processing", ["include_metrics": 2], .wrongType, at: "processing.include_metrics"),
        .call("procesing", [:], .schema),
    ]

    @Test(arguments: storeCases)
    func storeTakesOrRefusesItsArguments(testCase: ArgumentCase) { check(Self.contract.store, testCase) }

    static let findCases: [ArgumentCase] = [
        ArgumentCase("no query", [:], .missing, "query"), .find("query", "", .outOfRange), .find("query", long(1001)),
        .find("query", long(100_001), .outOfRange), .find("query", 1), .find("query", true, .wrongType),
        .find("limit", 0, .outOfRange),
        .find("limit", 1), .find("limit", 100), .find("limit", 101, .outOfRange), .find("limit", 10.0),
        .find("limit", 10.5, .wrongType), .find("limit", "10"), .find("limit", "ten", .wrongType),
        .find("limit", .unsigned(.max), .outOfRange),
        .find("limit", 1e300, .wrongType), .find("top_k", 5), .find("top_k", 0, .outOfRange), .find("Limit", 5),
        .find("topK", 5),
        .find("offset", -1, .outOfRange),
        .find("offset", 0), .find("offset", 1000), .find("offset", 1001, .outOfRange), .find("mode", "deep"),
        .find("search_strategy", "fast"), .find("search_strategy", "wide", .pattern), .find("types", ["todo", "risk"]),
        .find("types", ["todos"]), .find("kinds", "todo, risk"), .find("types", [3], .wrongType, at: "types[0]"),
        .find("expand", "none"),
        .find("expand", "relations"), .find("expand", "all"),
        .find("expand", "some", .pattern, at: "graph_expansion.expand"),
        .find("graph_expansion", ["enabled": false, "expansion_type": "none"]),
        .find("graph_expansion", ["enabled": true, "expansion_type": "all", "direction": "incoming"]),
        .find("graph_expansion", ["max_depth": 5, "max_nodes": 1000]),
        .find("graph_expansion", ["max_depth": 0], .outOfRange, at: "graph_expansion.max_depth"),
        .find("graph_expansion", ["max_depth": 6], .outOfRange, at: "graph_expansion.max_depth"),
        .find("graph_expansion", ["max_nodes": 1001], .outOfRange, at: "graph_expansion.max_nodes"),
        .find("graph_expansion", ["direction": "up"], .pattern, at: "graph_expansion.direction"),
        .find("optimization", ["timeout_ms": 5, "enable_caching": true]),
        .find("optimization", ["timeout_ms": 0], .outOfRange, at: "optimization.timeout_ms"),
        .find("optimization", ["recency_weight": 1, "diversity": 0]),
        .find("optimization", ["diversity": 1.5], .outOfRange, at: "optimization.diversity"),
        .find("as_of", "2026-01-31T12:00:00Z"), .find("as_of", "then", .pattern),
        .find("filters", ["confidence_min": 0, "confidence_max": 1]),
        .find("filters", ["confidence_min": -0.1], .outOfRange, at: "filters.confidence_min"),
        .find("filters", ["confidence_max": 1.1], .outOfRange, at: "filters.confidence_max"),
        .find("filters", ["created_after": "2026"], .pattern, at: "filters.created_after"),
        .find("filters", ["tags": ["a"]]), .find("filters", ["tags": "a"]), .find("tag", "a"),
        .find("status", "pending"),
        .find("filters", ["metadata": ["a": 1]]), .find("ttl_filters", ["include_expired": true]),
        .find("ttl_filters", ["ttl_policies": ["short"]]),
        .find("ttl_filters", ["ttl_policies": ["brief"]], .pattern, at: "ttl_filters.ttl_policies[0]"),
        .find("formatting", ["max_content_length": 0], .outOfRange, at: "formatting.max_content_length"),
        .find("formatting", ["max_content_length": 1]), .find("formatting", ["highlight_matches": true]),
        .find("formatting", ["include_relations": true]),
        .find("qurey", "x", .schema),
        ArgumentCase("two spellings", ["query": "x", "limit": 3, "top_k": 3]),
        ArgumentCase("two spellings that disagree", ["query": "x", "limit": 3, "top_k": 4], .schema, "top_k"),
    ]

    @Test(arguments: findCases)
    func findTakesOrRefusesItsArguments(testCase: ArgumentCase) { check(Self.contract.find, testCase) }

    static let statusCases: [ArgumentCase] =
        [
            "health", "stats", "telemetry", "metrics", "get_document", "reassemble_document",
            "get_document_with_chunks",
            "run_purge", "get_purge_reports", "get_purge_statistics", "run_cleanup", "confirm_cleanup",
            "get_cleanup_statistics", "get_cleanup_history", "upsert_merge", "get_rate_limit_status",
            "get_performance_trends", "system_diagnostics", "delete", "export",
        ].map { ArgumentCase($0, ["operation": .string($0)]) } + [
            ArgumentCase("no operation", [:]),
            ArgumentCase("health", ["operation": "health"]),
            ArgumentCase("unknown", ["operation": "helth"], .pattern, "operation"),
            ArgumentCase("bad id", ["operation": "delete", "document_id": "x"], .pattern, "document_id"),
            ArgumentCase("purge", ["operation": "run_purge", "purge_config": ["dry_run": false, "batch_size": 1]]),
            ArgumentCase(
                "batch size 0", ["operation": "run_purge", "purge_config": ["batch_size": 0]], .outOfRange,
                "purge_config.batch_size"),
            ArgumentCase(
                "unknown cleanup", ["operation": "run_cleanup", "cleanup_config": ["operations": ["all"]]], .pattern,
                "cleanup_config.operations[0]"),
            ArgumentCase(
                "period 0", ["operation": "get_purge_statistics", "stats_period_days": 0], .outOfRange,
                "stats_period_days"),
            ArgumentCase(
                "reports 101", ["operation": "get_purge_reports", "report_limit": 101], .outOfRange,
                "report_limit"),
            ArgumentCase("dry_run", ["operation": "delete", "dry_run": 2], .wrongType, "dry_run"),
        ]

    @Test(arguments: statusCases)
    func statusTakesOrRefusesItsArguments(testCase: ArgumentCase) { check(Self.contract.status, testCase) }

    @Test func defaultsAreFilledInAndAliasesRenamed() throws {
        let find = try Self.contract.find.checked(["query": "x", "mode": "deep", "top_k": 7.0])
        #expect(find["search_strategy"] == "deep" && find["limit"] == 7 && find["mode"] == nil)
        #expect(find["offset"] == 0)
        let plain = try Self.contract.find.checked(["query": "x"])
        #expect(plain["search_strategy"] == "auto" && plain["limit"] == 10)
        let dedupe = try Self.contract.store.checked(["items": items(1), "deduplication": [:]])["deduplication"]
        #expect(dedupe?["enabled"] == true && dedupe?["merge_strategy"] == "intelligent")
        #expect(dedupe?["check_within_scope_only"] == true && dedupe?["allow_newer_versions"] == true)
    }

    @Test(arguments: [
        ("qurey", "query"), ("seach_strategy", "search_strategy"), ("limmit", "limit"), ("formating", "formatting"),
        ("topp_k", "top_k"),
    ])
    func aMisspelledFieldIsAnsweredWithTheOneThatWasMeant(sent: String, meant: String) {
        #expect { try Self.contract.find.checked(["query": "x", sent: "secret text"]) } throws: { error in
            let error = error as? MemoryError
            return error?.message.contains("did you mean \(meant)?") == true
                && error?.message.contains("secret") == false
        }
    }

    @Test func noErrorRepeatsTheUsersText() {
        for arguments: JSONObject in [
            ["items": [["kind": "todo", "content": .array(["hunter2", "hunter2"])]]],
            ["items": [["kind": "todo", "content": "x", "source": ["timestamp": "hunter2"]]]],
        ] {
            #expect { try Self.contract.store.checked(arguments) } throws: { !"\($0)".contains("hunter2") }
        }
    }

    @Test func theErrorObjectHasTheSpecifiedMembers() {
        let error = MemoryError(.missing, "is required", field: "items[3].kind")
        #expect(
            error.json(correlationID: "c1") == [
                "code": "E2201", "category": "validation", "message": "is required", "field": "items[3].kind",
                "retryable": false, "correlation_id": "c1",
            ])
    }
}
