import Dispatch
import Synchronization
import Vectors

/// 4-bit codes of the rows of a segment that has no graph yet: an exact search then reads an eighth of their floats'
/// bytes. The searches that would gain by them have them made behind their backs, so that neither a write nor a search
/// waits for them; rows that are not coded yet are scored by their floats.
package final class FreshCodes: Sendable {
    /// Rows `0..<bounds.rowCount` are coded.
    package struct Coded: Sendable {
        package let codes: CodeBlock
        package let bounds: CodeBounds
    }

    private struct State {
        var coded: Coded?
        var isCoding = false
    }

    private let state = Mutex(State())

    /// Rows scored by their floats that are worth coding, and rows coded before searches may use them.
    private static let leastRows = 1024
    /// Rows coded between two looks at whether somebody waits for the processor: some hundred microseconds.
    private static let rowsPerPause = 64

    /// Codes one segment after the other.
    private static let queue = DispatchQueue(label: "cortex.codes", qos: .utility)

    package init() {}

    /// Waits until all is coded that has been asked for.
    package static func finish() { queue.sync {} }

    /// What is coded of the first `rowCount` rows of `block`, which is always the same; nil when nothing is. Has the
    /// others coded for the searches to come, where they are many.
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

    /// Codes the rows from where `coded` ends up to `rowCount`, or a few less.
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
