import Dispatch
import Synchronization
import Vectors

/// 4-bit codes of the rows of a segment that has no graph yet: with them an exact search reads an eighth of the floats'
/// bytes. They are made in the background when a search could use them, so neither a write nor a search waits for them;
/// rows without a code are scored by their floats.
package final class FreshCodes: Sendable {
    /// The rows `0..<bounds.rowCount` have codes.
    package struct Coded: Sendable {
        package let codes: CodeBlock
        package let bounds: CodeBounds
    }

    private struct State {
        var coded: Coded?
        var isCoding = false
    }

    private let state = Mutex(State())

    /// The least number of rows without a code that is worth coding, and the number of rows that are coded before
    /// searches use them.
    private static let leastRows = 1024
    /// Rows that are coded before other threads may run first: some hundred microseconds.
    private static let rowsPerPause = 64

    /// Codes one segment after the other.
    private static let queue = DispatchQueue(label: "cortex.codes", qos: .utility)

    package init() {}

    /// Waits until all requested rows have been coded.
    package static func finish() { queue.sync {} }

    /// The codes of the first `rowCount` rows of `block`, which is always the same block; nil if there are none. If
    /// many rows have no code, they are coded in the background for later searches.
    package func coded(of block: VectorBlock, _ metric: Metric, rowCount: Int) -> Coded? {
        guard CodeBlock.supports(metric, dimension: block.dimension) else { return nil }
        let (coded, isWanted) = state.withLock { state in
            let isWanted = !state.isCoding && rowCount - (state.coded?.bounds.rowCount ?? 0) >= Self.leastRows
            if isWanted { state.isCoding = true }
            return (state.coded, isWanted)
        }
        if isWanted {
            Self.queue.async { [self] in
                code(block, metric, after: coded, rowCount: rowCount)
                state.withLock { $0.isCoding = false }
            }
        }
        return coded
    }

    /// Codes the rows from the end of `coded` up to `rowCount`, or a few less.
    private func code(_ block: VectorBlock, _ metric: Metric, after coded: Coded?, rowCount: Int) {
        let codes =
            coded?.codes
            ?? CodeBlock(
                kind: .nibbles, metric: metric, dimension: block.dimension, count: block.capacity,
                mean: block.mean(rowCount: rowCount))
        var bounds = coded?.bounds
        while rowCount - (bounds?.rowCount ?? 0) >= Self.leastRows {
            let start = bounds?.rowCount ?? 0
            for first in stride(from: start, to: start + Self.leastRows, by: Self.rowsPerPause) {
                codes.encode(first..<first + Self.rowsPerPause, of: block)
                YieldingThread.pause()
            }
            let known = CodeBounds(codes, floats: block, rowCount: start + Self.leastRows, after: bounds)
            bounds = known
            state.withLock { $0.coded = Coded(codes: codes, bounds: known) }
        }
    }
}
