/// How two vectors are compared. Inside, a *distance* is smaller for nearer vectors; only the edge turns it into a
/// *score*.
public enum Metric: String, Sendable, CaseIterable, Codable {
    /// 1 − cosine. Vectors are normalised when they are stored, so that the distance is −⟨a, b⟩.
    case cosine
    /// −⟨a, b⟩.
    case dot
    /// Squared L2 inside; the score is its square root.
    case euclidean
    /// Sum of absolute differences.
    case manhattan

    /// The score that a user sees for a distance: similarity for cosine and dot, distance for the other metrics.
    public func score(ofDistance distance: Float) -> Float {
        switch self {
        case .cosine, .dot: -distance
        case .euclidean: distance.squareRoot()
        case .manhattan: distance
        }
    }

    /// Whether a larger score means nearer.
    public var largerScoreIsNearer: Bool { self == .cosine || self == .dot }
}
