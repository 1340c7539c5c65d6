import Foundation

/// How the two halves of a search become one score (spec/retrieval-fusion, step A): words count by how much of the
/// question they cover, meaning by how much of it the model can read.
struct Fusion {
    /// What a query's terms tell in all: Σ qtf · idf, also of terms that no item has.
    var information = 0.0
    /// How little of the query the model can read: 0 plain English, 1 a language or a notation it does not know.
    var unreadable = 0.0
    let settings: MemorySettings

    /// The share of `unreadable` in a query that its tokeniser cuts into so many pieces.
    static func unreadable(words: Int, pieces: Int, _ settings: MemorySettings) -> Double {
        guard words > 0 else { return 0 }
        return clamped(Double(pieces) / Double(words) - settings.readablePieces)
    }

    /// The cover c′ of the query by the pool's best lexical score.
    func cover(best: Double) -> Double {
        guard best > 0 else { return 0 }
        guard settings.weighsCover else { return 1 }
        let cover = information > 0 ? pow(min(1, best / (settings.coveredShare * information)), 2) : 0
        return cover + (1 - cover) * unreadable
    }

    /// Scores every candidate: min and max over all of them; a missing lexical score is 0, a missing dense one the
    /// pool's lowest.
    func score(_ candidates: inout [Candidate], hasTerms: Bool) {
        let words = candidates.map { $0.lexical ?? 0 }
        let known = candidates.compactMap(\.dense)
        let words0 = words.min() ?? 0, words1 = words.max() ?? 0
        let dense0 = known.min() ?? 0, dense1 = known.max() ?? 0
        let lexicalWeight = hasTerms ? settings.lexicalWeight * cover(best: words1) : 0
        let denseWeight = settings.denseWeight * (1 - (hasTerms ? settings.unreadableShare * unreadable : 0))
        for i in candidates.indices {
            candidates[i].normalizedLexical = Self.scaled(words[i], words0, words1)
            candidates[i].normalizedDense = candidates[i].dense.map { Self.scaled($0, dense0, dense1) } ?? 0
            let held = Self.clamped((share(candidates[i].held) - Self.nearlyAll) / (1 - Self.nearlyAll))
            if held > 0, settings.fullCoverBonus > 0 {
                candidates[i].bonuses.append(
                    Candidate.Bonus(name: "cover_bonus", value: settings.fullCoverBonus * held))
            }
            candidates[i].score =
                lexicalWeight * candidates[i].normalizedLexical + denseWeight * candidates[i].normalizedDense
                + candidates[i].bonus
            candidates[i].relevance = candidates[i].dense.map(Relevance.ofCosine) ?? 0
        }
        Candidate.preferHome(&candidates, lexical: lexicalWeight, denseWeight)
    }

    /// The share of the query's information that an item holds which holds so much of it.
    func share(_ held: Double) -> Double { information > 0 ? held / information : 0 }

    /// From this share on an item holds nearly all of the query.
    static let nearlyAll = 0.8

    /// Where all are equal there is nothing to tell apart: 1 for a positive score, else 0.
    private static func scaled(_ value: Double, _ low: Double, _ high: Double) -> Double {
        high > low ? (value - low) / (high - low) : (value > 0 ? 1 : 0)
    }

    private static func clamped(_ value: Double) -> Double { min(1, max(0, value)) }
}
