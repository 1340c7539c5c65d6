import JSON
import Memory
import Testing

/// One leaf of the contract: where it is, what it may be, what it is when it is not said, and why.
struct ContractRow: Sendable, CustomTestStringConvertible {
    enum Limits: Sendable {
        case whole(Int64, Int64)
        case least(Int64)
        case number(Double, Double)
        case text(Int, Int)
        case list(Int, Int, of: JSONValue)
        case words([String])
        case flag, kind, moment, id, object, tags
    }

    let path: String
    let limits: Limits
    let standard: JSONValue?
    let reason: String

    init(_ path: String, _ limits: Limits, _ standard: JSONValue? = nil, _ reason: String) {
        (self.path, self.limits, self.standard, self.reason) = (path, limits, standard, reason)
    }

    var testDescription: String {
        let otherwise = standard.map { JSONWriter.text($0) + " unless said" } ?? "no default"
        return "\(path): \(limits), \(otherwise): \(reason)"
    }

    /// What is taken: as it is meant to be sent, and as models send it too.
    var good: [JSONValue] {
        switch limits {
        case .whole(let low, let high): [.integer(low), .integer(high), .string(String(high)), .number(Double(low))]
        case .least(let low): [.integer(low), .integer(.max), .string(String(low))]
        case .number(let low, let high): [.number(low), .number(high), .string(JSONWriter.text(.number(high)))]
        case .text(let low, let high): [Self.text(max(low, 1)), Self.text(high), 3]
        case .list(let low, let high, let element):
            [Self.list(max(low, 1), element), Self.list(high, element), element, .string(JSONWriter.text([element]))]
        case .words(let words): words.map { .string($0) } + words.map { .string($0.uppercased()) }
        case .kind: ["todo", "TODO", "Release-Note", "preference", "no such kind"]
        case .flag: [true, false, "yes", "False", 1]
        case .moment: ["2026-01-31", "2030-01-31T12:00:00Z", 1_769_860_800, "1769860800000"]
        case .id:
            [
                "01900000-0000-7000-8000-000000000000", "memory://01900000-0000-7000-8000-000000000000",
                ["01900000-0000-7000-8000-000000000000"],
            ]
        case .object: [[:], ["any": ["thing": 1]], #"{"any": 1}"#]
        case .tags: [["a", "b"], ["a": 1], "a, b", #"["a"]"#, ["a", 1]]
        }
    }

    var bad: [JSONValue] {
        switch limits {
        case .whole(let low, let high): [.integer(low - 1), .integer(high + 1), "many", 1.5, [:]]
        case .least(let low): [.integer(low - 1), "many", 1.5, [:]]
        case .number(let low, let high): [.number(low - 0.001), .number(high + 0.001), "many", [:]]
        case .text(_, let high): [Self.text(high + 1), [:], true]
        case .list(_, let high, let element): [Self.list(high + 1, element), [:], [[[]]], true]
        case .words: ["no such word", 3, []]
        case .kind: [3, [], [:], "?", Self.text(65)]
        case .flag: ["maybe", 2, []]
        case .moment: ["yesterday", 12, "2026-13-01"]
        case .id: ["x", 12]
        case .object: ["x", 3, [1]]
        case .tags: [true, [[:]]]
        }
    }

    private static func text(_ count: Int) -> JSONValue { .string(String(repeating: "x", count: count)) }
    private static func list(_ count: Int, _ element: JSONValue) -> JSONValue {
        .array(Array(repeating: element, count: count))
    }
}

private let operations = """
    health stats telemetry metrics get_document reassemble_document get_document_with_chunks run_purge get_purge_reports
    get_purge_statistics run_cleanup confirm_cleanup get_cleanup_statistics get_cleanup_history upsert_merge
    get_rate_limit_status get_performance_trends system_diagnostics delete export
    """.split(whereSeparator: \.isWhitespace).map(String.init)
private let levels = ["project", "branch", "org", "service", "sprint", "tenant", "environment"]

private func expiry(_ group: String) -> [ContractRow] {
    [
        ContractRow("\(group).policy", .words(["default", "short", "long", "permanent"]), "four lives are enough"),
        ContractRow("\(group).expires_at", .moment, "an end that is known outranks a policy"),
        ContractRow("\(group).auto_extend", .flag, "what is read lives on"),
        ContractRow("\(group).extend_threshold_days", .whole(1, 180), "near the end only"),
        ContractRow("\(group).max_extensions", .whole(0, 10), "nothing lives for ever by being read"),
    ]
}

private func truncation(_ group: String) -> [ContractRow] {
    [
        ContractRow("\(group).enabled", .flag, "long text is chunked unless asked"),
        ContractRow("\(group).max_chars", .whole(100, 1_000_000), "less than 100 says nothing"),
        ContractRow("\(group).max_tokens", .whole(50, 100_000), "the model's own measure"),
        ContractRow("\(group).mode", .words(["hard", "soft", "intelligent"]), "at the limit, a word or a sentence"),
        ContractRow("\(group).preserve_structure", .flag, "headings and lists stay whole"),
        ContractRow("\(group).add_indicators", .flag, "a reader sees that something was cut"),
        ContractRow("\(group).indicator", .text(0, 50), "a mark, not a text"),
    ]
}

private func insights(_ group: String) -> [ContractRow] {
    [
        ContractRow("\(group).enabled", .flag, "statistics are asked for"),
        ContractRow("\(group).insight_types", .list(0, 5, of: "summary"), "five are known"),
        ContractRow("\(group).confidence_threshold", .number(0, 1), "a probability"),
        ContractRow("\(group).max_insights", .whole(1, 50), "an answer stays short"),
    ]
}

private func scope(_ group: String) -> [ContractRow] {
    levels.map { ContractRow("\(group).\($0)", .text(0, 200), "a name, not a text") }
}

private func filters(_ group: String) -> [ContractRow] {
    ["created_after", "created_before", "updated_after", "updated_before"].map {
        ContractRow("\(group).\($0)", .moment, "exclusive bounds")
    } + [
        ContractRow("\(group).tags", .list(0, 50, of: "a"), "all of them must be there"),
        ContractRow("\(group).metadata", .object, "members to be equal"),
        ContractRow("\(group).confidence_min", .number(0, 1), "a probability"),
        ContractRow("\(group).confidence_max", .number(0, 1), "a probability"),
        ContractRow("\(group).fields", .object, "fields of the kinds, which may also be given beside it"),
    ]
}

extension ContractRow {
    init(_ path: String, _ limits: Limits, _ reason: String) { self.init(path, limits, nil, reason) }

    static let store: [ContractRow] =
        [
            ContractRow("items[].kind", .kind, "observation", "the 16 kinds, and what is called otherwise"),
            ContractRow("items[].content", .text(1, 200_000), "longer documents are several memories"),
            ContractRow("items[].data", .object, "fields of the kind"),
            ContractRow("items[].metadata", .object, "free members"),
            ContractRow("items[].tags", .tags, "two spellings in the wild"),
            ContractRow("items[].idempotency_key", .text(1, 256), "a client's own id fits"),
            ContractRow("items[].source.actor", .text(0, 200), "a name"),
            ContractRow("items[].source.tool", .text(0, 200), "a name"),
            ContractRow("items[].source.session", .text(0, 200), "a name"),
            ContractRow("items[].source.timestamp", .moment, "when it was said"),
        ] + scope("items[].scope") + expiry("items[].ttl_config") + truncation("items[].truncation_config")
        + insights("items[].insights_config") + expiry("global_ttl") + truncation("global_truncation")
        + insights("global_insights") + [
            ContractRow("deduplication.enabled", .flag, true, "agents repeat themselves"),
            ContractRow(
                "deduplication.merge_strategy",
                .words(["skip", "prefer_existing", "prefer_newer", "combine", "intelligent"]), "intelligent",
                "it fits most"),
            ContractRow(
                "deduplication.similarity_threshold", .number(0.1, 1), 0.85, "below it texts differ in substance"),
            ContractRow("deduplication.check_within_scope_only", .flag, true, "projects do not mix"),
            ContractRow("deduplication.cross_scope_deduplication", .flag, false, "projects do not mix"),
            ContractRow("deduplication.dedupe_window_days", .whole(1, 365), 30, "older copies are reported again"),
            ContractRow("deduplication.allow_newer_versions", .flag, true, "the newer is nearer the truth"),
            ContractRow("deduplication.preserve_merge_history", .flag, false, "it costs room"),
            ContractRow("deduplication.max_merge_history_entries", .whole(0, 100), 10, "it costs room"),
            ContractRow("deduplication.max_items_to_check", .whole(1, 1_000), 100, "a store stays quick"),
            ContractRow("processing.enable_validation", .flag, true, "a warning costs nothing"),
            ContractRow("processing.return_summaries", .flag, true, "agents look at counts"),
            ContractRow("processing.include_metrics", .flag, false, "tokens"),
            ContractRow("processing.strict", .flag, false, "kinds are checked leniently"),
        ]

    static let find: [ContractRow] =
        [
            ContractRow("query", .text(1, 100_000), "a question, or a text to look for others like it"),
            ContractRow("types", .list(0, 32, of: "todo"), "16, and other names for them"),
            ContractRow("search_strategy", .words(["fast", "auto", "deep"]), "auto", "words and meaning"),
            ContractRow("limit", .whole(1, 100), 10, "ten are read"),
            ContractRow("cursor", .text(1, 200), "from the page before"),
            ContractRow("min_relevance", .number(0, 1), "what is near enough is the caller's to say"),
            ContractRow("explain", .flag, false, "tokens"),
            ContractRow("offset", .whole(0, 1_000), 0, "from the best on"),
            ContractRow("as_of", .moment, "what was known then"),
            ContractRow("graph_expansion.enabled", .flag, "asked for"),
            ContractRow(
                "graph_expansion.expansion_type", .words(["none", "relations", "parents", "children", "all"]),
                "which edges"),
            ContractRow("graph_expansion.max_depth", .whole(1, 5), "beyond it everything is related"),
            ContractRow("graph_expansion.max_nodes", .whole(1, 1_000), "an answer ends"),
            ContractRow("graph_expansion.relation_types", .list(0, 50, of: "owns"), "some of them"),
            ContractRow("graph_expansion.direction", .words(["outgoing", "incoming", "both"]), "ways along an edge"),
            ContractRow("ttl_filters.include_expired", .flag, false, "what is over is over"),
            ContractRow("ttl_filters.expires_before", .moment, "what ends soon"),
            ContractRow("ttl_filters.expires_after", .moment, "what lasts"),
            ContractRow("ttl_filters.ttl_policies", .list(0, 6, of: "short"), "six names"),
            ContractRow("formatting.include_content", .flag, true, "it is what was asked for"),
            ContractRow("formatting.include_metadata", .flag, true, "who and when"),
            ContractRow("formatting.include_relations", .flag, false, "tokens"),
            ContractRow("formatting.include_similarity_explanation", .flag, false, "tokens"),
            ContractRow("formatting.highlight_matches", .flag, false, "tokens"),
            ContractRow("formatting.max_content_length", .whole(1, 200_000), 1_500, "ten of them fit into an answer"),
            ContractRow("optimization.timeout_ms", .whole(1, 600_000), "ten minutes at most"),
            ContractRow("optimization.enable_caching", .flag, false, "an answer is looked up unless asked"),
            ContractRow("optimization.recency_weight", .number(0, 1), "age is no relevance"),
            ContractRow("optimization.diversity", .number(0, 1), "the best first"),
        ] + scope("scope") + filters("filters")

    static let status: [ContractRow] =
        [
            ContractRow("operation", .words(operations), "health", "no other"),
            ContractRow("document_id", .id, "a UUID"), ContractRow("as_of", .moment, "what was known then"),
            ContractRow("types", .list(0, 32, of: "todo"), "16, and other names for them"),
            ContractRow("dry_run", .flag, true, "nothing is deleted by mistake"),
            ContractRow("confirmation_token", .text(1, 128), "from the dry run"),
            ContractRow("merge", .object, "members to merge in"),
            ContractRow("purge_config.dry_run", .flag, true, "nothing is deleted by mistake"),
            ContractRow("purge_config.batch_size", .whole(1, 1_000), 100, "one transaction"),
            ContractRow("purge_config.max_batches", .whole(1, 1_000), 50, "a call ends"),
            ContractRow("cleanup_config.operations", .list(0, 5, of: "expired"), "five are known"),
            ContractRow("cleanup_config.dry_run", .flag, true, "nothing is deleted by mistake"),
            ContractRow("cleanup_config.require_confirmation", .flag, true, "a person may look"),
            ContractRow("cleanup_config.enable_backup", .flag, true, "a way back"),
            ContractRow("cleanup_config.confirmation_token", .text(1, 128), "from the dry run"),
            ContractRow("cleanup_token", .text(1, 128), "from run_cleanup"),
            ContractRow("stats_period_days", .whole(1, 365), 30, "a month"),
            ContractRow("report_limit", .whole(1, 100), 10, "tokens"),
            ContractRow("performance_window_hours", .whole(1, 168), 24, "a day of a week that is kept"),
            ContractRow("cursor", .text(1, 200), "from the page before"),
            ContractRow("limit", .whole(1, 1_000), 100, "a page of an export"),
            ContractRow("response_formatting.summary", .flag, "shorter"),
            ContractRow("response_formatting.verbose", .flag, "longer"),
        ] + scope("scope") + filters("filters")

    static let get: [ContractRow] = [
        ContractRow("ids", .list(1, 50, of: "01900000-0000-7000-8000-000000000000"), "a page"),
        ContractRow("versions", .flag, false, "tokens"), ContractRow("relations", .flag, false, "tokens"),
        ContractRow("chunks", .flag, false, "tokens"), ContractRow("as_of", .moment, "what was known then"),
        ContractRow("cursor", .text(1, 200), "from the page before"),
    ]

    static let update: [ContractRow] =
        [
            ContractRow("id", .id, "one memory"), ContractRow("content", .text(1, 200_000), "as stored"),
            ContractRow("data", .object, "merged"), ContractRow("tags", .tags, "replaced"),
            ContractRow("metadata", .object, "replaced"), ContractRow("kind", .kind, "as stored"),
            ContractRow("restore", .least(1), "a version's number"),
            ContractRow("expected_version", .least(1), "a version's number"),
        ] + scope("scope") + expiry("ttl_config")

    static let delete: [ContractRow] =
        [
            ContractRow("ids", .list(1, 100, of: "01900000-0000-7000-8000-000000000000"), "an id is a confirmation"),
            ContractRow("filter.types", .list(0, 32, of: "todo"), "as in memory_find"),
            ContractRow("filter.ttl_filters.include_expired", .flag, "as in memory_find"),
            ContractRow("filter.ttl_filters.expires_before", .moment, "as in memory_find"),
            ContractRow("filter.ttl_filters.expires_after", .moment, "as in memory_find"),
            ContractRow("filter.ttl_filters.ttl_policies", .list(0, 6, of: "short"), "as in memory_find"),
            ContractRow("dry_run", .flag, "true for a filter, unless its token is there"),
            ContractRow("token", .text(1, 128), "from the dry run"),
            ContractRow("erase", .flag, false, "it takes longer"),
        ] + scope("filter.scope") + filters("filter.filters")

    static let list: [ContractRow] = [
        ContractRow("what", .words(["memories", "projects", "tags"]), "memories", "what there is"),
        ContractRow("project", .text(1, 200), "a name"),
        ContractRow("kinds", .list(0, 32, of: "todo"), "as in memory_find"),
        ContractRow("tags", .list(0, 50, of: "a"), "all of them must be there"),
        ContractRow("status", .text(1, 200), "a kind's own word"), ContractRow("session", .text(1, 200), "a name"),
        ContractRow("created_after", .moment, "exclusive bounds"),
        ContractRow("created_before", .moment, "exclusive bounds"),
        ContractRow("order", .words(["newest", "oldest", "updated"]), "newest", "what was just said"),
        ContractRow("limit", .whole(1, 100), 20, "a page"),
        ContractRow("cursor", .text(1, 200), "from the page before"),
    ]
}

@Suite struct ContractRowsTests {
    private static let contract = MemoryContract()

    /// Right arguments of a tool but for `value` at `path`.
    private static func arguments(_ base: JSONObject, _ path: String, _ value: JSONValue) -> JSONObject {
        let steps = path.split(separator: ".").map(String.init)
        func put(_ object: JSONObject, _ steps: ArraySlice<String>) -> JSONObject {
            guard let step = steps.first else { return object }
            var object = object
            let rest = steps.dropFirst()
            if step.hasSuffix("[]") {
                let name = String(step.dropLast(2))
                let inner = object[name]?.arrayValue?.first?.objectValue ?? [:]
                object[name] = [.object(put(inner, rest))]
            } else {
                object[step] = rest.isEmpty ? value : .object(put(object[step]?.objectValue ?? [:], rest))
            }
            return object
        }
        return put(base, steps[...])
    }

    private func check(_ tool: MemoryTool, _ base: JSONObject, _ row: ContractRow) throws {
        for value in row.good {
            #expect(throws: Never.self, "\(JSONWriter.text(value).prefix(60))") {
                try tool.checked(Self.arguments(base, row.path, value))
            }
        }
        for value in row.bad {
            #expect("\(JSONWriter.text(value).prefix(60)) was taken") {
                try tool.checked(Self.arguments(base, row.path, value))
            } throws: { error in
                let field = (error as? MemoryError)?.field ?? ""
                return field.hasPrefix(row.path.replacing("[]", with: "[0]"))
            }
        }
        if let standard = row.standard {
            let steps = row.path.split(separator: ".").map(String.init)
            var arguments = base
            if steps.count > 1 {
                arguments[steps[0].replacing("[]", with: "")] = steps[0].hasSuffix("[]") ? [["content": "x"]] : [:]
            }
            var value = JSONValue.object(try tool.checked(arguments))
            for step in steps {
                let isList = step.hasSuffix("[]")
                let inner = value[isList ? String(step.dropLast(2)) : step]
                value = (isList ? inner?.arrayValue?.first : inner) ?? .null
            }
            #expect(value == standard)
        }
    }

    @Test(arguments: ContractRow.store) func aRowOfStoreHoldsItsLimitsAndDefault(row: ContractRow) throws {
        try check(Self.contract.store, ["items": [["kind": "todo", "content": "x"]]], row)
    }

    @Test(arguments: ContractRow.find) func aRowOfFindHoldsItsLimitsAndDefault(row: ContractRow) throws {
        try check(Self.contract.find, ["query": "x"], row)
    }

    @Test(arguments: ContractRow.status) func aRowOfStatusHoldsItsLimitsAndDefault(row: ContractRow) throws {
        try check(Self.contract.status, ["operation": "health"], row)
    }

    private static let id: JSONObject = ["id": "01900000-0000-7000-8000-000000000000", "content": "x"]

    @Test(arguments: ContractRow.get) func aRowOfGetHoldsItsLimitsAndDefault(row: ContractRow) throws {
        try check(Self.contract.get, ["ids": ["01900000-0000-7000-8000-000000000000"]], row)
    }

    @Test(arguments: ContractRow.update) func aRowOfUpdateHoldsItsLimitsAndDefault(row: ContractRow) throws {
        try check(Self.contract.update, Self.id, row)
    }

    @Test(arguments: ContractRow.delete) func aRowOfDeleteHoldsItsLimitsAndDefault(row: ContractRow) throws {
        try check(Self.contract.delete, [:], row)
    }

    @Test(arguments: ContractRow.list) func aRowOfListHoldsItsLimitsAndDefault(row: ContractRow) throws {
        try check(Self.contract.list, [:], row)
    }

    /// Leaves of a shape as the rows name them.
    private static func leaves(_ shape: Shape, _ path: String = "") -> Set<String> {
        switch shape {
        case .object(let arguments, _, _, _):
            arguments.reduce(into: []) { found, argument in
                found.formUnion(leaves(argument.shape, path.isEmpty ? argument.name : path + "." + argument.name))
            }
        case .list(.object(let arguments, let oneOf, let plain, let sketched), _),
            .batch(.object(let arguments, let oneOf, let plain, let sketched), _):
            leaves(.object(arguments, oneOf: oneOf, plain: plain, isSketched: sketched), path + "[]")
        default: [path]
        }
    }

    @Test func theTablesHaveEveryLeafOfTheArgumentsAndNoOther() {
        for (tool, rows) in [
            (Self.contract.store, ContractRow.store), (Self.contract.find, ContractRow.find),
            (Self.contract.get, ContractRow.get), (Self.contract.update, ContractRow.update),
            (Self.contract.delete, ContractRow.delete), (Self.contract.list, ContractRow.list),
            (Self.contract.status, ContractRow.status),
        ] {
            let declared = Self.leaves(tool.arguments)
            #expect(
                Set(rows.map(\.path)) == declared, "\(tool.name): \(declared.symmetricDifference(rows.map(\.path)))")
        }
    }
}
