import Dispatch
import Synchronization
import Vectors

/// The rows from which a graph is built.
package enum BuildRows: Sendable {
    case floats(VectorBlock, Metric)
    /// Rows as 8-bit codes for comparing rows, and as 4-bit codes for walking, during the build and later. For L2 both
    /// have the same mean.
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
    ///   - threads: the calling thread and `threads − 1` others. With one thread the graph only depends on the rows and
    ///     the parameters; with more threads, it also depends on their timing.
    ///   - extending: a graph with the same metric and the same widths. Its rows, or those of them that are kept, are
    ///     the first rows here and have the same content. Their links are copied, links to rows that are left out are
    ///     replaced, and the other rows are inserted. The given graph does not change.
    ///   - progress: is told from time to time, on the calling thread, how many rows have been inserted.
    ///   - isCancelled: every thread asks it every few rows.
    /// - Throws: `HNSWParameterError` for settings outside their limits or a graph that cannot be extended;
    ///   `CancellationError`.
    package static func build(
        _ rows: BuildRows, rowCount: Int, parameters: HNSWParameters, threads: Int, extending: KnownGraph? = nil,
        progress: ((Int) -> Void)? = nil, isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws -> HNSWGraph {
        let kept = rows.kept
        precondition(rowCount >= 0 && rowCount <= kept.capacity && rowCount <= maximumRowCount)
        precondition((1...maximumThreads).contains(threads))
        try parameters.check()
        try extending?.checkExtensible(rows: kept, rowCount: rowCount, parameters: parameters)
        let levels =
            (extending?.levels ?? [])
            + ((extending?.keptCount ?? 0)..<rowCount).map { GraphLevels.level(row: $0, parameters: parameters) }
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
}

/// One build: the part that does not depend on how rows are scored.
private struct BuildRun {
    let levels: [UInt8]
    let parameters: HNSWParameters
    let threads: Int
    let extending: KnownGraph?
    let progress: ((Int) -> Void)?
    let isCancelled: @Sendable () -> Bool

    func links(over space: some RowSpace) throws -> (storage: GraphStorage, entry: UInt32, topLevel: Int) {
        let builder = GraphBuilder(levels: levels, space: space, parameters: parameters, locksRows: threads > 1)
        let scratch = builder.makeScratch()
        var rows = extending?.unlinkedRows(rowCount: levels.count) ?? Array(levels.indices)
        let work = BuildWork(builder: builder, isCancelled: isCancelled)
        if let extending {
            builder.adopt(extending)
            if extending.leavesOut { try onEveryThread(work, scratch) { work.repair(extending, $0) } }
        }
        // Of several rows on the highest level, the first; it is inserted before all others.
        if let top = rows.map({ levels[$0] }).max(), let place = rows.firstIndex(where: { levels[$0] == top }) {
            if rows.count == levels.count {
                builder.begin(with: rows.remove(at: place))
            } else if Int(top) > builder.topLevel {
                builder.insertAlone(rows.remove(at: place), scratch)
            }
        }
        let inserted = rows
        try onEveryThread(work, scratch, here: { work.insert(inserted, scratch, progress: progress) }) { other in
            work.insert(inserted, other, progress: nil)
        }
        try onEveryThread(work, scratch) { work.seal($0) }
        return (work.sealed, builder.entry, builder.topLevel)
    }

    /// - Parameters:
    ///   - scratch: the memory of the calling thread; the other threads have their own.
    ///   - here: the work of the calling thread, in place of `part`.
    private func onEveryThread(
        _ work: BuildWork<some RowSpace>, _ scratch: BuildScratch, here: (() -> Void)? = nil,
        _ part: @escaping @Sendable (BuildScratch) -> Void
    ) throws {
        let group = DispatchGroup()
        for _ in 1..<threads { DispatchQueue.global().async(group: group) { part(work.makeScratch()) } }
        if let here { here() } else { part(scratch) }
        group.wait()
        if work.wasCancelled { throw CancellationError() }
    }
}

extension GraphBuilder {
    func makeScratch() -> BuildScratch {
        BuildScratch(
            rowCount: upper.rowCount, width: width, connections: parameters.connections,
            breadth: parameters.buildBreadth, walkerBytes: walkerBytes, planeWords: planeWords)
    }
}

/// The rows of one build, handed out to its threads: first the rows to repair, then those to insert, then all rows.
///
/// `@unchecked`: the builder's rows are guarded by its locks, and everything else here is constant or atomic.
private final class BuildWork<Space: RowSpace>: @unchecked Sendable {
    private let builder: GraphBuilder<Space>
    private let isCancelled: @Sendable () -> Bool
    private let nextRepaired = Atomic<Int>(0)
    private let nextInserted = Atomic<Int>(0)
    private let nextSealed = Atomic<Int>(0)
    private let cancelled = Atomic<Bool>(false)
    /// The finished links.
    let sealed: GraphStorage

    /// Rows that a thread takes at a time, about half a millisecond of work; before each take the thread checks whether
    /// the build was cancelled.
    private static var rowsInserted: Int { 4 }
    private static var rowsRepaired: Int { 16 }
    private static var rowsSealed: Int { 256 }

    init(builder: GraphBuilder<Space>, isCancelled: @escaping @Sendable () -> Bool) {
        self.builder = builder
        self.isCancelled = isCancelled
        sealed = builder.roomForSealed()
    }

    func makeScratch() -> BuildScratch { builder.makeScratch() }

    var wasCancelled: Bool { cancelled.load(ordering: .acquiring) }

    /// Repairs rows that no other thread has taken, until none is left.
    func repair(_ known: KnownGraph, _ scratch: BuildScratch) {
        takeRows(from: nextRepaired, at: Self.rowsRepaired, of: known.graph.rowCount) { taken in
            for row in taken { builder.repair(UInt32(row), of: known, scratch) }
        }
    }

    /// - Parameter progress: is told how many rows have been inserted.
    func insert(_ rows: [Int], _ scratch: BuildScratch, progress: ((Int) -> Void)?) {
        takeRows(from: nextInserted, at: Self.rowsInserted, of: rows.count) { taken in
            for place in taken { builder.insert(rows[place], scratch) }
            progress?(sealed.rowCount - rows.count + taken.upperBound)
        }
    }

    func seal(_ scratch: BuildScratch) {
        takeRows(from: nextSealed, at: Self.rowsSealed, of: sealed.rowCount) { taken in
            builder.seal(taken, into: sealed, scratch)
        }
    }

    private func takeRows(from next: borrowing Atomic<Int>, at once: Int, of count: Int, _ body: (Range<Int>) -> Void) {
        while !wasCancelled {
            if isCancelled() {
                cancelled.store(true, ordering: .releasing)
                return
            }
            let first = next.add(once, ordering: .relaxed).oldValue
            guard first < count else { return }
            body(first..<min(first + once, count))
        }
    }
}
