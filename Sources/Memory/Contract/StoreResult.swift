import JSON
import VectorEngine

/// What became of one item.
package enum ItemStatus: String, Sendable, CaseIterable {
    case stored, updated, merged
    case skippedDuplicate = "skipped_dedupe"
    case blocked = "business_rule_blocked"
    case invalid = "validation_error"
}

/// One item's result, in the order of the call.
package struct StoredItem: Sendable, Equatable {
    package let inputIndex: Int
    package var status: ItemStatus
    package var id: UUIDBytes?
    package let kind: MemoryKind
    package var existingID: UUIDBytes?
    package var strategy: String?
    /// The cosine of the two texts; 1 for exact copies.
    package var similarity: Double?
    /// What it resembles, where it was stored beside it.
    package var similar: [SimilarItem] = []
    /// How often its text has been stored by now, where it was there already.
    package var seen: Int64?
    /// Whether its vectors are still to be computed.
    package var isEmbeddingPending = false
    package var insights: [JSONValue] = []
    /// Microseconds since 1970.
    package var expiresAt: Int64?
    /// Chunks that a long text was cut into; 0 for one that was not.
    package var chunkCount = 0
    package var warnings: [String] = []
    package var error: MemoryError?

    init(_ index: Int, _ kind: MemoryKind, _ status: ItemStatus) {
        inputIndex = index
        self.kind = kind
        self.status = status
    }

    /// Without `input_index` this is what an idempotency key answers with.
    func json(correlationID: String?) -> JSONObject {
        var members: JSONObject = ["input_index": .integer(Int64(inputIndex)), "status": .string(status.rawValue)]
        if let id { members["id"] = .string(id.description) }
        members["kind"] = .string(kind.rawValue)
        if let existingID {
            members["existing_id"] = .string(existingID.description)
            let rounded = ((similarity ?? 1) * 10_000).rounded() / 10_000
            members["similarity"] = rounded == 1 ? 1 : .number(rounded)
        }
        if !similar.isEmpty { members["similar"] = .array(similar.map(\.json)) }
        if let seen { members["seen"] = .integer(seen) }
        if isEmbeddingPending { members["embedding"] = "pending" }
        if let strategy { members["strategy"] = .string(strategy) }
        if let expiresAt { members["expires_at"] = .string(Timestamp.format(expiresAt)) }
        if chunkCount > 0 { members["chunks"] = .integer(Int64(chunkCount)) }
        if !insights.isEmpty { members["insights"] = .array(insights) }
        if !warnings.isEmpty { members["warnings"] = .array(warnings.map { .string($0) }) }
        if let error { members["error"] = error.json(correlationID: correlationID) }
        return members
    }

    /// Reads what ``json(correlationID:)`` wrote for an idempotency key.
    init?(replaying members: JSONObject, at index: Int) {
        guard let kind = members["kind"]?.stringValue.flatMap(MemoryKind.init(rawValue:)),
            let status = members["status"]?.stringValue.flatMap(ItemStatus.init(rawValue:))
        else { return nil }
        self.init(index, kind, status)
        id = members["id"]?.stringValue.flatMap { UUIDBytes($0) }
        existingID = members["existing_id"]?.stringValue.flatMap { UUIDBytes($0) }
        strategy = members["strategy"]?.stringValue
        similarity = existingID == nil ? nil : members["similarity"]?.doubleValue
        similar = (members["similar"]?.arrayValue ?? []).compactMap(SimilarItem.init)
        seen = members["seen"]?.integerValue
        isEmbeddingPending = members["embedding"]?.stringValue == "pending"
        expiresAt = members["expires_at"]?.stringValue.flatMap(Timestamp.parse)
        chunkCount = members["chunks"]?.integerValue.flatMap { Int(exactly: $0) } ?? 0
        warnings = (members["warnings"]?.arrayValue ?? []).compactMap(\.stringValue)
    }
}

/// What a call of `memory_store` did.
package struct StoreResult: Sendable {
    package let items: [StoredItem]
    package let batchID: String
    package let duration: Duration
    /// The model whose vectors were stored; nil without one.
    package let embedder: String?
    /// Why no vectors were stored; nil when they were.
    package let degradedReason: String?
    let showsSummary: Bool
    /// Stored items that were compared with the new ones.
    var checkedCount = 0
    var contradictions: [Contradiction] = []
    /// How long the steps took, where that was asked.
    var steps = JSONObject()

    /// Items that were stored beside something they resemble.
    package var similarCount: Int { items.count { !$0.similar.isEmpty } }

    package func count(_ status: ItemStatus) -> Int { items.count { $0.status == status } }

    package func json(correlationID: String?) -> JSONValue {
        var members: JSONObject = ["items": .array(items.map { .object($0.json(correlationID: correlationID)) })]
        let counts = [
            ("stored", ItemStatus.stored), ("updated", .updated), ("merged", .merged), ("skipped", .skippedDuplicate),
            ("blocked", .blocked), ("failed", .invalid),
        ].map { ($0, count($1)) }
        if showsSummary {
            var summary: JSONObject = ["total": .integer(Int64(items.count))]
            for (name, count) in counts { summary[name] = .integer(Int64(count)) }
            summary["similar"] = .integer(Int64(similarCount))
            members["summary"] = .object(summary)
            members["autonomous_context"] = .object(context(counts))
        }
        var meta: JSONObject = ["batch_id": .string(batchID), "duration_ms": .number(duration.milliseconds)]
        if let embedder { meta["embedder"] = .string(embedder) }
        meta.merge(steps) { $1 }
        meta["degraded"] = .bool(degradedReason != nil)
        if let degradedReason { meta["degraded_reason"] = .string(degradedReason) }
        members["meta"] = .object(meta)
        return .object(members)
    }

    private func context(_ counts: [(String, Int)]) -> JSONObject {
        let action = counts.filter { $0.1 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
        var context: JSONObject = ["action_performed": .string(action)]
        context["similar_items_checked"] = .integer(Int64(checkedCount))
        context["duplicates_found"] = .integer(Int64(items.count { $0.existingID != nil }))
        context["contradictions"] = .array(contradictions.map(\.json))
        if count(.blocked) + count(.invalid) > 0 {
            context["recommendation"] = "mend the items that have an error and send those alone again"
        } else if !contradictions.isEmpty {
            context["recommendation"] =
                "read the memories that contradict, and store which one holds (supersedes), or delete the other"
        } else if similarCount > 0 {
            context["recommendation"] =
                "both texts are kept; where one replaces the other, use memory_update, or supersedes in a new item"
        }
        return context
    }
}

extension Duration {
    /// Milliseconds with three decimals.
    var milliseconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) * 1000 + Double(attoseconds / 1_000_000_000_000) / 1000
    }
}
