import CKernels
import Synchronization
import Vectors

// Insertion (algorithm 1 of doi:10.1109/TPAMI.2018.2889473), by one or several threads.
//
// Levels are drawn before the first row is inserted. Each is drawn from the seed and its own row number, so the levels
// do not depend on the order of insertion. The row with the highest level is inserted first and stays the entry, so the
// entry needs no lock. A row's own links are written on all its levels before the first neighbour links back, so a walk
// never meets a half-built row. One byte for each row is the lock on its links.
//
// On level 0 a row has `slack` more slots than the graph will keep. A neighbour's links are pruned only when all slots
// are full, which happens once in `slack` links back. Every row is pruned once more at the end (`seal`).

/// Builds one graph; can only be used once.
final class GraphBuilder<Space: RowSpace> {
    let upper: UpperLinks
    /// Slots of a row on level 0.
    let width: Int
    private let base: UnsafeMutablePointer<UInt32>
    private let mapping: PageMapping
    let parameters: HNSWParameters
    let locks: UnsafeMutablePointer<UInt8>
    let locksRows: Bool
    /// How many links each row has on level 0; guarded by the same locks. Without it, finding the first free slot would
    /// read all cache lines of a row, of which only one is written.
    private let baseCounts: UnsafeMutablePointer<UInt16>
    /// How many of them, the first and nearest ones, were selected together; the others were added later.
    private let baseSelected: UnsafeMutablePointer<UInt16>
    private(set) var entry: UInt32 = 0
    private(set) var topLevel = 0
    let selection: NeighborSelection<Space>
    private let kernels = DistanceKernels.best.table

    private static var slack: Int { 16 }

    init(levels: [UInt8], space: Space, parameters: HNSWParameters, locksRows: Bool) {
        // Whole cache lines for each row: 48 + 16 slots are four lines.
        width = (parameters.baseWidth + Self.slack + 15) & ~15
        upper = UpperLinks(levels: levels, connections: parameters.connections)
        let slots = levels.count * width
        mapping = PageMapping(byteCount: slots * MemoryLayout<UInt32>.stride)
        base = mapping.start.bindMemory(to: UInt32.self, capacity: slots)
        for row in levels.indices { (base + row * width).initialize(repeating: UInt32(row), count: width) }
        self.parameters = parameters
        self.locksRows = locksRows
        locks = .allocate(capacity: max(levels.count, 1))
        locks.initialize(repeating: 0, count: max(levels.count, 1))
        baseCounts = .allocate(capacity: max(levels.count, 1))
        baseCounts.initialize(repeating: 0, count: max(levels.count, 1))
        baseSelected = .allocate(capacity: max(levels.count, 1))
        baseSelected.initialize(repeating: 0, count: max(levels.count, 1))
        selection = NeighborSelection(space: space, spread: parameters.spread)
    }

    deinit {
        locks.deallocate()
        baseCounts.deallocate()
        baseSelected.deallocate()
    }

    var walkerBytes: Int { selection.space.walkerBytes }
    var planeWords: Int { selection.space.planeWords }

    /// The graph's first row.
    func begin(with row: Int) {
        entry = UInt32(row)
        topLevel = Int(upper.levels[row])
    }

    /// Inserts `row` and makes it the entry if its level is higher than the present entry's. No other thread may be
    /// inserting.
    func insertAlone(_ row: Int, _ scratch: BuildScratch) {
        insert(row, scratch)
        if Int(upper.levels[row]) > topLevel { begin(with: row) }
    }

    /// Links `row` on all its levels. Costs about 1 200 distance computations at the default breadth and 100 000 rows.
    func insert(_ row: Int, _ scratch: BuildScratch) {
        let walker = selection.space.walker(row: row, in: scratch.walk)
        let highest = min(Int(upper.levels[row]), topLevel)
        var position = Position(row: entry, distance: walker.distance(entry))
        var level = topLevel
        while level > highest {
            position = descend(layer(level), walker, scratch.walk, from: position)
            level -= 1
        }
        for level in stride(from: highest, through: 0, by: -1) {
            walk(layer(level), walker, scratch.walk, breadth: parameters.buildBreadth, from: position, kernels)
            var pool = scratch.walk.pool.pointee.keys
            position = Position(row: ck_key_row(pool[0]), distance: ck_key_distance(pool[0]))
            var count = Int(scratch.walk.pool.pointee.count)
            if !selection.space.walksExactly {
                for i in 0..<count { scratch.met[i] = ck_key_row(pool[i]) }
                count = sortByDistance(to: row, scratch.met, count: count, scratch)
                pool = scratch.keys
            }
            scratch.chosenCount[level] = selection.select(
                pool, count: count, limit: limit(level), into: scratch.chosen(level), scratch)
        }
        for level in 0...highest {
            let own = layer(level).row(UInt32(row))
            lock(row)
            own.update(from: scratch.chosen(level), count: scratch.chosenCount[level])
            if level == 0 { selected(scratch.chosenCount[0], row) }
            unlock(row)
        }
        // Prefetches the slots that will be written. A count that another thread is changing at this moment does no
        // harm.
        for i in 0..<scratch.chosenCount[0] {
            let neighbor = Int(scratch.chosen(0)[i])
            ck_prefetch(base + neighbor * width + Int(baseCounts[neighbor]))
        }
        for level in 0...highest {
            for i in 0..<scratch.chosenCount[level] {
                linkBack(from: scratch.chosen(level)[i], to: UInt32(row), level: level, scratch)
            }
        }
    }

    /// Adds `row` to the links of `neighbor`, and prunes these if they are full.
    ///
    /// - Parameter unlessLinked: whether `row` may already be one of the links.
    func linkBack(
        from neighbor: UInt32, to row: UInt32, level: Int, _ scratch: BuildScratch, unlessLinked: Bool = false
    ) {
        let layer = layer(level)
        let links = layer.row(neighbor)
        lock(Int(neighbor))
        defer { unlock(Int(neighbor)) }
        let count = level == 0 ? Int(baseCounts[Int(neighbor)]) : layer.count(neighbor)
        if unlessLinked, UnsafeBufferPointer(start: links, count: count).contains(row) { return }
        if count < layer.width {
            links[count] = row
            if level == 0 { baseCounts[Int(neighbor)] += 1 }
            return
        }
        scratch.candidates.update(from: links, count: count)
        scratch.candidates[count] = row
        if level == 0 {
            pruneBase(neighbor, links, count: count + 1, scratch)
        } else {
            prune(neighbor, links, width: layer.width, count: count + 1, limit: limit(level), scratch)
        }
    }

    /// Replaces all links of `row`; the first of the new ones were selected together. The row's lock is held.
    func write(_ new: [UInt32], to row: UInt32, level: Int, selected count: Int) {
        let layer = layer(level), links = layer.row(row)
        for (slot, link) in new.enumerated() { links[slot] = link }
        (links + new.count).update(repeating: row, count: layer.width - new.count)
        guard level == 0 else { return }
        baseCounts[Int(row)] = UInt16(new.count)
        baseSelected[Int(row)] = UInt16(count)
    }

    private func selected(_ count: Int, _ row: Int) {
        baseCounts[row] = UInt16(count)
        baseSelected[row] = UInt16(count)
    }

    /// Prunes links of level 0, the first of which were selected before.
    private func pruneBase(
        _ row: UInt32, _ links: UnsafeMutablePointer<UInt32>, count: Int, _ scratch: BuildScratch
    ) {
        let limit = limit(0)
        let known = mergeByDistance(
            to: Int(row), scratch.candidates, count: count, selected: Int(baseSelected[Int(row)]), scratch)
        let again = selection.selectAgain(scratch.merged, count: known, limit: limit, into: scratch.pruned, scratch)
        let kept = again ?? prune(row, links, width: width, count: count, limit: limit, scratch)
        if again != nil { replace(links, of: row, width: width, kept: kept, scratch) }
        selected(kept, Int(row))
    }

    /// Replaces `links` by the best `limit` of `scratch.candidates` and returns how many there are. The row's lock is
    /// held.
    @discardableResult
    private func prune(
        _ row: UInt32, _ links: UnsafeMutablePointer<UInt32>, width: Int, count: Int, limit: Int,
        _ scratch: BuildScratch
    ) -> Int {
        let known = sortByDistance(to: Int(row), scratch.candidates, count: count, scratch)
        let kept = selection.select(
            scratch.keys, count: known, limit: limit, into: scratch.pruned, scratch)
        replace(links, of: row, width: width, kept: kept, scratch)
        return kept
    }

    /// Replaces all links by the `kept` rows of `scratch.pruned`.
    private func replace(
        _ links: UnsafeMutablePointer<UInt32>, of row: UInt32, width: Int, kept: Int, _ scratch: BuildScratch
    ) {
        links.update(from: scratch.pruned, count: kept)
        (links + kept).update(repeating: row, count: width - kept)
    }

    /// Scores `rows` against `row` and writes their keys to `scratch.merged`, nearest first. The first `selected` of
    /// `rows` are already sorted; the keys of the others are odd. Returns how many there are.
    private func mergeByDistance(
        to row: Int, _ rows: UnsafePointer<UInt32>, count: Int, selected: Int, _ scratch: BuildScratch
    ) -> Int {
        let scorer = selection.space.scorer(row: row, in: scratch.rowQuery)
        scorer.prefetch(rows, count)
        scorer.score(rows, count, scratch.distances)
        let old = scratch.old, new = scratch.keys, merged = scratch.merged
        var oldCount = 0
        for i in 0..<selected where !scratch.distances[i].isNaN {
            old[oldCount] = ck_key(scratch.distances[i], rows[i])
            oldCount += 1
        }
        let newCount = kernels.pointee.sort_keys(
            scratch.distances + selected, rows + selected, count - selected, new)
        old[oldCount] = .max
        new[newCount] = .max
        var (i, j) = (0, 0)
        for place in 0..<oldCount + newCount {
            let isNew = new[j] < old[i]
            merged[place] = isNew ? new[j] | 1 : old[i]
            j &+= isNew ? 1 : 0
            i &+= isNew ? 0 : 1
        }
        return oldCount + newCount
    }

    /// Scores `rows` against `row` and writes their keys to `scratch.keys`, nearest first; returns how many there are.
    func sortByDistance(
        to row: Int, _ rows: UnsafePointer<UInt32>, count: Int, _ scratch: BuildScratch
    ) -> Int {
        let scorer = selection.space.scorer(row: row, in: scratch.rowQuery)
        scorer.prefetch(rows, count)
        scorer.score(rows, count, scratch.distances)
        return kernels.pointee.sort_keys(scratch.distances, rows, count, scratch.keys)
    }

    /// Storage for the finished links, level 0 without the slack.
    func roomForSealed() -> GraphStorage {
        let levels = Array(UnsafeBufferPointer(start: upper.levels, count: upper.rowCount))
        return GraphStorage(levels: levels, width: parameters.baseWidth, connections: parameters.connections)
    }

    /// Copies the links of `rows` to `sealed`, those of level 0 pruned to its width. All rows must have been inserted.
    /// Several threads may seal different rows at the same time.
    func seal(_ rows: Range<Int>, into sealed: GraphStorage, _ scratch: BuildScratch) {
        for row in rows {
            let links = base + row * width
            let count = Int(baseCounts[row])
            if count > sealed.width {
                scratch.candidates.update(from: links, count: count)
                pruneBase(UInt32(row), links, count: count, scratch)
            }
            sealed.base.set(row, links)
            sealed.upper.copy(row, of: upper)
        }
    }

    func layer(_ level: Int) -> Layer {
        var layer =
            level == 0
            ? Layer(links: base, starts: nil, offset: 0, width: width, locks: nil) : upper.layer(level)
        if locksRows { layer.locks = locks }
        return layer
    }

    func limit(_ level: Int) -> Int { level == 0 ? parameters.baseWidth : parameters.connections }
    @inline(__always) func lock(_ row: Int) { if locksRows { ck_lock(locks + row) } }
    @inline(__always) func unlock(_ row: Int) { if locksRows { ck_unlock(locks + row) } }
}

/// Working memory of one thread that builds.
final class BuildScratch {
    let walk: WalkScratch
    /// The row that is inserted or pruned, and one row of a compared pair, as queries.
    let rowQuery: UnsafeMutablePointer<ck_code_query>
    let pairQuery: UnsafeMutablePointer<ck_code_query>
    let rejected: UnsafeMutablePointer<UInt32>
    /// The rows of a walk's pool, or the candidates of a row that has lost neighbours; it has `mostMet` slots.
    let met: UnsafeMutablePointer<UInt32>
    let candidates: UnsafeMutablePointer<UInt32>
    let pruned: UnsafeMutablePointer<UInt32>
    let distances: UnsafeMutablePointer<Float>
    let keys: UnsafeMutablePointer<Int64>
    /// Keys of links that were selected before, and the same keys with others between them.
    let old: UnsafeMutablePointer<Int64>
    let merged: UnsafeMutablePointer<Int64>
    let chosenCount: UnsafeMutablePointer<Int>
    private let chosenRows: UnsafeMutablePointer<UInt32>
    private let slots: Int
    /// As many rows as the pool of a walk has, and three times the links of a row.
    let mostMet: Int

    init(rowCount: Int, width: Int, connections: Int, breadth: Int, walkerBytes: Int, planeWords: Int) {
        slots = max(width, connections) + 16
        mostMet = max(breadth, 3 * slots)
        walk = WalkScratch(rowCount: rowCount, width: slots, queryBytes: walkerBytes, planeWords: planeWords)
        rowQuery = .allocate(capacity: 1)
        pairQuery = .allocate(capacity: 1)
        rejected = .allocate(capacity: mostMet)
        candidates = .allocate(capacity: slots)
        pruned = .allocate(capacity: slots)
        met = .allocate(capacity: mostMet)
        distances = .allocate(capacity: mostMet)
        keys = .allocate(capacity: mostMet + 8)
        old = .allocate(capacity: slots + 1)
        merged = .allocate(capacity: slots)
        let levels = Int(GraphLevels.maximum) + 1
        chosenCount = .allocate(capacity: levels)
        chosenCount.initialize(repeating: 0, count: levels)
        chosenRows = .allocate(capacity: levels * slots)
    }

    /// Where the neighbours chosen on `level` are kept until they are linked.
    func chosen(_ level: Int) -> UnsafeMutablePointer<UInt32> { chosenRows + level * slots }

    deinit {
        rowQuery.deallocate()
        pairQuery.deallocate()
        rejected.deallocate()
        met.deallocate()
        candidates.deallocate()
        pruned.deallocate()
        distances.deallocate()
        keys.deallocate()
        old.deallocate()
        merged.deallocate()
        chosenCount.deallocate()
        chosenRows.deallocate()
    }
}
