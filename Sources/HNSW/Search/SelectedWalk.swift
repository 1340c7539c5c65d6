import CKernels
import Vectors

// The walk of level 0 over selected rows alone (after ACORN-1: Patel et al., doi:10.1145/3654923). The pool holds only
// rows that are selected, so it need be no wider than without a filter, and only those are scored. Where a node has too
// few selected neighbours, the walk steps over the others: the neighbours of its neighbours take their place.
//
//     pop the nearest unexpanded node → part its unvisited neighbours: selected ones are gathered, the links of the
//     others asked for → score the batch gathered a step ago → while fewer than `width` are gathered, gather the
//     selected neighbours of the next that is not selected
//
// A filter may keep no row anywhere near the query. Therefore the walk begins not only where the descent ended but also
// at some selected rows spread over all.

extension WalkScratch {
    /// Puts the rows of `selection` into `selected`, in one pass over their words.
    func select(_ selection: RowSelection, rowCount: Int) {
        selection.copyWords(to: selected, wordCount: (rowCount + 63) / 64)
    }

    /// Up to `count` selected rows, one from each of as many equal stretches of the rows, put into `ids`; returns how
    /// many there are.
    func seeds(_ count: Int, rowCount: Int) -> Int {
        let words = (rowCount + 63) / 64
        var found = 0
        for stretch in 0..<count {
            var word = words * stretch / count
            let end = words * (stretch + 1) / count
            while word < end && selected[word] == 0 { word &+= 1 }
            guard word < end else { continue }
            ids[found] = UInt32(word << 6 + selected[word].trailingZeroBitCount)
            found += 1
        }
        return found
    }
}

extension PackedLayer {
    /// The share of selected rows among the neighbours of the first neighbours of `row`.
    func selectedShare(around row: UInt32, _ scratch: WalkScratch) -> Double {
        let links = scratch.links, nearest = scratch.ids
        unpack(row, into: nearest)
        var kept = 0
        for i in 0..<min(rowsAround, width) {
            unpack(nearest[i], into: links)
            for j in 0..<width { kept &+= Int(ck_has_bit(scratch.selected, links[j])) }
        }
        return Double(kept) / Double(min(rowsAround, width) * width)
    }
}

/// Of so many neighbours of a row the neighbours are looked at.
private let rowsAround = 8

/// Rows spread over all at which a walk over selected rows begins beside the end of the descent.
private let seedCount = 8

/// Walks level 0 over the rows in `scratch.selected` and leaves the nearest met in `scratch.pool`, `breadth` of them at
/// most. `position`, where the descent ended, is among them whether it is selected or not.
///
/// A full pool alone ends it: where selected rows are few, what links them leads through worse ones.
func walkSelected(
    _ layer: PackedLayer, _ scorer: some RowScoring, _ scratch: WalkScratch, breadth: Int, rowCount: Int,
    from position: Position, _ kernels: UnsafePointer<ck_kernels>
) {
    let visited = scratch.visited, epoch = scratch.nextEpoch()
    scratch.beginPool(breadth, at: position, epoch: epoch)
    let pool = scratch.pool, keys = pool.pointee.keys, insert = kernels.pointee.pool_insert
    let distances = scratch.distances, selected = UnsafePointer(scratch.selected), stepped = scratch.stepped
    let links = scratch.links
    var pendingCount = scratch.seeds(seedCount, rowCount: rowCount)
    var ids = scratch.pending, pending = scratch.ids
    pendingCount = ck_mark_unvisited(pending, pendingCount, visited, epoch, pending)
    scorer.prefetchSketches(pending, pendingCount)
    var current = 0
    while true {
        if pendingCount > 0 { pendingCount = scorer.winnow(pending, pendingCount, within: pool.pointee.limit) }
        while current < pool.pointee.count && keys[current] & 1 != 0 { current &+= 1 }
        var count = 0, steppedCount = 0
        if current < pool.pointee.count {
            let node = ck_key_row(keys[current])
            keys[current] |= 1
            layer.unpack(node, into: links)
            count = ck_part_unvisited(
                links, layer.width, selected, visited, epoch, ids, stepped, &steppedCount)
            scorer.prefetchSketches(ids, count)
            for i in 0..<min(steppedCount, stepsAhead) { layer.prefetch(stepped[i]) }
        } else if pendingCount == 0 {
            return
        }
        if pendingCount > 0 {
            scorer.score(pending, pendingCount, distances)
            let lowest = Int(insert(pool, distances, pending, Int64(pendingCount)))
            if lowest < breadth && lowest <= current &+ 1 { layer.prefetch(ck_key_row(keys[lowest])) }
            current = min(current, lowest)
        }
        var step = 0
        while step < steppedCount && count < layer.width {
            let over = stepped[step]
            if step &+ stepsAhead < steppedCount { layer.prefetch(stepped[step &+ stepsAhead]) }
            visited[Int(over)] = epoch
            layer.unpack(over, into: links)
            let more = ck_gather_selected(links, layer.width, selected, visited, epoch, ids + count)
            scorer.prefetchSketches(ids + count, more)
            count &+= more
            step &+= 1
        }
        swap(&ids, &pending)
        pendingCount = count
    }
}

/// How many of the rows that are stepped over have their links asked for ahead.
private let stepsAhead = 4
