import CKernels
import Vectors

// Links of a graph as flat arrays of row numbers.
//
//     base         [rowCount][width] u32     level 0; unused slots hold the row's own number, so that a walk, which has
//                                            already visited it, skips them without a count and without a branch
//     levels       [rowCount] u8             the highest level a row stands on; 0 for most
//     upperStart   [rowCount] u32            where the row's upper levels begin, in blocks of `connections`
//     upper        [blocks][connections] u32 one block a level from 1 up, padded with the row's own number
//
// A builder keeps `width` wider than the graph that comes of it (see GraphBuilder); a sealed graph never changes.

/// The arrays above, owned.
final class GraphStorage {
    let rowCount: Int
    let width: Int
    let connections: Int
    let base: UnsafeMutablePointer<UInt32>
    let levels: UnsafeMutablePointer<UInt8>
    let upperStart: UnsafeMutablePointer<UInt32>
    let upper: UnsafeMutablePointer<UInt32>
    /// Blocks of `upper`: the sum of all levels.
    let upperBlocks: Int

    private let mapping: PageMapping

    /// Every row stands on the level given and has no link yet.
    ///
    /// - Parameter leavesBase: level 0 is left as it is, for whoever writes all of it.
    init(levels given: [UInt8], width: Int, connections: Int, leavesBase: Bool = false) {
        rowCount = given.count
        self.width = width
        self.connections = connections
        let words = max(rowCount * width, 16)
        mapping = PageMapping(byteCount: words * MemoryLayout<UInt32>.stride)
        base = mapping.start.bindMemory(to: UInt32.self, capacity: words)
        levels = .allocate(capacity: max(rowCount, 1))
        upperStart = .allocate(capacity: max(rowCount, 1))
        var blocks = 0
        for row in 0..<rowCount {
            levels[row] = given[row]
            upperStart[row] = UInt32(blocks)
            blocks += Int(given[row])
            if !leavesBase { (base + row * width).initialize(repeating: UInt32(row), count: width) }
        }
        upperBlocks = blocks
        upper = .allocate(capacity: max(blocks * connections, 1))
        for row in 0..<rowCount where given[row] > 0 {
            (upper + Int(upperStart[row]) * connections)
                .initialize(repeating: UInt32(row), count: Int(given[row]) * connections)
        }
    }

    deinit {
        levels.deallocate()
        upperStart.deallocate()
        upper.deallocate()
    }

    /// The links of one level, as a walk reads them.
    func layer(_ level: Int) -> Layer {
        level == 0
            ? Layer(links: base, starts: nil, offset: 0, width: width, locks: nil)
            : Layer(links: upper, starts: UnsafePointer(upperStart), offset: level - 1, width: connections, locks: nil)
    }

    /// The links of `row` on `level`, without the unused slots.
    func links(of row: Int, level: Int) -> [UInt32] {
        let own = UnsafeBufferPointer(start: layer(level).row(UInt32(row)), count: layer(level).width)
        return own.prefix { $0 != UInt32(row) }.map { $0 }
    }
}

/// The rows of links of one level: pointers only, copied into a walk's locals.
struct Layer {
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

    /// Copies the neighbours of `id` not visited in this epoch to `out` (room for `width` + 16), which marks none.
    @inline(__always)
    func gather(
        _ id: UInt32, visited: UnsafePointer<UInt8>, epoch: UInt8, into out: UnsafeMutablePointer<UInt32>,
        _ kernel: ck_gather_fn
    ) -> Int {
        guard let locks else { return kernel(row(id), width, visited, epoch, out) }
        ck_lock(locks + Int(id))
        let count = kernel(row(id), width, visited, epoch, out)
        ck_unlock(locks + Int(id))
        return count
    }

    @inline(__always)
    func prefetch(_ id: UInt32) { ck_prefetch_range(row(id), width &* 4) }
}
