import Foundation
import JSON

/// Statistics on a stored item, on request (`insights_config`): counted, never invented.
struct Insights: Sendable, Equatable {
    static let kinds = ["summary", "trends", "recommendations", "anomalies", "patterns"]

    var isEnabled = true
    var wanted = Insights.kinds
    var confidenceThreshold = 0.0
    var maximumCount = 10

    /// nil when the call says nothing.
    init?(_ members: JSONObject?) {
        guard let members else { return nil }
        isEnabled = members["enabled"]?.boolValue ?? true
        let listed = members["insight_types"]?.arrayValue?.compactMap(\.stringValue) ?? []
        if !listed.isEmpty { wanted = listed }
        confidenceThreshold = members["confidence_threshold"]?.doubleValue ?? 0
        maximumCount = members["max_insights"]?.integerValue.flatMap { Int(exactly: $0) } ?? maximumCount
    }

    /// What is counted of `record`: its size and commonest words; its neighbours; what its kind lacks.
    ///
    /// - Parameters:
    ///   - similarities: Cosines of the nearest stored items, the nearest first.
    ///   - terms: The text's terms, with repetitions.
    func found(on record: MemoryRecord, similarities: [Double], terms: [String]) -> [JSONValue] {
        guard isEnabled else { return [] }
        var insights: [(kind: String, text: String, confidence: Double)] = []
        var counts: [ByteText: Int] = [:]
        for term in terms { counts[text: term, default: 0] += 1 }
        let common = counts.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }.prefix(5)
        insights.append(
            (
                "summary",
                "\(terms.count) terms, commonest: "
                    + common.map { "\($0.key) \($0.value)" }
                    .joined(separator: ", "), 1
            ))
        if let nearest = similarities.first {
            let near = similarities.count { $0 >= 0.6 }
            insights.append(("trends", "\(near) of the nearest \(similarities.count) items are alike", nearest))
            if nearest < 0.2 { insights.append(("anomalies", "no stored item of its kind is alike", 1 - nearest)) }
        }
        let faults = record.kind.faults(in: record.data, at: "data")
        if !faults.isEmpty {
            let fields = faults.compactMap(\.field).joined(separator: ", ")
            insights.append(("recommendations", "\(record.kind.rawValue) would be fuller with \(fields)", 0.8))
        }
        if let (term, count) = common.first.map({ ($0.key, $0.value) }), count >= 3 {
            let share = Double(count) / Double(max(1, terms.count))
            insights.append(("patterns", "the term \(term) stands \(count) times", min(1, 0.5 + share)))
        }
        return insights.filter { wanted.contains($0.kind) && $0.confidence >= confidenceThreshold }
            .prefix(maximumCount).map { insight in
                [
                    "type": .string(insight.kind), "text": .string(insight.text),
                    "confidence": .number((insight.confidence * 1000).rounded() / 1000),
                ]
            }
    }
}
