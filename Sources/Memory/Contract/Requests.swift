import JSON
import VectorEngine

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
    /// Characters that the answer may have, text and structured content together; nil sets no limit.
    package var maximumCharacters: Int?
    /// How the arguments were read before they came here, for the answer.
    package var notes: [String] = []
    /// Whose calls are counted together by the rate limits: the authenticated key where there is one.
    package var key: String?

    /// The key and the tenant, else the client.
    var actor: String { [key ?? clientName ?? "", defaultScope.values["tenant"] ?? ""].joined(separator: "\n") }

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

/// A checked call of `memory_store`.
package struct StoreRequest: Sendable {
    package var items: [StoreItem]
    package var deduplication = Deduplication()
    package var expiry: ExpiryChoice?
    var renewal: ExpiryExtension?
    var truncation: Truncation?
    var insights: Insights?
    package var includesMetrics = false
    package var checksKinds = true
    package var isStrict = false
    package var returnsSummary = true

    package init(_ items: [StoreItem]) { self.items = items }

    /// Reads arguments that the contract has checked.
    package init(checked arguments: CheckedArguments) {
        items = (arguments["items"]?.arrayValue ?? []).enumerated().map { i, value in
            if let item = value.objectValue.flatMap(StoreItem.init(checked:)) { return item }
            var item = StoreItem(.observation)
            item.refusal = arguments.refusals[i] ?? MemoryError(.wrongType, "must be an object", field: "items[\(i)]")
            return item
        }
        deduplication = Deduplication(checked: arguments["deduplication"])
        expiry = ExpiryChoice(arguments["global_ttl"]?.objectValue)
        renewal = ExpiryExtension(arguments["global_ttl"]?.objectValue)
        truncation = Truncation(arguments["global_truncation"]?.objectValue)
        insights = Insights(arguments["global_insights"]?.objectValue)
        let processing = arguments["processing"]
        isStrict = processing?["strict"]?.boolValue ?? false
        checksKinds = isStrict || processing?["enable_validation"]?.boolValue ?? true
        includesMetrics = processing?["include_metrics"]?.boolValue ?? false
        returnsSummary = processing?["return_summaries"]?.boolValue ?? true
    }
}

extension StoreItem {
    init?(checked members: JSONObject) {
        guard let kind = members["kind"]?.stringValue.flatMap(MemoryKind.init(rawValue:)) else { return nil }
        self.init(kind, content: members["content"]?.stringValue, data: members["data"]?.objectValue)
        if let name = members["kind_names"]?.arrayValue?.first, data?["observation_type"] == nil {
            data = (data ?? [:]).merging(["observation_type": name]) { $1 }
        }
        scope = members["scope"].map { MemoryScope($0.objectValue) }
        source = MemorySource(members["source"]?.objectValue)
        metadata = members["metadata"]?.objectValue
        tags = members["tags"]
        idempotencyKey = members["idempotency_key"]?.stringValue
        expiry = ExpiryChoice(members["ttl_config"]?.objectValue)
        renewal = ExpiryExtension(members["ttl_config"]?.objectValue)
        truncation = Truncation(members["truncation_config"]?.objectValue)
        insights = Insights(members["insights_config"]?.objectValue)
    }
}
