import CKernels
import Synchronization
import Vectors

// Hierarchical navigable small world (Malkov and Yashunin, doi:10.1109/TPAMI.2018.2889473).
//
// Every row is on level 0; one in `connections` of the rows of a level is on the next level too. A query descends
// greedily from the entry row on the highest level to level 1 and walks level 0 with a pool of `breadth` candidates. If
// rows have sketches, it begins at the nearest of a few thousand rows instead. The sketches of these rows are next to
// each other and cost less to read than steps from row to row, each of which waits for memory. A query at recall .95 on
// 100 000 rows reads some 600 sketches and scores a hundred rows.
//
// Rows are scored by 4-bit codes if the metric and the dimension allow it, otherwise by floats. Codes rank the
// candidates; a caller that has the floats scores the best of them again.
//
// Invariants (checked by `checkInvariants()`): links are rows of the graph and are on the level of the link; no row
// links to itself except in free slots, which all come last; no link comes twice; the entry is on the highest level. A
// graph is immutable: any number of threads may search it. A graph that is read from a file may lack the links of level
// 0 at first: all its rows are scored by their codes until the links have been read.

/// What a graph uses to score rows.
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
    /// The row where a descent begins, on the highest level. 0 in an empty graph.
    let entry: UInt32
    let topLevel: Int
    /// Whether level 0 has been read.
    private let linkState: Atomic<LinkState>
    /// The sketches that leave rows out before their codes are read; written before `linkState` says that the links
    /// have been read, and not read before that.
    private(set) var sketches: SketchBlock?
    /// Where queries begin on level 0 without using the levels above; only with codes. Written and read as `sketches`
    /// are.
    private var entries: EntryTable?
    /// The distances between neighbours, if they were measured; written and read as `sketches` are.
    private var profile: DistanceProfile?
    let scratch: ScratchList
    let kernels = DistanceKernels.best

    /// A walk costs as much as scoring this many rows for every slot of its pool, plus this many rows at its beginning.
    /// If fewer rows match, scoring them all is quicker, and exact (`Bench index --filters`).
    static let rowsScoredPerSlot = 40
    static let rowsScoredAtStart = 1000
    /// Stepping over a row that is not selected costs as much as scoring this many rows.
    static let rowsScoredPerStep = 3
    /// From this share of selected rows on, a walk visits every row and removes unselected rows at the end.
    static let shareWalkedPlainly = 0.2
    /// The most by which a walk over selected rows is widened if fewer of them are near the query than elsewhere.
    static let mostWidened = 4.0
    /// Below this share, even the neighbours of a node's neighbours contain too few selected rows to continue.
    static let leastShareWalked = 0.01
    /// How much wider a walk that met too few selected rows is repeated.
    static let widening = 2
    /// The most nodes that a walk expands, as a multiple of its breadth.
    package static let mostExpanded = 4
    /// A query begins at the nearest of this many rows, but of at most one row in sixteen.
    static let (mostEntries, rowsPerEntry) = (4096, 16)

    /// The state of the links of level 0 of a graph that is read in two steps.
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

    /// Whether the links of level 0 have been read.
    package var hasLinks: Bool { linkState.load(ordering: .acquiring) == .there }

    /// Whether the links turned out to be damaged: every row is scored until the graph is rebuilt.
    package var hasDamagedLinks: Bool { linkState.load(ordering: .acquiring) == .damaged }

    func linksCame(_ state: LinkState) {
        if state == .there {
            if case .codes(let block) = rows { sketches = .paying(for: block) }
            measure()
        }
        linkState.store(state, ordering: .releasing)
    }

    /// Measures what queries need to know about the rows, now that all parts have been read.
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

    /// The most candidates for `Rescoring` that a search by codes for `k` neighbours at `breadth` finds: a few more
    /// than are returned, so that errors of the codes at the edge cost no recall.
    package static func candidateCount(breadth: Int, forNearest k: Int) -> Int {
        let (count, overflows) = k.addingReportingOverflow(max(4, k / 4))
        return overflows ? .max : max(breadth, count)
    }

    /// The nearest rows by the distances of this graph, which are exact for floats and nearly exact for codes. At most
    /// `breadth` or a few more (`candidateCount`), at least `k` if there are as many, and only selected rows.
    ///
    /// `breadth` is the value without a filter. If most rows are selected, the walk is widened by the share that is
    /// left out. If fewer are selected, it steps over the others (`walkSelected`). If only few are selected, or a walk
    /// met too few of them, all selected rows are scored.
    ///
    /// - Parameters:
    ///   - query: `dimension` floats, normalised for cosine.
    ///   - breadth: the least nodes that a walk expands, if there are as many (*ef*); up to `mostExpanded` times as
    ///     many if the graph has a profile of its distances and many rows are equally near to the query.
    ///   - selectedCount: the number of rows of `selection`; counted if it is nil.
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

    /// The request for a walk.
    private struct WalkTask {
        let query: UnsafePointer<Float>
        let k: Int
        /// The number of candidates that are wanted, at least `k` unless there are fewer.
        let wanted: Int
        let selection: RowSelection
        /// The number of rows of `selection`.
        let selected: Int

        func share(of rowCount: Int) -> Double { Double(selected) / Double(rowCount) }
    }

    /// Whether walking over `selected` rows with a pool of `width` is cheaper than scoring all of them.
    private func walkPays(over selected: Int, width: Int) -> Bool {
        let share = Double(selected) / Double(rowCount)
        guard share >= Self.leastShareWalked else { return false }
        // A node has `width · share` selected neighbours; each step adds as many, until the slots are full.
        let neighbors = Double(storage.width) * share
        let steps = min(Double(storage.width), Double(storage.width) / neighbors - 1)
        let slots = Double(width * Self.rowsScoredPerSlot + Self.rowsScoredAtStart)
        let perSlot = 1 + steps * Double(Self.rowsScoredPerStep) / Double(Self.rowsScoredPerSlot)
        return slots * perSlot < Double(selected)
    }

    /// The candidates of one walk; nil if it met too few.
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
        // A walk over selected rows reads whole words of the bitmap, including bits beyond the last row.
        if !overSelected, task.selection.rowCount == rowCount, let found = task.selection.withBits(walked) {
            return found
        }
        scratch.select(task.selection, rowCount: rowCount)
        return walked(RowBits(words: scratch.selected))
    }

    /// - Parameter overSelected: whether the walk is over selected rows only.
    /// - Returns: the return value of `walk`.
    private func walkLevels(
        _ scorer: some RowScoring, _ task: WalkTask, _ bits: RowBits?, width: Int, overSelected: Bool,
        _ scratch: WalkScratch
    ) -> Bool {
        let (position, others) = entrance(scorer, scratch)
        let base = storage.base.layer
        let share = task.share(of: rowCount)
        if overSelected {
            // The fewer selected rows are around the query, the less links lead from one to the next.
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

    /// Where a walk of level 0 begins: at the nearest of some rows that are spread over all rows, or at the row that a
    /// descent through the upper levels reaches.
    ///
    /// - Returns: the nearest row, and how many other rows the walk may begin at; these are the first of `scratch.ids`,
    ///   and they are scored.
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
