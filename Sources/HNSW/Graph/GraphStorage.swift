import CKernels
import Vectors

// Links of a graph as flat arrays of row numbers.
//
//     level 0                                while a graph is built, in the builder (`GraphBuilder`), wider than what
//                                            comes of it; then packed (`PackedLinks`)
//     levels       [rowCount] u8             the highest level a row stands on; 0 for most
//     starts       [rowCount] u32            where the row's upper levels begin, in blocks of `connections`
//     links        [blocks][connections] u32 one block a level from 1 up, padded with the row's own number
//
// Unused slots of any level hold the row's own number, so that a walk, which has already visited it, skips them without
// a count and without a branch.

/// The links of a finished graph. Once they are written they never change.
final class GraphStorage {
    let upper: UpperLinks
    let base: PackedLinks

    /// Every row stands on the level given; level 0 is for whoever writes all of it.
    init(levels: [UInt8], width: Int, connections: Int) {
        upper = UpperLinks(levels: levels, connections: connections)
        base = PackedLinks(rowCount: levels.count, width: width)
    }

    var rowCount: Int { base.rowCount }
    var width: Int { base.width }
    var connections: Int { upper.connections }

    /// Bytes in memory.
    var byteCount: Int { base.byteCount + upper.byteCount }

    /// The links of `row` on `level`, without the unused slots.
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

    /// Every row stands on the level given and has no link yet.
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

    /// Takes over the links of `row`, which stands on the same levels in `other`.
    func copy(_ row: Int, of other: UpperLinks) {
        (links + Int(starts[row]) * connections)
            .update(from: other.links + Int(other.starts[row]) * connections, count: Int(levels[row]) * connections)
    }
}

/// The links of one level, as a walk reads them.
protocol LinkLayer {
    /// How many links a row has at most.
    var width: Int { get }

    /// Copies the neighbours of `id` not visited in this epoch to `out` (room for `width` + 16), which marks none.
    func gather(
        _ id: UInt32, visited: UnsafePointer<UInt8>, epoch: UInt8, into out: UnsafeMutablePointer<UInt32>,
        _ kernels: UnsafePointer<ck_kernels>
    ) -> Int

    /// Asks for the links of `id`.
    func prefetch(_ id: UInt32)
}

/// The rows of links of one level, as they lie: pointers only, copied into a walk's locals.
struct Layer: LinkLayer {
    let links: UnsafeMutablePointer<UInt32>
    /// Upper levels only: where a row's blocks begin.
    let starts: UnsafePointer<UInt32>?
    let offset: Int
    let width: Int
    /// One byte a row while a graph is built by several threads; nil once it is sealed.
    var locks: UnsafeMutablePointer<UInt8>?

    @inline(__always)
    func row(_ id: UInt32) -> UnsafeMutablePointer<UInt32> {
        if let starts { return links + (Int(starts[Int(id)]) &+ offset) &* width }
        return links + Int(id) &* width
    }

    /// How many links `id` has.
    func count(_ id: UInt32) -> Int {
        let links = row(id)
        var count = 0
        while count < width && links[count] != id { count &+= 1 }
        return count
    }

    /// The links of `id`, without the unused slots.
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
