import CKernels
import Vectors

// Links of a graph as flat arrays of row numbers.
//
//     level 0                                in the builder (`GraphBuilder`) while a graph is built, wider than in the
//                                            finished graph; then packed (`PackedLinks`)
//     levels       [rowCount] u8             the highest level of a row; 0 for most rows
//     starts       [rowCount] u32            the position of the row's upper levels, in blocks of `connections`
//     links        [blocks][connections] u32 one block a level from 1 up, padded with the row's own number
//
// A free slot of any level holds the row's own number. A walk has already visited that row, so it skips the slot
// without a count and without a branch.

/// The links of a finished graph. They never change once they are written.
final class GraphStorage {
    let upper: UpperLinks
    let base: PackedLinks

    /// Gives every row its level; the caller writes all of level 0.
    init(levels: [UInt8], width: Int, connections: Int) {
        upper = UpperLinks(levels: levels, connections: connections)
        base = PackedLinks(rowCount: levels.count, width: width)
    }

    var rowCount: Int { base.rowCount }
    var width: Int { base.width }
    var connections: Int { upper.connections }

    /// Bytes in memory.
    var byteCount: Int { base.byteCount + upper.byteCount }

    /// The links of `row` on `level`, without the free slots.
    func links(of row: Int, level: Int) -> [UInt32] {
        level == 0 ? base.links(of: row) : upper.layer(level).links(of: UInt32(row))
    }
}

/// The levels of a graph's rows and their links above level 0.
final class UpperLinks {
    let rowCount: Int
    let connections: Int
    let levels: UnsafeMutablePointer<UInt8>
    let starts: UnsafeMutablePointer<UInt32>
    let links: UnsafeMutablePointer<UInt32>
    /// Blocks of `links`: the sum of all levels.
    let blocks: Int

    /// Gives every row its level and no links.
    init(levels given: [UInt8], connections: Int) {
        rowCount = given.count
        self.connections = connections
        levels = .allocate(capacity: max(rowCount, 1))
        starts = .allocate(capacity: max(rowCount, 1))
        var blocks = 0
        for row in 0..<rowCount {
            levels[row] = given[row]
            starts[row] = UInt32(blocks)
            blocks += Int(given[row])
        }
        self.blocks = blocks
        links = .allocate(capacity: max(blocks * connections, 1))
        for row in 0..<rowCount where given[row] > 0 {
            (links + Int(starts[row]) * connections)
                .initialize(repeating: UInt32(row), count: Int(given[row]) * connections)
        }
    }

    deinit {
        levels.deallocate()
        starts.deallocate()
        links.deallocate()
    }

    /// Bytes in memory.
    var byteCount: Int { rowCount * 5 + blocks * connections * 4 }

    /// The links of one level from 1 up.
    func layer(_ level: Int) -> Layer {
        Layer(links: links, starts: UnsafePointer(starts), offset: level - 1, width: connections, locks: nil)
    }

    /// Copies the links of `row`, which has the same level in `other`.
    func copy(_ row: Int, of other: UpperLinks) {
        (links + Int(starts[row]) * connections)
            .update(from: other.links + Int(other.starts[row]) * connections, count: Int(levels[row]) * connections)
    }
}

/// The links of one level, as a walk reads them.
protocol LinkLayer {
    /// The most links of a row.
    var width: Int { get }

    /// Copies the neighbours of `id` that were not visited in this epoch to `out` (which has `width` + 16 slots); does
    /// not mark them as visited.
    func gather(
        _ id: UInt32, visited: UnsafePointer<UInt8>, epoch: UInt8, into out: UnsafeMutablePointer<UInt32>,
        _ kernels: UnsafePointer<ck_kernels>
    ) -> Int

    /// Prefetches the links of `id`.
    func prefetch(_ id: UInt32)
}

/// The rows of links of one level: only pointers, which a walk copies into its local variables.
struct Layer: LinkLayer {
    let links: UnsafeMutablePointer<UInt32>
    /// Only for upper levels: the position of a row's blocks.
    let starts: UnsafePointer<UInt32>?
    let offset: Int
    let width: Int
    /// One byte for each row while several threads build the graph; nil once it is sealed.
    var locks: UnsafeMutablePointer<UInt8>?

    @inline(__always)
    func row(_ id: UInt32) -> UnsafeMutablePointer<UInt32> {
        if let starts { return links + (Int(starts[Int(id)]) &+ offset) &* width }
        return links + Int(id) &* width
    }

    /// The number of links of `id`.
    func count(_ id: UInt32) -> Int {
        let links = row(id)
        var count = 0
        while count < width && links[count] != id { count &+= 1 }
        return count
    }

    /// The links of `id`, without the free slots.
    func links(of id: UInt32) -> [UInt32] { Array(UnsafeBufferPointer(start: row(id), count: count(id))) }

    @inline(__always)
    func gather(
        _ id: UInt32, visited: UnsafePointer<UInt8>, epoch: UInt8, into out: UnsafeMutablePointer<UInt32>,
        _ kernels: UnsafePointer<ck_kernels>
    ) -> Int {
        let kernel = kernels.pointee.gather_unvisited
        guard let locks else { return kernel(row(id), width, visited, epoch, out) }
        ck_lock(locks + Int(id))
        let count = kernel(row(id), width, visited, epoch, out)
        ck_unlock(locks + Int(id))
        return count
    }

    @inline(__always)
    func prefetch(_ id: UInt32) { ck_prefetch_range(row(id), width &* 4) }
}
