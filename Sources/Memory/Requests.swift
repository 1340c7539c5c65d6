import JSON

/// What a call brings beside its arguments.
package struct CallContext: Sendable {
    /// The client's name: the actor of items that name none.
    package var clientName: String?
    /// The scope of stored items that name none.
    package var defaultScope: MemoryScope
    /// Told how far a long call has come: done, of how many, what is going on.
    package var progress: (@Sendable (Int, Int, String) -> Void)?
    /// Ties the call's errors to its logs.
    package var correlationID: String?

    package init(
        clientName: String? = nil, defaultScope: MemoryScope = .empty,
        progress: (@Sendable (Int, Int, String) -> Void)? = nil, correlationID: String? = nil
    ) {
        self.clientName = clientName
        self.defaultScope = defaultScope
        self.progress = progress
        self.correlationID = correlationID
    }
}

/// Who said something, when, and in which conversation.
package struct MemorySource: Sendable, Equatable {
    package var actor: String?
    package var tool: String?
    package var session: String?
    /// Microseconds since 1970.
    package var timestamp: Int64?

    package init(actor: String? = nil, tool: String? = nil, session: String? = nil, timestamp: Int64? = nil) {
        self.actor = actor
        self.tool = tool
        self.session = session
        self.timestamp = timestamp
    }

    init(_ members: JSONObject?) {
        self.init(
            actor: members?["actor"]?.stringValue, tool: members?["tool"]?.stringValue,
            session: members?["session"]?.stringValue,
            timestamp: members?["timestamp"]?.stringValue.flatMap(Timestamp.parse))
    }
}

/// One thing to keep.
package struct StoreItem: Sendable {
    package var kind: MemoryKind
    /// At least one of `content` and `data` is there.
    package var content: String?
    package var data: JSONObject?
    /// nil takes the call's default scope.
    package var scope: MemoryScope?
    package var source = MemorySource()
    package var metadata: JSONObject?
    /// An object, or an array of strings.
    package var tags: JSONValue?
    package var idempotencyKey: String?
    package var expiry: ExpiryChoice?

    package init(_ kind: MemoryKind, content: String? = nil, data: JSONObject? = nil) {
        self.kind = kind
        self.content = content
        self.data = data
    }
}

/// What happens to an exact copy of what is stored.
package struct Deduplication: Sendable, Equatable {
    package var isEnabled = true
    /// The strategy's name in the contract.
    package var strategy = "intelligent"
    package var crossesScopes = false
    package var allowsNewerVersions = true

    package init() {}

    /// Whether a copy renews the stored item (its metadata, tags and expiry).
    var newerWins: Bool {
        strategy == "prefer_newer" || (strategy == "intelligent" && allowsNewerVersions)
    }

    /// What an item's result says was done.
    var appliedStrategy: String {
        strategy == "intelligent" ? (allowsNewerVersions ? "prefer_newer" : "prefer_existing") : strategy
    }
}

/// A checked call of `memory_store`.
package struct StoreRequest: Sendable {
    package var items: [StoreItem]
    package var deduplication = Deduplication()
    package var expiry: ExpiryChoice?
    package var checksKinds = true
    package var isStrict = false
    package var returnsSummary = true

    package init(_ items: [StoreItem]) { self.items = items }

    /// Reads arguments that the contract has checked.
    package init(checked arguments: JSONObject) {
        items = (arguments["items"]?.arrayValue ?? []).compactMap { $0.objectValue.flatMap(StoreItem.init(checked:)) }
        let dedupe = arguments["deduplication"]
        deduplication.isEnabled = dedupe?["enabled"]?.boolValue ?? true
        deduplication.strategy = dedupe?["merge_strategy"]?.stringValue ?? "intelligent"
        deduplication.allowsNewerVersions = dedupe?["allow_newer_versions"]?.boolValue ?? true
        let within = dedupe?["check_within_scope_only"]?.boolValue ?? true
        deduplication.crossesScopes = !within || dedupe?["cross_scope_deduplication"]?.boolValue ?? false
        expiry = ExpiryChoice(arguments["global_ttl"]?.objectValue)
        let processing = arguments["processing"]
        isStrict = processing?["strict"]?.boolValue ?? false
        checksKinds = isStrict || processing?["enable_validation"]?.boolValue ?? true
        returnsSummary = processing?["return_summaries"]?.boolValue ?? true
    }
}

extension StoreItem {
    init?(checked members: JSONObject) {
        guard let kind = members["kind"]?.stringValue.flatMap(MemoryKind.init(rawValue:)) else { return nil }
        self.init(kind, content: members["content"]?.stringValue, data: members["data"]?.objectValue)
        scope = members["scope"].map { MemoryScope($0.objectValue) }
        source = MemorySource(members["source"]?.objectValue)
        metadata = members["metadata"]?.objectValue
        tags = members["tags"]
        idempotencyKey = members["idempotency_key"]?.stringValue
        expiry = ExpiryChoice(members["ttl_config"]?.objectValue)
    }
}

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
    /// Microseconds since 1970; after and before are exclusive.
    package var created: (after: Int64?, before: Int64?) = (nil, nil)
    package var updated: (after: Int64?, before: Int64?) = (nil, nil)
    package var expires: (after: Int64?, before: Int64?) = (nil, nil)
    package var tags: [String] = []
    package var metadata: JSONObject = [:]
    package var confidence: (minimum: Double?, maximum: Double?) = (nil, nil)
    package var includesExpired = false
    package var expiryPolicies: [String] = []

    package init() {}

    init(checked arguments: JSONObject) {
        func moment(_ group: String, _ name: String) -> Int64? {
            arguments[group]?[name]?.stringValue.flatMap(Timestamp.parse)
        }
        scope = MemoryScope(arguments["scope"]?.objectValue)
        kinds = (arguments["types"]?.arrayValue ?? []).compactMap { $0.stringValue.flatMap(MemoryKind.init(rawValue:)) }
        created = (moment("filters", "created_after"), moment("filters", "created_before"))
        updated = (moment("filters", "updated_after"), moment("filters", "updated_before"))
        expires = (moment("ttl_filters", "expires_after"), moment("ttl_filters", "expires_before"))
        tags = (arguments["filters"]?["tags"]?.arrayValue ?? []).compactMap(\.stringValue)
        metadata = arguments["filters"]?["metadata"]?.objectValue ?? [:]
        confidence = (
            arguments["filters"]?["confidence_min"]?.doubleValue, arguments["filters"]?["confidence_max"]?.doubleValue
        )
        includesExpired = arguments["ttl_filters"]?["include_expired"]?.boolValue ?? false
        expiryPolicies = (arguments["ttl_filters"]?["ttl_policies"]?.arrayValue ?? []).compactMap(\.stringValue)
    }
}

/// A checked call of `memory_find`.
package struct FindRequest: Sendable {
    package var query: String
    package var strategy = SearchStrategy.auto
    package var limit = 10
    package var offset = 0
    package var narrowing = Narrowing()
    package var includesContent = true
    package var includesMetadata = true
    package var explains = false
    package var highlights = false
    /// Characters of text in one found item.
    package var maximumContentLength = MemorySettings().contentCharacters

    package init(_ query: String) { self.query = query }

    /// Reads arguments that the contract has checked.
    package init(checked arguments: JSONObject) {
        query = arguments["query"]?.stringValue ?? ""
        strategy = arguments["search_strategy"]?.stringValue.flatMap(SearchStrategy.init(rawValue:)) ?? .auto
        limit = arguments["limit"]?.integerValue.flatMap { Int(exactly: $0) } ?? limit
        offset = arguments["offset"]?.integerValue.flatMap { Int(exactly: $0) } ?? offset
        narrowing = Narrowing(checked: arguments)
        let formatting = arguments["formatting"]
        includesContent = formatting?["include_content"]?.boolValue ?? true
        includesMetadata = formatting?["include_metadata"]?.boolValue ?? true
        explains = formatting?["include_similarity_explanation"]?.boolValue ?? false
        highlights = formatting?["highlight_matches"]?.boolValue ?? false
        maximumContentLength =
            formatting?["max_content_length"]?.integerValue.flatMap { Int(exactly: $0) } ?? maximumContentLength
    }
}
