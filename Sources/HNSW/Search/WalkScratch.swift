import CKernels
import Synchronization
import Vectors

/// Working memory of one walk. It is reused, so that a query allocates nothing that grows with the graph.
final class WalkScratch {
    /// The epoch in which a row was last visited. Beginning a new epoch forgets all marks without writing memory.
    let visited: UnsafeMutablePointer<UInt8>
    private let rowCount: Int
    private var epoch: UInt8 = 0
    /// Ids found by this step and by the one before, with slots for the widest rows of all its nodes and one batch
    /// more.
    let ids: UnsafeMutablePointer<UInt32>
    let pending: UnsafeMutablePointer<UInt32>
    let distances: UnsafeMutablePointer<Float>
    /// Links of one row, unpacked.
    let links: UnsafeMutablePointer<UInt32>
    /// The unselected neighbours of the node that is being expanded.
    let stepped: UnsafeMutablePointer<UInt32>
    /// One bit for each row: whether it is selected. A walk with a filter writes it, in whole words.
    let selected: UnsafeMutablePointer<UInt64>
    /// Memory for a coded query, and the query itself.
    let queryCodes: UnsafeMutableRawPointer
    let query: UnsafeMutablePointer<ck_code_query>
    /// The same for sketches.
    let planes: UnsafeMutablePointer<UInt64>
    let sketchQuery: UnsafeMutablePointer<ck_sketch_query>
    /// The pool after the last walk.
    let pool: UnsafeMutablePointer<ck_pool>
    private var poolSlots = 0

    /// - Parameters:
    ///   - width: the most links of a row.
    ///   - queryBytes: bytes of a coded query; 0 if rows are floats.
    ///   - planeWords: words of a query for sketches; 0 if rows are floats.
    init(rowCount: Int, width: Int, queryBytes: Int, planeWords: Int) {
        self.rowCount = rowCount
        queryCodes = .allocate(byteCount: max(queryBytes, 64), alignment: 64)
        query = .allocate(capacity: 1)
        planes = .allocate(capacity: max(planeWords, 1))
        sketchQuery = .allocate(capacity: 1)
        // A gather reads four bytes where one is needed.
        visited = .allocate(capacity: rowCount + 4)
        visited.initialize(repeating: 0, count: rowCount + 4)
        let found = mostAtOnce * width + 16
        ids = .allocate(capacity: found)
        pending = .allocate(capacity: found)
        distances = .allocate(capacity: found)
        links = .allocate(capacity: width + PackedLayer.slack)
        stepped = .allocate(capacity: width + 16)
        selected = .allocate(capacity: (rowCount + 63) / 64 + 1)
        pool = .allocate(capacity: 1)
        pool.initialize(to: .empty(0))
    }

    deinit {
        queryCodes.deallocate()
        query.deallocate()
        planes.deallocate()
        sketchQuery.deallocate()
        visited.deallocate()
        ids.deallocate()
        pending.deallocate()
        distances.deallocate()
        links.deallocate()
        stepped.deallocate()
        selected.deallocate()
        pool.pointee.deallocate()
        pool.deallocate()
    }

    /// Scores rows of `block` against the coded query; `sketches` leave rows out first.
    @inline(__always)
    func scorer(
        of block: CodeBlock, _ sketches: SketchBlock?, deviations: Float = SketchBlock.scanDeviations
    ) -> SketchedScorer {
        if let sketches { sketchQuery.pointee = sketches.query(query.pointee, planes, deviations: deviations) }
        return SketchedScorer(
            codes: CodeScorer(query: query, block: block), sketches: sketches, query: sketchQuery)
    }

    /// Begins an epoch with which no row is marked.
    func nextEpoch() -> UInt8 {
        if epoch == .max {
            visited.update(repeating: 0, count: rowCount)
            epoch = 0
        }
        epoch += 1
        return epoch
    }

    /// The pool, with `capacity` slots and only `position` in it, which is marked as visited.
    func beginPool(_ capacity: Int, at position: Position, epoch: UInt8) {
        if ck_pool_slots(capacity) > poolSlots {
            pool.pointee.deallocate()
            pool.pointee = .empty(capacity)
            poolSlots = ck_pool_slots(capacity)
        } else {
            pool.pointee.keys.update(repeating: .max, count: ck_pool_slots(capacity))
        }
        let keys = pool.pointee.keys
        keys[0] = ck_key(position.distance, position.row)
        visited[Int(position.row)] = epoch
        pool.pointee = ck_pool(
            keys: keys, capacity: Int64(capacity), count: 1, limit: capacity == 1 ? position.distance : .infinity)
    }

    /// Puts the first `count` of `ids`, whose distances are in `distances`, into the pool and marks them; none of them
    /// was visited in this epoch.
    func put(_ count: Int, epoch: UInt8, _ insert: ck_insert_fn) {
        var kept = 0
        for i in 0..<count where visited[Int(ids[i])] != epoch {
            visited[Int(ids[i])] = epoch
            (ids[kept], distances[kept]) = (ids[i], distances[i])
            kept += 1
        }
        _ = insert(pool, distances, ids, Int64(kept))
    }
}

/// Scratch memory that waits for the next query; as many pieces as the most queries that ran at once, up to a limit.
final class ScratchList: Sendable {
    private static let maximumKept = 64
    private let free = Mutex<[Kept]>([])
    private let rowCount: Int
    private let width: Int
    private let queryBytes: Int
    private let planeWords: Int

    /// The mutex passes it from one thread to the next; one thread uses it at a time.
    private struct Kept: @unchecked Sendable {
        let scratch: WalkScratch
    }

    init(rowCount: Int, width: Int, queryBytes: Int, planeWords: Int) {
        self.rowCount = rowCount
        self.width = width
        self.queryBytes = queryBytes
        self.planeWords = planeWords
    }

    func withScratch<Result>(_ body: (WalkScratch) -> Result) -> Result {
        let kept =
            free.withLock { $0.popLast() }
            ?? Kept(
                scratch: WalkScratch(
                    rowCount: rowCount, width: width, queryBytes: queryBytes, planeWords: planeWords))
        defer { free.withLock { if $0.count < Self.maximumKept { $0.append(kept) } } }
        return body(kept.scratch)
    }
}
