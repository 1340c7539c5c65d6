import JSON

/// What is done with a copy or a near copy of what is stored.
package enum MergeStrategy: String, Sendable, CaseIterable {
    /// Nothing is changed.
    case skip
    /// What is stored stays; only members it lacks are added.
    case preferExisting = "prefer_existing"
    /// The newer takes the place of what is stored, under its id.
    case preferNewer = "prefer_newer"
    /// Both, the newer where they disagree.
    case combine
    /// One of the others, as the likeness and the age tell.
    case intelligent
}

/// How copies are found and what happens to them.
package struct Deduplication: Sendable, Equatable {
    package var isEnabled = true
    package var strategy = MergeStrategy.intelligent
    /// The cosine of two texts from which they are near copies.
    package var similarityThreshold = 0.85
    package var crossesScopes = false
    /// Older items are no near copies; exact ones are found at any age.
    package var windowDays = 30
    package var allowsNewerVersions = true
    package var keepsHistory = false
    package var historyLimit = 10
    /// Neighbours that are looked at for one item.
    package var checkedLimit = 100
    /// From this likeness on `intelligent` combines.
    static let combiningSimilarity = 0.95

    package init() {}

    init(checked members: JSONValue?) {
        guard let members else { return }
        func whole(_ name: String, _ otherwise: Int) -> Int {
            members[name]?.integerValue.flatMap { Int(exactly: $0) } ?? otherwise
        }
        isEnabled = members["enabled"]?.boolValue ?? true
        strategy = members["merge_strategy"]?.stringValue.flatMap(MergeStrategy.init) ?? .intelligent
        similarityThreshold = members["similarity_threshold"]?.doubleValue ?? similarityThreshold
        allowsNewerVersions = members["allow_newer_versions"]?.boolValue ?? true
        let within = members["check_within_scope_only"]?.boolValue ?? true
        crossesScopes = !within || members["cross_scope_deduplication"]?.boolValue ?? false
        windowDays = whole("dedupe_window_days", windowDays)
        keepsHistory = members["preserve_merge_history"]?.boolValue ?? false
        historyLimit = whole("max_merge_history_entries", historyLimit)
        checkedLimit = whole("max_items_to_check", checkedLimit)
    }

    /// What happens to an exact copy: `prefer_newer` renews the stored item, all others leave it.
    var exactStrategy: MergeStrategy {
        strategy == .intelligent ? (allowsNewerVersions ? .preferNewer : .preferExisting) : strategy
    }

    /// Whether an exact copy renews the stored item (its metadata, tags and expiry).
    var newerWins: Bool { exactStrategy == .preferNewer || exactStrategy == .combine }

    /// What happens to a near copy.
    func nearStrategy(similarity: Double, sharesScope: Bool) -> MergeStrategy {
        guard strategy == .intelligent else { return strategy }
        if similarity >= Self.combiningSimilarity || !sharesScope { return .combine }
        return allowsNewerVersions ? .preferNewer : .preferExisting
    }
}
