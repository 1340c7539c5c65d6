/// How near two vectors are. Inside, a *distance* grows as vectors part; only the edge turns it into a *score*.
public enum Metric: String, Sendable, CaseIterable, Codable {
    /// 1 − cosine; vectors are normalised on the way in, so that the distance is −⟨a, b⟩.
    case cosine
    /// −⟨a, b⟩.
    case dot
    /// Squared L2 inside; the score is its root.
    case euclidean
    /// Sum of absolute differences.
    case manhattan

    /// What a user is shown for an inner distance: similarity for cosine and dot, distance for the others.
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
