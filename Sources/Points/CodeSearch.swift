import HNSW

/// What a search makes of the codes its walk goes by; Qdrant's `params.quantization` says the same.
public struct CodeSearch: Sendable, Equatable {
    public enum Rescoring: Sendable, Equatable {
        /// Candidates are scored by their floats until the rest cannot be expected to be nearer (`Rescoring`).
        case untilSure
        /// Every candidate is scored by its floats.
        case all
        /// Scores are those of the codes; no floats are read.
        case none
    }

    public var rescoring: Rescoring
    /// Candidates kept for every point wanted, at least; a walk keeps `breadth` in any case. From 1.
    public var oversampling: Double

    public init(rescoring: Rescoring = .untilSure, oversampling: Double = 1) {
        self.rescoring = rescoring
        self.oversampling = oversampling
    }

    /// The breadth of a walk that is asked for `limit` points; `EngineLimits.resultCount` at most, unless more are
    /// wanted.
    package func breadth(_ breadth: Int, limit: Int) -> Int {
        let asked = (oversampling * Double(limit)).rounded(.up)
        let most = Double(EngineLimits.resultCount)
        let candidates = asked.isFinite ? Int(min(max(asked, 1), most)) : EngineLimits.resultCount
        return max(breadth, candidates)
    }
}
