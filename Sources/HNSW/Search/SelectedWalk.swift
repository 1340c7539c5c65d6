import CKernels
import Vectors

// The walk of level 0 over selected rows only (after ACORN-1: Patel et al., doi:10.1145/3654923). The pool holds only
// selected rows, so it need be no wider than without a filter, and only selected rows are scored. If a node has too few
// selected neighbours, the walk steps over the other neighbours and takes their neighbours instead.
//
//     pop the nearest unexpanded node → split its unvisited neighbours: gather the selected ones, prefetch the links
//     of the others → score the batch gathered a step ago → while fewer than `width` are gathered, gather the selected
//     neighbours of the next unselected one
//
// A filter may keep no row near the query. Therefore the walk begins not only at the row that the descent reached but
// also at some selected rows spread over all rows.

extension WalkScratch {
    /// Writes the rows of `selection` to `selected`, in one pass over their words.
    func select(_ selection: RowSelection, rowCount: Int) {
        selection.copyWords(to: selected, wordCount: (rowCount + 63) / 64)
    }

    /// Writes up to `count` selected rows to `ids`, one from each of `count` equal ranges of the rows; returns how many
    /// there are.
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

/// How many neighbours of a row have their own neighbours looked at.
private let rowsAround = 8

/// Rows spread over all rows at which a walk over selected rows begins, in addition to the row that the descent
/// reached.
private let seedCount = 8

/// Walks level 0 over the rows in `scratch.selected` and leaves the nearest in `scratch.pool`, at most `breadth` of
/// them. `position`, the row that the descent reached, is in the pool even if it is not selected.
///
/// Only a full pool ends the walk: if selected rows are few, the links between them lead through farther rows.
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

/// How many of the rows that are stepped over have their links prefetched.
private let stepsAhead = 4
