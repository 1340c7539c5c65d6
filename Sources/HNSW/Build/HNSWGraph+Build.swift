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
    ///   - extending: a graph with the same metric and the same widths whose rows, or those of them that are kept, are
    ///     the first ones here, with the same content; its links are taken over, those to rows that are left out are
    ///     replaced, and the remaining rows inserted. It stays as it is.
    ///   - progress: told how many rows are in, on the calling thread, from time to time.
    ///   - isCancelled: asked by every thread every few rows.
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

/// One build: what is the same whatever rows are scored by.
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
        // Of several rows on the highest level the first, before all others.
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
    ///   - scratch: of the calling thread; the others have their own.
    ///   - here: what the calling thread does in place of `part`.
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

/// The rows of one build, handed out to its threads: those to be repaired, then those to be inserted, then all.
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

    /// Rows a thread takes at a time, half a millisecond's work; between two takes it looks whether the build was
    /// cancelled.
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

    /// Repairs rows that no other thread has taken until there are none left.
    func repair(_ known: KnownGraph, _ scratch: BuildScratch) {
        takeRows(from: nextRepaired, at: Self.rowsRepaired, of: known.graph.rowCount) { taken in
            for row in taken { builder.repair(UInt32(row), of: known, scratch) }
        }
    }

    /// - Parameter progress: told how many rows are in.
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
