import CKernels
import Vectors

// The walk of one level (algorithm 2 of doi:10.1109/TPAMI.2018.2889473) in the form of DiskANN's search list: instead
// of two heaps one ascending pool of `breadth` keys, each with a bit that says whether its node has been expanded. A
// step expands the nearest node that has not been; the walk ends when all nodes of the pool have.
//
// The step is pipelined by one node. While the codes of node n's neighbours are on their way from memory, the
// neighbours of node n − 1, asked for one step earlier, are scored:
//
//     pop the nearest unexpanded node → gather its unvisited neighbours → prefetch their vectors and the next node's
//     links → score the batch gathered a step ago → put the near ones into the pool → if one is nearer than all that
//     wait, prefetch its links
//
// All state lives in locals and raw memory: no allocation, no reference counting, no existential inside the loop.

/// A row and its distance while a walk descends.
struct Position {
    var row: UInt32
    var distance: Float
}

/// Walks from `position` to whichever neighbour is nearest until none is nearer, on one upper level.
func descend(
    _ layer: Layer, _ scorer: some RowScoring, _ scratch: WalkScratch, from position: Position
) -> Position {
    var best = position
    var moved = true
    let ids = scratch.ids, distances = scratch.distances
    while moved {
        moved = false
        let here = best.row
        if let locks = layer.locks { ck_lock(locks + Int(here)) }
        let row = layer.row(here)
        var count = 0
        while count < layer.width && row[count] != here {
            ids[count] = row[count]
            count &+= 1
        }
        if let locks = layer.locks { ck_unlock(locks + Int(here)) }
        scorer.prefetch(ids, count)
        scorer.score(ids, count, distances)
        for i in 0..<count where distances[i] < best.distance {
            best = Position(row: ids[i], distance: distances[i])
            moved = true
        }
    }
    return best
}

/// Walks one level from `position` and leaves the `breadth` nearest rows met in `scratch.pool`, ascending.
func walk(
    _ layer: Layer, _ scorer: some RowScoring, _ scratch: WalkScratch, breadth: Int, from position: Position,
    insert: ck_insert_fn
) {
    let pool = scratch.emptyPool(breadth)
    let visited = scratch.visited, epoch = scratch.nextEpoch()
    let distances = scratch.distances
    var ids = scratch.ids, pending = scratch.pending
    var pendingCount = 0, current = 0
    pool[0] = ck_key(position.distance, position.row)
    visited[Int(position.row)] = epoch
    var worst = breadth == 1 ? position.distance : Float.infinity
    while true {
        if pendingCount > 0 { pendingCount = scorer.winnow(pending, pendingCount, within: worst) }
        while current < breadth && pool[current] & 1 != 0 { current &+= 1 }
        var count = 0
        if current < breadth {
            let node = ck_key_row(pool[current])
            pool[current] |= 1
            count = layer.gather(node, visited: visited, epoch: epoch, into: ids)
            scorer.prefetchSketches(ids, count)
            var next = current &+ 1
            while next < breadth && pool[next] & 1 != 0 { next &+= 1 }
            if next < breadth { layer.prefetch(ck_key_row(pool[next])) }
        } else if pendingCount == 0 {
            return
        }
        if pendingCount > 0 {
            scorer.score(pending, pendingCount, distances)
            let lowest = Int(insert(pool, Int64(breadth), distances, pending, Int64(pendingCount), &worst))
            if lowest < breadth && lowest <= current &+ 1 { layer.prefetch(ck_key_row(pool[lowest])) }
            if lowest < current { current = lowest }
        }
        swap(&ids, &pending)
        pendingCount = count
    }
}
