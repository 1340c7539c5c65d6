import JSON
import VectorEngine

/// One item of a page.
package struct FoundItem: Sendable {
    let record: MemoryRecord
    let candidate: Candidate
    /// Where the chunk that answers best lies in the content, as UTF-8 offsets.
    let place: Range<Int>?
    let isExact: Bool
    package let highlight: String?
    /// What of the same page it contradicts.
    package var contradictions: [FoundContradiction] = []
    /// Whether nothing that was found is close to the query.
    package var isWeak = false
    private let isReached: Bool

    init(
        record: MemoryRecord, candidate: Candidate, place: Range<Int>?, isExact: Bool, highlight: String?
    ) {
        self.record = record
        self.candidate = candidate
        self.place = place
        self.isExact = isExact
        self.highlight = highlight
        isReached = false
    }

    /// An item that an expansion reached.
    init(reached record: MemoryRecord) {
        self.record = record
        candidate = Candidate(id: .uuid(record.id))
        place = nil
        isExact = false
        highlight = nil
        isReached = true
    }

    /// Whether it was said in a conversation: how likely it answers the question cannot be told then.
    var isOfConversation: Bool { record.source.session != nil }
    package var id: UUIDBytes { record.id }
    package var kind: MemoryKind { record.kind }
    package var content: String? { record.content }
    /// How likely the item answers the question, 0…1 and comparable between queries; the order is the ranking's.
    package var score: Double { candidate.relevance }
    package var relevance: Relevance.Word { Relevance.word(for: candidate.relevance) }

    /// `exact`, `hybrid`, `keyword`, `semantic`, or `expanded` for an item related to one of these.
    package var matchType: String {
        if isReached { return "expanded" }
        if isExact { return "exact" }
        guard (candidate.lexical ?? 0) > 0 else { return "semantic" }
        return candidate.isNear ? "hybrid" : "keyword"
    }

    fileprivate func json(_ request: FindRequest, _ edges: [Edge]) -> JSONValue {
        var members = record.json(
            includesContent: request.includesContent, includesMetadata: request.includesMetadata,
            maximumLength: request.maximumContentLength)
        // To the second: fractions are paid for in every item and nobody acts on them.
        for name in ["created_at", "updated_at", "expires_at"] {
            if let text = members[name]?.stringValue { members[name] = .string(text.prefix(19) + "Z") }
        }
        members["score"] = .number(Self.rounded(score))
        members["match_type"] = .string(matchType)
        if !isReached { members["relevance"] = .string(isWeak ? Relevance.Word.weak.rawValue : relevance.rawValue) }
        if !contradictions.isEmpty { members["contradictions"] = .array(contradictions.map(\.json)) }
        if let place {
            var match = Self.match(at: place)
            if request.includesContent, let content { match["text"] = .string(content.atUTF8(place)) }
            members["match"] = .object(match)
        }
        if let highlight { members["highlight"] = .string(highlight) }
        if request.includesRelations {
            members["relations"] = .array(edges.filter { $0.from == id || $0.to == id }.map(\.json))
        }
        if request.explains { members["explanation"] = .object(explanation) }
        return .object(members)
    }

    static func match(at range: Range<Int>) -> JSONObject {
        ["start": .integer(Int64(range.lowerBound)), "end": .integer(Int64(range.upperBound))]
    }

    private var explanation: JSONObject {
        var members = JSONObject()
        if let lexical = candidate.lexical {
            members["lexical"] = .number(Self.rounded(lexical))
            members["lexical_part"] = .number(Self.rounded(candidate.normalizedLexical))
        }
        if let dense = candidate.dense {
            members["dense"] = .number(Self.rounded(dense))
            members["dense_part"] = .number(Self.rounded(candidate.normalizedDense))
        }
        if !isReached { members["fused"] = .number(Self.rounded(candidate.score)) }
        for bonus in candidate.bonuses { members[bonus.name] = .number(bonus.value) }
        return members
    }

    /// Four decimals: more are paid for and say nothing.
    private static func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }
}

/// That a found memory and another on the same page cannot both hold.
package struct FoundContradiction: Sendable, Equatable {
    package let reason: Contradiction.Reason
    /// The other memory.
    package let other: UUIDBytes
    /// Which of the two was said (or else stored) later.
    package let newer: UUIDBytes

    /// In words, for who reads the memory.
    package var note: String {
        "contradicts memory://\(other) (\(reason.rawValue)), which is \(newer == other ? "newer" : "older")"
    }

    var json: JSONValue {
        [
            "type": .string(reason.rawValue), "memory_id": .string(other.description),
            "newer": .string(newer.description), "note": .string(note),
        ]
    }
}

/// What a call of `memory_find` found.
package struct FindResult: Sendable {
    /// Best first.
    package let items: [FoundItem]
    /// Items that can be paged through.
    package let total: Int
    /// What an expansion reached; nil without one.
    let graph: Graph?
    /// The strategy that was used in the end.
    package let strategy: SearchStrategy
    package let details: String
    package private(set) var searchID: String
    package private(set) var duration: Duration
    package let usesVectors: Bool
    /// What of ``duration`` the embedder took; nil where it was not asked.
    private(set) var modelTime: Duration?
    /// Whether no word of the query is stored and no memory is near it by meaning.
    package var isNothingClose = false
    /// The projects that there are, where the scope matched nothing.
    package var existingProjects: [String] = []
    /// What is said when nothing is close.
    package static let nothingClose = "nothing stored is close to this"
    /// Why the strategy asked for was not available, and which memories are damaged; nil when all is well.
    package private(set) var degradedReason: String?

    /// Whether it was remembered from an earlier call.
    package private(set) var isRemembered = false

    /// All reasons why an answer is degraded in one sentence; nil when there is none.
    static func joined(_ reasons: String?...) -> String? {
        let known = reasons.compactMap { $0 }
        return known.isEmpty ? nil : known.joined(separator: "; ")
    }

    /// The same result with what it may lack, where that is known.
    func lacking(_ damage: String?) -> FindResult {
        var copy = self
        copy.degradedReason = Self.joined(degradedReason, damage)
        return copy
    }

    /// The same result for another call.
    func again(searchID: String, duration: Duration) -> FindResult {
        var copy = self
        copy.searchID = searchID
        copy.duration = duration
        copy.modelTime = nil
        copy.isRemembered = true
        return copy
    }

    package func json(_ request: FindRequest) -> JSONValue {
        var meta: JSONObject = ["search_id": .string(searchID), "duration_ms": .number(duration.milliseconds)]
        if let modelTime { meta["model_ms"] = .number(modelTime.milliseconds) }
        meta["vector_used"] = .bool(usesVectors)
        if isRemembered { meta["cached"] = true }
        meta["degraded"] = .bool(degradedReason != nil)
        if let degradedReason { meta["degraded_reason"] = .string(degradedReason) }
        var members: JSONObject = [
            "items": .array(items.map { $0.json(request, graph?.edges ?? []) }), "total": .integer(Int64(total)),
            "strategy": .string(strategy.rawValue), "strategy_details": .string(details),
        ]
        if isNothingClose { members["note"] = .string(Self.nothingClose) }
        if !existingProjects.isEmpty { members["projects"] = .array(existingProjects.map { .string($0) }) }
        if let graph, request.expansion.kind != .none { members["graph"] = graph.json }
        members["meta"] = .object(meta)
        return .object(members)
    }
}
