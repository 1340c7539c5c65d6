import VectorEngine

/// A point with what is known of its relevance.
struct Candidate {
    let id: PointID
    /// The BM25 score; nil where no word is shared.
    var lexical: Double?
    /// What it holds of the query: the sum of the weights of the query's terms that it has.
    var held = 0.0
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
    /// What the order goes by; it says nothing beside another query's.
    var score = 0.0
    /// How likely the item answers the question, 0…1 and comparable between queries.
    var relevance = 0.0

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
}
