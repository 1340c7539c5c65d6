import CKernels
import Synchronization
import Vectors

// Hierarchical navigable small world (Malkov and Yashunin, doi:10.1109/TPAMI.2018.2889473).
//
// Every row stands on level 0; one in `connections` of the rows of a level stands on the next as well. A query descends
// greedily from the entry row on the highest level to level 1 and walks level 0 with a pool of `breadth` candidates.
// Where rows have sketches, it begins at the nearest of a few hundred rows instead: their sketches lie side by side and
// cost less to read than steps from row to row, each of which waits for memory. A query at recall .95 on 100 000 rows
// looks at some 600 of them and scores a hundred.
//
// Rows are scored by 4-bit codes where the metric and the dimension allow it, by floats otherwise; codes rank the
// candidates, and whoever has the floats scores the best of them again.
//
// Invariants (checked by `checkInvariants()`): links are rows of the graph and stand on the level of the link; no row
// links to itself but in unused slots, which all come last; no link twice; the entry stands on the highest level.
// A graph is immutable: any number of threads may search it. One that is read from a file may do without the links of
// level 0 at first: its rows are scored by their codes, all of them, until the links have come.

/// What a graph scores rows by.
package enum GraphRows: Sendable {
    case floats(VectorBlock, Metric)
    case codes(CodeBlock)

    package var metric: Metric {
        switch self {
        case .floats(_, let metric): metric
        case .codes(let block): block.metric
        }
    }

    package var dimension: Int {
        switch self {
        case .floats(let block, _): block.dimension
        case .codes(let block): block.dimension
        }
    }

    var capacity: Int {
        switch self {
        case .floats(let block, _): block.capacity
        case .codes(let block): block.count
        }
    }
}

/// A graph over rows `0..<rowCount`.
package final class HNSWGraph: @unchecked Sendable {
    package let rowCount: Int
    package let rows: GraphRows
    package let parameters: HNSWParameters
    let storage: GraphStorage
    /// Where a descent begins: a row of the highest level. 0 in an empty graph.
    let entry: UInt32
    let topLevel: Int
    /// Whether level 0 has been read.
    private let linkState: Atomic<LinkState>
    /// What leaves rows out before their codes are read; written before `linkState` says that the links are there, and
    /// not read before.
    private(set) var sketches: SketchBlock?
    /// Where queries begin on level 0 without the levels above, where there are codes; written and read as `sketches`
    /// are.
    private var entries: EntryTable?
    /// How far neighbours are from one another, where it was measured; written and read as `sketches` are.
    private var profile: DistanceProfile?
    let scratch: ScratchList
    let kernels = DistanceKernels.best

    /// A walk costs as much as scoring this many rows for every slot of its pool, and this many more to begin with;
    /// when there are fewer matching rows than that, scoring those is quicker, and exact (`Bench index --filters`).
    static let rowsScoredPerSlot = 40
    static let rowsScoredAtStart = 1000
    /// Stepping over a row that is not selected costs as much as scoring so many.
    static let rowsScoredPerStep = 3
    /// From this share of selected rows on a walk takes every row as it comes and leaves those out at the end.
    static let shareWalkedPlainly = 0.2
    /// How much wider a walk over selected rows is at most where fewer of them lie around the query than elsewhere.
    static let mostWidened = 4.0
    /// Below this share even the neighbours of a node's neighbours hold too few selected rows to go on from.
    static let leastShareWalked = 0.01
    /// How much wider a walk is repeated that met too few selected rows.
    static let widening = 2
    /// How many times its breadth a walk expands at most.
    package static let mostExpanded = 4
    /// A query begins at the nearest of so many rows, but of one row in sixteen at most.
    static let (mostEntries, rowsPerEntry) = (4096, 16)

    /// The links of level 0 of a graph that is read in two steps.
    enum LinkState: UInt8, AtomicRepresentable {
        case there, coming, damaged
    }

    init(
        rows: GraphRows, storage: GraphStorage, entry: UInt32, topLevel: Int, parameters: HNSWParameters,
        links: LinkState = .there, sketches: SketchBlock?
    ) {
        self.sketches = sketches
        linkState = Atomic(links)
        rowCount = storage.rowCount
        self.rows = rows
        self.storage = storage
        self.entry = entry
        self.topLevel = topLevel
        self.parameters = parameters
        let (queryBytes, planeWords) =
            if case .codes(let block) = rows {
                (block.queryBytes, SketchBlock.planeWords(dimension: block.dimension))
            } else { (0, 0) }
        scratch = ScratchList(
            rowCount: storage.rowCount, width: max(storage.width, storage.connections), queryBytes: queryBytes,
            planeWords: planeWords)
        if links == .there { measure() }
    }

    package var metric: Metric { rows.metric }

    /// Whether the links of level 0 are in.
    package var hasLinks: Bool { linkState.load(ordering: .acquiring) == .there }

    /// Whether the links have turned out not to be what was written: every row is scored until the graph is built anew.
    package var hasDamagedLinks: Bool { linkState.load(ordering: .acquiring) == .damaged }

    func linksCame(_ state: LinkState) {
        if state == .there {
            if case .codes(let block) = rows { sketches = .paying(for: block) }
            measure()
        }
        linkState.store(state, ordering: .releasing)
    }

    /// What queries want to know of the rows, now that all is there.
    private func measure() {
        if case .codes(let block) = rows { entries = entryTable(block) }
        profile = measuredProfile()
    }

    /// Rows spread evenly over all.
    private func entryTable(_ codes: CodeBlock) -> EntryTable? {
        let count = min(Self.mostEntries, rowCount / Self.rowsPerEntry)
        return count == 0 ? nil : EntryTable((0..<count).map { UInt32(rowCount * $0 / count) }, of: codes, sketches)
    }

    /// Bytes in memory: the links, and the codes and sketches of the rows, but not their floats.
    package var byteCount: Int {
        let codes = if case .codes(let block) = rows { block.byteCount } else { 0 }
        return storage.byteCount + codes + (sketches?.byteCount ?? 0)
    }

    /// Candidates for `Rescoring` that a search by codes for `k` neighbours at `breadth` finds at most: a few more than
    /// are returned, so that the codes' errors at the edge cost no recall.
    package static func candidateCount(breadth: Int, forNearest k: Int) -> Int { max(breadth, k + max(4, k / 4)) }

    /// The nearest rows by what the graph scores with, exact by floats and nearly so by codes: `breadth` or a few more
    /// (`candidateCount`) at most, `k` of them at least if there are as many, and never one that is not selected.
    ///
    /// `breadth` is what it would be without a filter. Where most rows are selected the walk is made wider by what is
    /// left out, where fewer are it steps over the others (`walkSelected`), and where few are, or too few of them were
    /// met, all of those are scored.
    ///
    /// - Parameters:
    ///   - query: `dimension` floats, normalised for cosine.
    ///   - breadth: nodes that a walk expands at least, where there are as many (*ef*); up to `mostExpanded` times as
    ///     many where the graph has a profile of its distances and the query has so many rows alike.
    ///   - selectedCount: how many rows `selection` has; counted when it is nil.
    package func candidates(
        _ query: UnsafePointer<Float>, k: Int, breadth: Int, in selection: RowSelection, selectedCount: Int? = nil
    ) -> [Neighbor] {
        precondition(k >= 0 && selection.rowCount <= rowCount)
        let selected = selectedCount ?? selection.count(kernels)
        let k = min(k, selected), breadth = min(max(breadth, k), selected)
        guard k > 0 else { return [] }
        return scratch.withScratch { scratch in
            var wanted = breadth
            if case .codes(let block) = rows {
                scratch.query.pointee = block.query(query, scratch.queryCodes)
                wanted = min(Self.candidateCount(breadth: breadth, forNearest: k), selected)
            }
            guard hasLinks else {
                return scanned(query, count: wanted, in: selection, nil, scratch)
            }
            let task = WalkTask(query: query, k: k, wanted: wanted, selection: selection, selected: selected)
            let least = profile == nil ? wanted : breadth
            if task.share(of: rowCount) >= Self.shareWalkedPlainly {
                var width = (least * rowCount + selected - 1) / selected
                while width * Self.rowsScoredPerSlot + Self.rowsScoredAtStart < selected {
                    if let found = walked(task, width: width, overSelected: false, scratch) { return found }
                    width *= Self.widening
                }
            } else if walkPays(over: selected, width: wanted) {
                if let found = walked(task, width: wanted, overSelected: true, scratch) { return found }
            }
            return scanned(query, count: wanted, in: selection, sketches, scratch)
        }
    }

    /// What a walk is asked for.
    private struct WalkTask {
        let query: UnsafePointer<Float>
        let k: Int
        /// Candidates that are wanted, `k` at least unless there are fewer.
        let wanted: Int
        let selection: RowSelection
        /// How many rows `selection` has.
        let selected: Int

        func share(of rowCount: Int) -> Double { Double(selected) / Double(rowCount) }
    }

    /// Whether walking over `selected` rows with a pool of `width` is cheaper than scoring all of them.
    private func walkPays(over selected: Int, width: Int) -> Bool {
        let share = Double(selected) / Double(rowCount)
        guard share >= Self.leastShareWalked else { return false }
        // A node has `width · share` selected neighbours; a step brings as many more, until the row is full.
        let neighbors = Double(storage.width) * share
        let steps = min(Double(storage.width), Double(storage.width) / neighbors - 1)
        let slots = Double(width * Self.rowsScoredPerSlot + Self.rowsScoredAtStart)
        let perSlot = 1 + steps * Double(Self.rowsScoredPerStep) / Double(Self.rowsScoredPerSlot)
        return slots * perSlot < Double(selected)
    }

    /// The candidates of one walk; nil when it met too few.
    private func walked(
        _ task: WalkTask, width: Int, overSelected: Bool, _ scratch: WalkScratch
    ) -> [Neighbor]? {
        func walked(_ bits: RowBits?) -> [Neighbor]? {
            let hasReached =
                switch rows {
                case .floats(let block, let metric):
                    walkLevels(
                        FloatScorer(query: task.query, block: block, metric: metric), task, bits, width: width,
                        overSelected: overSelected, scratch)
                case .codes(let block):
                    walkLevels(
                        scratch.scorer(
                            of: block, sketches,
                            deviations: overSelected ? SketchBlock.scanDeviations : SketchBlock.walkDeviations),
                        task, bits, width: width, overSelected: overSelected, scratch)
                }
            let found = collect(scratch, wanted: task.wanted, bits)
            let isEnough = found.count >= task.k && (hasReached || found.count * 2 >= task.wanted)
            return isEnough ? found : nil
        }
        if task.selection.isAll { return walked(nil) }
        // A walk over selected rows alone reads whole words of them, bits beyond the last row and all.
        if !overSelected, task.selection.rowCount == rowCount, let found = task.selection.withBits(walked) {
            return found
        }
        scratch.select(task.selection, rowCount: rowCount)
        return walked(RowBits(words: scratch.selected))
    }

    /// - Parameter overSelected: for a walk over selected rows alone.
    /// - Returns: what `walk` returns.
    private func walkLevels(
        _ scorer: some RowScoring, _ task: WalkTask, _ bits: RowBits?, width: Int, overSelected: Bool,
        _ scratch: WalkScratch
    ) -> Bool {
        let (position, others) = entrance(scorer, scratch)
        let base = storage.base.layer
        let share = task.share(of: rowCount)
        if overSelected {
            // The fewer selected rows lie around the query, the less the links lead from one to the next.
            let around = base.selectedShare(around: position.row, scratch)
            let wider = min(Self.mostWidened, max(1, share / max(around, share / Self.mostWidened)))
            let breadth = min(rowCount, Int(Double(width) * wider))
            walkSelected(
                base, scorer, scratch, breadth: breadth, rowCount: rowCount, from: position, kernels.table)
            return false
        }
        guard let profile else {
            return walk(base, scorer, scratch, breadth: width, from: position, others: others, kernels.table)
        }
        let squares = metric == .dot ? kernels.table.pointee.dot(task.query, task.query, rows.dimension) : nil
        let reach = WalkReach(
            rank: task.k, margin: profile.margin(from: Double(task.k) / share, to: Double(width), squares),
            breadth: width, selected: bits)
        let breadth = min(rowCount, width * Self.mostExpanded)
        return walk(
            base, scorer, scratch, breadth: breadth, from: position, others: others, reach: reach, kernels.table)
    }

    /// Where a walk of level 0 begins: at the nearest of some rows that are spread over all, or where the upper levels
    /// lead.
    ///
    /// - Returns: the nearest row; and how many others the walk may begin at as well, which are the first of
    ///   `scratch.ids`, scored.
    func entrance(_ scorer: some RowScoring, _ scratch: WalkScratch) -> (nearest: Position, others: Int) {
        if let entries {
            let (ids, distances) = (scratch.ids, scratch.distances)
            let count = scorer.nearest(of: entries, ids)
            if count > 0 {
                scorer.prefetch(ids, count)
                scorer.score(ids, count, distances)
                // The others come first, in any order.
                let nearest = Position(row: ids[0], distance: distances[0])
                (ids[0], distances[0]) = (ids[count - 1], distances[count - 1])
                return (nearest, count - 1)
            }
        }
        var position = Position(row: entry, distance: scorer.distance(entry))
        var level = topLevel
        while level > 0 {
            position = descend(storage.upper.layer(level), scorer, scratch, from: position)
            level -= 1
        }
        return (position, 0)
    }

    private func scanned(
        _ query: UnsafePointer<Float>, count: Int, in selection: RowSelection, _ sketches: SketchBlock?,
        _ scratch: WalkScratch
    ) -> [Neighbor] {
        switch rows {
        case .floats(let block, let metric):
            FlatIndex(block: block, metric: metric, rowCount: selection.rowCount)
                .search(query, k: count, allowed: selection.allowed, deleted: selection.deleted)
        case .codes(let block):
            scratch.scorer(of: block, sketches).nearest(count, in: selection)
        }
    }

    /// The nearest `wanted` selected rows of the pool, or as many as it has.
    private func collect(_ scratch: WalkScratch, wanted: Int, _ selected: RowBits?) -> [Neighbor] {
        let pool = scratch.pool.pointee
        return Array(unsafeUninitializedCapacity: wanted) { found, count in
            for i in 0..<Int(pool.count) {
                let row = ck_key_row(pool.keys[i])
                if let selected, selected.has(row) == 0 { continue }
                found[count] = Neighbor(distance: ck_key_distance(pool.keys[i]), row: row)
                count &+= 1
                if count == wanted { break }
            }
        }
    }
}
