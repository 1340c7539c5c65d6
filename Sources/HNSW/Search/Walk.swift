import CKernels
import Vectors

// The walk of one level (algorithm 2 of doi:10.1109/TPAMI.2018.2889473) in the form of DiskANN's search list: instead
// of two heaps, one ascending pool of `breadth` keys, each with a bit that says whether its node has been expanded. A
// step expands the nearest unexpanded node, or a few of them; the walk ends when all nodes of the pool have been
// expanded.
//
// The step is pipelined by one node. While the codes of node n's neighbours are being read from memory, the neighbours
// of node n − 1, which were prefetched one step earlier, are scored:
//
//     pop the nearest unexpanded nodes → gather their unvisited neighbours → prefetch those vectors and the next nodes'
//     links → score the batch gathered a step ago → insert the near ones into the pool → if one is nearer than all
//     unexpanded nodes, prefetch its links → check where the walk ends (`WalkReach`)
//
// All state is in local variables and raw memory: no allocation, no reference counting, no existential inside the loop.

/// A row and its distance, during a descent.
struct Position {
    var row: UInt32
    var distance: Float
}

/// Walks on one upper level from `position` to the nearest neighbour, until no neighbour is nearer.
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

/// A step expands one more node for every this many of the nearest nodes that have been expanded. After those, a step
/// seldom finds nodes that overtake the unexpanded ones: few nodes are expanded in vain, and more memory is read at a
/// time.
private let nearestPerNode = 4
/// The most nodes that one step expands.
let mostAtOnce = 4

/// Walks one level from `position` and leaves the nearest rows in `scratch.pool`, at most `breadth` of them.
///
/// - Parameters:
///   - others: other rows at which to begin: the first of `scratch.ids`, with their distances in `scratch.distances`.
///   - reach: decides where the walk ends before all nodes of the pool have been expanded.
/// - Returns: whether `reach` ended the walk and no node within its end was rejected because the pool was full.
@discardableResult
func walk(
    _ layer: some LinkLayer, _ scorer: some RowScoring, _ scratch: WalkScratch, breadth: Int, from position: Position,
    others: Int = 0, reach: WalkReach? = nil, _ kernels: UnsafePointer<ck_kernels>
) -> Bool {
    let visited = scratch.visited, epoch = scratch.nextEpoch()
    let insert = kernels.pointee.pool_insert
    scratch.beginPool(breadth, at: position, epoch: epoch)
    if others > 0 { scratch.put(others, epoch: epoch, insert) }
    let pool = scratch.pool, keys = pool.pointee.keys, distances = scratch.distances
    var ids = scratch.ids, pending = scratch.pending
    var pendingCount = 0, current = 0
    var end = Float.infinity
    var reach = reach
    var isFirst = true
    // The neighbours of the first node are not limited by a distance, and most of them are soon behind the neighbours
    // of the others.
    let firstKept = reach?.breadth ?? .max
    while true {
        if pendingCount > 0 {
            pendingCount =
                isFirst
                ? scorer.winnow(pending, pendingCount, toNearest: firstKept)
                : scorer.winnow(pending, pendingCount, within: pool.pointee.limit)
            isFirst = false
        }
        let open = Int(pool.pointee.count)
        while current < open && keys[current] & 1 != 0 { current &+= 1 }
        var count = 0
        if current < open && ck_key_distance(keys[current]) <= end {
            let nodes = min(mostAtOnce, 1 &+ current / nearestPerNode)
            var place = current, expanded = 0, asked = 0
            while place < open && asked < nodes {
                let node = ck_key_row(keys[place])
                if expanded < nodes && ck_key_distance(keys[place]) <= end {
                    keys[place] |= 1
                    let new = ids + count
                    let newCount = layer.gather(node, visited: visited, epoch: epoch, into: new, kernels)
                    for i in 0..<newCount { visited[Int(new[i])] = epoch }
                    scorer.prefetchSketches(new, newCount)
                    count &+= newCount
                    expanded &+= 1
                } else {
                    layer.prefetch(node)
                    asked &+= 1
                }
                repeat { place &+= 1 } while place < open && keys[place] & 1 != 0
            }
        } else if pendingCount == 0 {
            return end.isFinite && pool.pointee.limit >= end
        }
        if pendingCount > 0 {
            scorer.score(pending, pendingCount, distances)
            let lowest = Int(insert(pool, distances, pending, Int64(pendingCount)))
            if lowest < breadth && lowest <= current &+ 1 { layer.prefetch(ck_key_row(keys[lowest])) }
            current = min(current, lowest)
            if reach != nil {
                end = min(end, reach?.end(pool.pointee, changedFrom: lowest) ?? end)
                pool.pointee.limit = min(pool.pointee.limit, end)
            }
        }
        swap(&ids, &pending)
        pendingCount = count
    }
}
