import Dispatch
import Synchronization
import Vectors

/// What a graph is built from.
package enum BuildRows: Sendable {
    case floats(VectorBlock, Metric)
    /// Rows as 8-bit codes to be compared, and as 4-bit codes to be walked over, while building and later; for L2 both
    /// of one mean.
    case codes(building: CodeBlock, walking: CodeBlock)

    fileprivate var kept: GraphRows {
        switch self {
        case .floats(let block, let metric): .floats(block, metric)
        case .codes(_, let walking): .codes(walking)
        }
    }
}

extension HNSWGraph {
    package static let maximumThreads = 256

    /// Builds a graph over the first `rowCount` rows.
    ///
    /// - Parameters:
    ///   - rows: normalised vectors for cosine; every component finite. They must not change.
    ///   - threads: the calling thread and `threads − 1` others. With one thread the graph depends on the rows and the
    ///     parameters alone; with more, on who came first as well.
    ///   - extending: a graph over the first rows of the same content with the same metric and the same widths; its
    ///     links are copied and the remaining rows inserted. It stays as it is.
    ///   - progress: told how many rows are in, on the calling thread, from time to time.
    ///   - isCancelled: asked by every thread every few rows.
    /// - Throws: `HNSWParameterError` for settings outside their limits or a graph that cannot be extended;
    ///   `CancellationError`.
    package static func build(
        _ rows: BuildRows, rowCount: Int, parameters: HNSWParameters, threads: Int, extending: HNSWGraph? = nil,
        progress: ((Int) -> Void)? = nil, isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws -> HNSWGraph {
        let kept = rows.kept
        precondition(rowCount >= 0 && rowCount <= kept.capacity && rowCount <= maximumRowCount)
        precondition((1...maximumThreads).contains(threads))
        try parameters.check()
        try extending?.checkExtensible(rows: kept, rowCount: rowCount, parameters: parameters)
        let known = extending?.rowCount ?? 0
        let levels = (0..<rowCount).map { row in
            row < known
                ? extending?.storage.upper.levels[row] ?? 0 : GraphLevels.level(row: row, parameters: parameters)
        }
        let run = BuildRun(
            levels: levels, parameters: parameters, threads: threads, extending: extending, progress: progress,
            isCancelled: isCancelled)
        let sketches: SketchBlock? = if case .codes(_, let walking) = rows { .paying(for: walking) } else { nil }
        let built =
            switch rows {
            case .floats(let block, let metric): try run.links(over: FloatSpace(block: block, metric: metric))
            case .codes(let building, let walking):
                try run.links(over: CodeSpace(block: building, walking: walking, sketches: sketches))
            }
        return HNSWGraph(
            rows: kept, storage: built.storage, entry: built.entry, topLevel: built.topLevel, parameters: parameters,
            sketches: sketches)
    }

    private func checkExtensible(
        rows: GraphRows, rowCount: Int, parameters: HNSWParameters
    ) throws(HNSWParameterError) {
        let fits =
            hasLinks && metric == rows.metric && self.rows.dimension == rows.dimension
            && self.rowCount <= rowCount
            && self.parameters.connections == parameters.connections
            && self.parameters.baseWidth == parameters.baseWidth
        guard fits else {
            throw HNSWParameterError(
                message: "a graph of \(self.rowCount) rows, \(self.rows.dimension) dimensions, \(metric), "
                    + "\(self.parameters.connections)/\(self.parameters.baseWidth) connections cannot become one of "
                    + "\(rowCount), \(rows.dimension), \(rows.metric), "
                    + "\(parameters.connections)/\(parameters.baseWidth); build it anew")
        }
    }
}

/// One build: what is the same whatever rows are scored by.
private struct BuildRun {
    let levels: [UInt8]
    let parameters: HNSWParameters
    let threads: Int
    let extending: HNSWGraph?
    let progress: ((Int) -> Void)?
    let isCancelled: @Sendable () -> Bool

    func links(over space: some RowSpace) throws -> (storage: GraphStorage, entry: UInt32, topLevel: Int) {
        let builder = GraphBuilder(levels: levels, space: space, parameters: parameters, locksRows: threads > 1)
        let scratch = builder.makeScratch()
        let known = extending?.rowCount ?? 0
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
        let work = BuildWork(builder: builder, rows: known..<levels.count, done: first, isCancelled: isCancelled)
        let group = DispatchGroup()
        for _ in 1..<threads {
            DispatchQueue.global().async(group: group) { work.run(work.makeScratch(), progress: nil) }
        }
        work.run(scratch, progress: progress)
        group.wait()
        if work.wasCancelled { throw CancellationError() }
        for _ in 1..<threads { DispatchQueue.global().async(group: group) { work.seal(work.makeScratch()) } }
        work.seal(scratch)
        group.wait()
        return (work.sealed, builder.entry, builder.topLevel)
    }
}

extension GraphBuilder {
    func makeScratch() -> BuildScratch {
        BuildScratch(
            rowCount: upper.rowCount, width: width, connections: parameters.connections,
            breadth: parameters.buildBreadth, walkerBytes: walkerBytes, planeWords: planeWords)
    }
}

/// The rows still to be inserted, handed out to the threads of one build.
///
/// `@unchecked`: the builder's rows are guarded by its locks, and everything else here is constant or atomic.
private final class BuildWork<Space: RowSpace>: @unchecked Sendable {
    private let builder: GraphBuilder<Space>
    private let rows: Range<Int>
    private let done: Int?
    private let isCancelled: @Sendable () -> Bool
    private let next: Atomic<Int>
    private let nextSealed = Atomic<Int>(0)
    private let cancelled = Atomic<Bool>(false)
    /// The finished links.
    let sealed: GraphStorage

    /// Rows a thread takes at a time, half a millisecond's work; between two takes it looks whether the build was
    /// cancelled.
    private static var rowsTaken: Int { 4 }
    private static var rowsSealed: Int { 256 }

    init(builder: GraphBuilder<Space>, rows: Range<Int>, done: Int?, isCancelled: @escaping @Sendable () -> Bool) {
        self.builder = builder
        self.rows = rows
        self.done = done
        self.isCancelled = isCancelled
        next = Atomic(rows.lowerBound)
        sealed = builder.roomForSealed()
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

    /// Seals rows that no other thread has taken until there are none left.
    func seal(_ scratch: BuildScratch) {
        while true {
            let first = nextSealed.add(Self.rowsSealed, ordering: .relaxed).oldValue
            guard first < sealed.rowCount else { return }
            builder.seal(first..<min(first + Self.rowsSealed, sealed.rowCount), into: sealed, scratch)
        }
    }
}
