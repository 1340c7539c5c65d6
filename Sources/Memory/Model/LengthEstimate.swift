import Synchronization

/// The mean length of items in weighted terms (avgL of BM25): sampled from the store, then kept up while storing, and
/// sampled again when this process has stored as many items as were there.
final class LengthEstimate: Sendable {
    private struct State {
        var mean = 0.0
        var count = 0
        /// Items that may still be stored until the next sample; nil before the first.
        var remaining: Int?
    }

    let sampleSize: Int
    private let state = Mutex(State())

    init(sampleSize: Int) { self.sampleSize = sampleSize }

    var needsSample: Bool { state.withLock { ($0.remaining ?? 0) <= 0 } }

    /// The mean; nil as long as no item is known.
    var mean: Double? { state.withLock { $0.count > 0 ? $0.mean : nil } }

    /// Starts again from the lengths of some of `total` stored items.
    func restart(from lengths: [Double], total: Int) {
        state.withLock { state in
            state.count = lengths.count
            state.mean = lengths.isEmpty ? 0 : lengths.reduce(0, +) / Double(lengths.count)
            state.remaining = max(total, sampleSize)
        }
    }

    func add(_ lengths: [Double]) {
        state.withLock { state in
            for length in lengths {
                state.count += 1
                state.mean += (length - state.mean) / Double(state.count)
                state.remaining = state.remaining.map { $0 - 1 }
            }
        }
    }
}
