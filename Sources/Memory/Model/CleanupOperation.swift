/// What a cleanup can remove.
enum CleanupOperation: String, Sendable, CaseIterable {
    /// Memories that have ended.
    case expired
    /// Chunks and versions whose memory is gone.
    case orphaned
    /// Exact copies in one scope but the oldest.
    case duplicate
    /// This process's telemetry.
    case metrics
    /// Reports but the newest.
    case logs
}
