import VectorEngine

/// A point with what is known of its relevance.
struct Candidate {
    let id: PointID
    /// The BM25 score; nil where no word is shared.
    var lexical: Double?
    /// The cosine; nil where the item has no vector.
    var dense: Double?
    /// The chunk that is nearest, where one is nearer than the memory's own vector.
    private(set) var chunk: PointID?
    /// Whether it is a former version.
    var isVersion = false
    /// Whether it is one of the nearest by meaning.
    var isNear = false
    /// What was added to the fused score (or taken from it), by the reason's name in an explanation.
    var bonuses: [Bonus] = []
    /// Whether it belongs to the project that the search comes from.
    var isOfHome = false
    var normalizedLexical = 0.0
    var normalizedDense = 0.0
    var score = 0.0

    init(id: PointID) { self.id = id }

    /// A reason to stand higher, or lower.
    struct Bonus: Sendable {
        let name: String
        let value: Double
    }

    var bonus: Double { bonuses.reduce(0) { $0 + $1.value } }

    /// Keeps the best score of the memory and its chunks.
    mutating func take(dense hit: ScoredPoint) {
        guard Double(hit.score) > dense ?? -.infinity else { return }
        dense = Double(hit.score)
        chunk = hit.id == id ? nil : hit.id
    }

    /// Higher scores first; of two equal ones the older, since ids are in insertion order.
    static func isBetter(_ a: Candidate, _ b: Candidate) -> Bool {
        a.score > b.score || (a.score == b.score && a.id < b.id)
    }

    /// score = w · minmax(lexical) + v · minmax(dense) + bonus, min and max over all candidates; a missing lexical
    /// score is 0, a missing dense one the pool's lowest.
    static func fuse(_ candidates: inout [Candidate], lexical lexicalWeight: Double, _ denseWeight: Double) {
        let words = candidates.map { $0.lexical ?? 0 }
        let known = candidates.compactMap(\.dense)
        let words0 = words.min() ?? 0, words1 = words.max() ?? 0
        let dense0 = known.min() ?? 0, dense1 = known.max() ?? 0
        for i in candidates.indices {
            candidates[i].normalizedLexical = scaled(words[i], words0, words1)
            candidates[i].normalizedDense = candidates[i].dense.map { scaled($0, dense0, dense1) } ?? 0
            candidates[i].score =
                lexicalWeight * candidates[i].normalizedLexical + denseWeight * candidates[i].normalizedDense
                + candidates[i].bonus
        }
    }

    /// Differences of relevance within which two memories are similarly relevant: of cosines, and of word scores as a
    /// part of the best one.
    private static let similarCosines = 0.08
    private static let similarWords = 0.2

    /// Adds to the memories of the searcher's own project what similarly relevant memories of others may have more.
    static func preferHome(_ candidates: inout [Candidate], lexical lexicalWeight: Double, _ denseWeight: Double) {
        guard candidates.contains(where: \.isOfHome), candidates.contains(where: { !$0.isOfHome }) else { return }
        let words = candidates.map { $0.lexical ?? 0 }
        let cosines = candidates.compactMap(\.dense)
        func share(_ tolerance: Double, of values: [Double]) -> Double {
            guard let low = values.min(), let high = values.max(), high > low else { return 0 }
            return min(1, tolerance / (high - low))
        }
        let bonus =
            lexicalWeight * share(similarWords * (words.max() ?? 0), of: words)
            + denseWeight * share(similarCosines, of: cosines)
        for i in candidates.indices where candidates[i].isOfHome && bonus > 0 {
            candidates[i].bonuses.append(Bonus(name: "project_bonus", value: bonus))
            candidates[i].score += bonus
        }
    }

    /// Where all are equal there is nothing to tell apart: 1 for a positive score, else 0.
    private static func scaled(_ value: Double, _ low: Double, _ high: Double) -> Double {
        high > low ? (value - low) / (high - low) : (value > 0 ? 1 : 0)
    }
}
