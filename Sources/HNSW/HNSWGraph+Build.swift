import Dispatch
import Synchronization
import Vectors

extension HNSWGraph {
    static let maximumThreads = 256

    /// Builds a graph over rows `0..<rowCount` of `block`.
    ///
    /// - Parameters:
    ///   - block: normalised vectors for cosine; every component finite. Rows below `rowCount` must not change.
    ///   - threads: the calling thread and `threads − 1` others. With one thread the graph depends on the rows and the
    ///     parameters alone; with more, on who came first as well.
    ///   - extending: a graph over the first rows of the same content with the same metric and the same widths; its
    ///   links
    ///     are copied and the remaining rows inserted. It stays as it is.
    ///   - progress: told how many rows are in, on the calling thread, from time to time.
    ///   - isCancelled: asked by every thread every few rows.
    /// - Throws: `HNSWParameterError` for settings outside their limits or a graph that cannot be extended;
    ///   `CancellationError`.
    package static func build(
        block: VectorBlock, rowCount: Int, metric: Metric, parameters: HNSWParameters, threads: Int,
        extending: HNSWGraph? = nil, progress: ((Int) -> Void)? = nil,
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws -> HNSWGraph {
        precondition(rowCount >= 0 && rowCount <= block.capacity && rowCount <= maximumRowCount)
        precondition((1...maximumThreads).contains(threads))
        try parameters.check()
        try extending?.checkExtensible(block: block, rowCount: rowCount, metric: metric, parameters: parameters)
        let known = extending?.rowCount ?? 0
        let levels = (0..<rowCount).map { row in
            row < known
                ? extending?.storage.levels[row] ?? 0 : GraphBuilder.level(row: row, parameters: parameters)
        }
        let builder = GraphBuilder(
            levels: levels, block: block, metric: metric, parameters: parameters, locksRows: threads > 1,
            kernels: .best)
        let scratch = builder.makeScratch()
        var first: Int?
        if let extending, known > 0 { builder.adopt(extending) }
        // Of several rows on the highest level the first.
        if let top = levels[known...].max(), let highest = levels[known...].firstIndex(of: top) {
            if known == 0 {
                builder.begin(with: highest)
                first = highest
            } else if Int(levels[highest]) > builder.topLevel {
                builder.insertAlone(highest, scratch)
                first = highest
            }
        }
        let work = BuildWork(builder: builder, rows: known..<rowCount, done: first, isCancelled: isCancelled)
        let group = DispatchGroup()
        for _ in 1..<max(threads, 1) {
            DispatchQueue.global().async(group: group) { work.run(work.makeScratch(), progress: nil) }
        }
        work.run(scratch, progress: progress)
        group.wait()
        if work.wasCancelled { throw CancellationError() }
        return builder.sealed(scratch)
    }

    private func checkExtensible(
        block: VectorBlock, rowCount: Int, metric: Metric, parameters: HNSWParameters
    ) throws(HNSWParameterError) {
        let fits =
            self.metric == metric && self.block.dimension == block.dimension && self.rowCount <= rowCount
            && self.parameters.connections == parameters.connections
            && self.parameters.baseWidth == parameters.baseWidth
        guard fits else {
            throw HNSWParameterError(
                message: "a graph of \(self.rowCount) rows, \(self.block.dimension) dimensions, \(self.metric), "
                    + "\(self.parameters.connections)/\(self.parameters.baseWidth) connections cannot become one of "
                    + "\(rowCount), \(block.dimension), \(metric), \(parameters.connections)/\(parameters.baseWidth); "
                    + "build it anew")
        }
    }
}

extension GraphBuilder {
    func makeScratch() -> BuildScratch {
        BuildScratch(
            rowCount: storage.rowCount, width: storage.width, connections: parameters.connections,
            breadth: parameters.buildBreadth)
    }
}

/// The rows still to be inserted, handed out to the threads of one build.
///
/// `@unchecked`: the builder's rows are guarded by its locks, and everything else here is constant or atomic.
private final class BuildWork: @unchecked Sendable {
    private let builder: GraphBuilder
    private let rows: Range<Int>
    private let done: Int?
    private let isCancelled: @Sendable () -> Bool
    private let next: Atomic<Int>
    private let cancelled = Atomic<Bool>(false)

    /// Rows a thread takes at a time; between two takes it looks whether the build was cancelled.
    private static let rowsTaken = 32

    init(builder: GraphBuilder, rows: Range<Int>, done: Int?, isCancelled: @escaping @Sendable () -> Bool) {
        self.builder = builder
        self.rows = rows
        self.done = done
        self.isCancelled = isCancelled
        next = Atomic(rows.lowerBound)
    }

    func makeScratch() -> BuildScratch { builder.makeScratch() }

    var wasCancelled: Bool { cancelled.load(ordering: .acquiring) }

    func run(_ scratch: BuildScratch, progress: ((Int) -> Void)?) {
        while !wasCancelled {
            if isCancelled() {
                cancelled.store(true, ordering: .releasing)
                return
            }
            let first = next.add(Self.rowsTaken, ordering: .relaxed).oldValue
            guard first < rows.upperBound else { return }
            let last = min(first + Self.rowsTaken, rows.upperBound)
            for row in first..<last where row != done { builder.insert(row, scratch) }
            progress?(last)
        }
    }
}
