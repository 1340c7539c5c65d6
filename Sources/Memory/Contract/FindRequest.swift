import JSON
import VectorEngine

/// Which of the three ways a search takes.
package enum SearchStrategy: String, Sendable, CaseIterable {
    /// Words alone.
    case fast
    /// Words and meaning.
    case auto
    /// Words and meaning over more candidates.
    case deep
}

/// What a search is narrowed to.
package struct Narrowing: Sendable {
    package var scope = MemoryScope.empty
    package var kinds: [MemoryKind] = []
    /// Names under which items were stored that are no kinds; items of one of these or of ``kinds`` pass.
    package var kindNames: [String] = []
    /// Microseconds since 1970; after and before are exclusive.
    package var created: (after: Int64?, before: Int64?) = (nil, nil)
    package var updated: (after: Int64?, before: Int64?) = (nil, nil)
    package var expires: (after: Int64?, before: Int64?) = (nil, nil)
    package var tags: [String] = []
    package var metadata: JSONObject = [:]
    /// Members of the kinds' own data: `status`, `owner`, …
    package var fields: JSONObject = [:]
    package var confidence: (minimum: Double?, maximum: Double?) = (nil, nil)
    package var includesExpired = false
    package var expiryPolicies: [String] = []

    package init() {}

    init(checked arguments: JSONObject) {
        func moment(_ group: String, _ name: String) -> Int64? {
            arguments[group]?[name]?.stringValue.flatMap(Timestamp.parse)
        }
        scope = MemoryScope(arguments["scope"]?.objectValue)
        (kinds, kindNames) = Self.kinds(arguments["types"], named: arguments["types_names"])
        created = (moment("filters", "created_after"), moment("filters", "created_before"))
        updated = (moment("filters", "updated_after"), moment("filters", "updated_before"))
        expires = (moment("ttl_filters", "expires_after"), moment("ttl_filters", "expires_before"))
        tags = (arguments["filters"]?["tags"]?.arrayValue ?? []).compactMap(\.stringValue)
        metadata = arguments["filters"]?["metadata"]?.objectValue ?? [:]
        fields = arguments["filters"]?["fields"]?.objectValue ?? [:]
        confidence = (
            arguments["filters"]?["confidence_min"]?.doubleValue, arguments["filters"]?["confidence_max"]?.doubleValue
        )
        includesExpired = arguments["ttl_filters"]?["include_expired"]?.boolValue ?? false
        expiryPolicies = (arguments["ttl_filters"]?["ttl_policies"]?.arrayValue ?? []).compactMap(\.stringValue)
    }

    /// Whether every memory passes.
    var isVoid: Bool {
        scope.isEmpty && kinds.isEmpty && kindNames.isEmpty && tags.isEmpty && metadata.isEmpty && fields.isEmpty
            && expiryPolicies.isEmpty && confidence.minimum == nil && confidence.maximum == nil
            && [created, updated, expires].allSatisfy { $0.after == nil && $0.before == nil }
    }

    /// Puts the current project in the place of "here".
    ///
    /// - Throws: `invalidArgument` where there is no current project.
    mutating func settle(in home: MemoryScope) throws(MemoryError) {
        guard scope.isHere else { return }
        guard home.values["project"] != nil else {
            throw MemoryError(
                .invalidArgument, "there is no current project here; name one, or leave the scope out", field: "scope")
        }
        scope = scope.resolved(in: home)
    }

    /// The kinds that are searched as a whole, and the names that only some items of a kind have.
    static func kinds(_ listed: JSONValue?, named: JSONValue?) -> (kinds: [MemoryKind], names: [String]) {
        let names = (named?.arrayValue ?? []).compactMap(\.stringValue).map { ($0, KindName($0)) }
        let narrow = names.filter { !$0.1.meansWholeKind }
        var kinds = (listed?.arrayValue ?? []).compactMap { $0.stringValue.flatMap(MemoryKind.init(rawValue:)) }
        // Each of these names has put its kind into the list once.
        for (_, meant) in narrow { if let i = kinds.firstIndex(of: meant.kind) { kinds.remove(at: i) } }
        return (kinds, narrow.map(\.0))
    }
}

/// A checked call of `memory_find`.
package struct FindRequest: Sendable {
    package var query: String
    package var strategy = SearchStrategy.auto
    package var limit = Limit(within: 10)
    package var offset = Offset.none
    package var narrowing = Narrowing()
    package var includesContent = true
    package var includesMetadata = true
    package var explains = false
    package var highlights = false
    /// Characters of text in one found item.
    package var maximumContentLength = MemorySettings().contentCharacters
    package var includesRelations = false
    /// Microseconds since 1970: what was known then; nil for now.
    package var asOf: Int64?
    var expansion = Expansion()
    package var timeout: Duration?
    /// Whether a result that was found before may be the answer.
    package var allowsCaching = false
    /// 0…1; how much of the score is the item's age.
    package var recencyWeight = 0.0
    /// 0…1; how much an item loses for being similar to one ranked above it.
    package var diversity = 0.0
    /// Hits with a lower score are left out.
    package var minimumRelevance: Double?

    package init(_ query: String) { self.query = query }

    /// Reads arguments that the contract has checked.
    package init(checked arguments: JSONObject) {
        query = arguments["query"]?.stringValue ?? ""
        strategy = arguments["search_strategy"]?.stringValue.flatMap(SearchStrategy.init(rawValue:)) ?? .auto
        limit = arguments["limit"]?.integerValue.flatMap { Int(exactly: $0) }.flatMap { Limit($0) } ?? limit
        offset = arguments["offset"]?.integerValue.flatMap { Int(exactly: $0) }.flatMap { Offset($0) } ?? offset
        narrowing = Narrowing(checked: arguments)
        asOf = arguments["as_of"]?.stringValue.flatMap(Timestamp.end(of:))
        expansion = Expansion(checked: arguments)
        let optimization = arguments["optimization"]
        timeout = optimization?["timeout_ms"]?.integerValue.map { .milliseconds($0) }
        allowsCaching = optimization?["enable_caching"]?.boolValue ?? false
        recencyWeight = optimization?["recency_weight"]?.doubleValue ?? 0
        diversity = optimization?["diversity"]?.doubleValue ?? 0
        let formatting = arguments["formatting"]
        includesContent = formatting?["include_content"]?.boolValue ?? true
        includesMetadata = formatting?["include_metadata"]?.boolValue ?? true
        includesRelations = formatting?["include_relations"]?.boolValue ?? false
        explains =
            formatting?["include_similarity_explanation"]?.boolValue ?? false || arguments["explain"] == true
        minimumRelevance = arguments["min_relevance"]?.doubleValue
        highlights = formatting?["highlight_matches"]?.boolValue ?? false
        maximumContentLength =
            formatting?["max_content_length"]?.integerValue.flatMap { Int(exactly: $0) } ?? maximumContentLength
    }
}

extension Timestamp {
    /// The last moment that a text names: the end of its millisecond, or of its second where it has no fraction.
    /// Answers show moments in these units, and `as_of` with a moment that an answer shows must find what was stored
    /// then.
    static func end(of text: String) -> Int64? {
        guard let moment = parse(text) else { return nil }
        guard text.contains(":") else { return moment }
        let unit: Int64 = text.contains(".") ? 1_000 : 1_000_000
        return moment % unit == 0 ? moment &+ unit &- 1 : moment
    }
}
