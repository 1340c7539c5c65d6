import Foundation

/// How likely it is that an item answers the question, as fitted on questions about notes (spec/retrieval-fusion,
/// Relevance). It does not say which of two items is better: the fused score does.
package enum Relevance {
    static func ofCosine(_ cosine: Double) -> Double { 1 / (1 + exp(4.9 - 6.2 * cosine)) }

    /// The word for people.
    package enum Word: String, Sendable, CaseIterable { case sure, likely, weak }

    package static func word(for relevance: Double) -> Word {
        if relevance >= ofCosine(0.725) { return .sure }
        return relevance >= ofCosine(0.45) ? .likely : .weak
    }
}
