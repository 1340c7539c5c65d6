import JSON

/// What is done with a copy or a near copy of what is stored (spec: the table of `merge_strategy`).
package enum MergeStrategy: String, Sendable, CaseIterable {
    /// Exact copies are skipped; near copies are stored and reported.
    case skip
    /// What is stored stays, and the newer text is reported as skipped.
    case preferExisting = "prefer_existing"
    /// The newer text takes the place of what is stored, under its id; the former version is kept.
    case preferNewer = "prefer_newer"
    /// One memory with both texts; the former version is kept.
    case combine
    /// Near copies become one memory only if both have the same words in the same order (``Wording``).
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

    /// Whether an exact copy renews the expiry of what is stored. It never brings the expiry forward.
    var renews: Bool {
        switch strategy {
        case .intelligent: allowsNewerVersions
        case .preferNewer, .combine: true
        case .skip, .preferExisting: false
        }
    }

    /// What happens to a near copy; nil where it is stored beside the other.
    ///
    /// - Parameter hasSameWording: whether both have the same words in the same order.
    func nearStrategy(hasSameWording: Bool) -> MergeStrategy? {
        switch strategy {
        case .skip: nil
        case .preferExisting, .preferNewer, .combine: strategy
        case .intelligent: hasSameWording && allowsNewerVersions ? .intelligent : nil
        }
    }
}
