import CKernels

// Exact search that reads an eighth of the floats' bytes. The codes of all rows are scored, and every distance is
// bounded from both sides (`CodeBounds`):
//
//     for some rows: distance by code ± bound → keep the k least upper bounds; the k-th is the limit
//                    rows whose lower bound is within the limit are candidates
//     then the candidates by their floats, those with the least lower bounds first; the k-th distance is the limit now,
//     and candidates beyond it are left unread
//
// No row that is left out can be among the nearest, whatever the data: it may only happen that most rows are
// candidates. Many queries share each block of rows while it is in the second cache.

extension CodeBlock {
    /// Rows scored for one query after the other: their codes stay in the second cache.
    private static let scanBlockRows = 512
    /// Up to this many neighbours a list of upper bounds is kept in place.
    package static let maximumBoundedNeighbors = 256

    /// The `k` nearest of the selected rows to each query, exactly as by `FlatIndex`.
    ///
    /// - Parameters:
    ///   - queries: `queryCount × dimension`, row-major; normalised for cosine.
    ///   - k: at most `maximumBoundedNeighbors`.
    ///   - floats: the rows that were coded.
    /// - Returns: one list a query, nearest first.
    package func nearestExactly(
        _ k: Int, to queries: UnsafePointer<Float>, queryCount: Int, floats: VectorBlock, bounds: CodeBounds,
        in selection: RowSelection
    ) -> [[Neighbor]] {
        precondition(k <= Self.maximumBoundedNeighbors && selection.rowCount <= bounds.rowCount)
        guard k > 0, selection.rowCount > 0 else { return Array(repeating: [], count: queryCount) }
        let scans = (0..<queryCount).compactMap {
            BoundedScan(self, bounds, query: queries + $0 * dimension, k: k, blockRows: Self.scanBlockRows)
        }
        guard scans.count == queryCount else {
            return FlatIndex(block: floats, metric: metric, rowCount: selection.rowCount).searchBatch(
                UnsafeBufferPointer(start: queries, count: queryCount * dimension), queryCount: queryCount, k: k,
                allowed: selection.allowed, deleted: selection.deleted)
        }
        selection.forEachBlock { rows, count in
            for first in Swift.stride(from: 0, to: count, by: Self.scanBlockRows) {
                let added = min(Self.scanBlockRows, count - first)
                for i in scans.indices { scans[i].add(rows + first, added, isFirst: i == 0) }
            }
        }
        return scans.map { $0.finish(floats) }
    }
}

/// One query's pass over the codes.
private final class BoundedScan {
    private let query: UnsafePointer<Float>
    private let metric: Metric
    private let k: Int
    private let kernels: DistanceKernels
    private let buffer: UnsafeMutableRawPointer
    private let coded: UnsafeMutablePointer<ck_code_query>
    private let scorer: CodeScorer
    private var bound: ck_code_bound
    private var upper: TopK
    private let distances: UnsafeMutablePointer<Float>
    /// Rows that may be among the nearest, and the least their distances may be.
    private var rows: UnsafeMutablePointer<UInt32>
    private var least: UnsafeMutablePointer<Float>
    private var count = 0
    private var capacity: Int
    private let blockRows: Int

    private static let firstCapacity = 4096
    /// Candidates scored before the others are looked at again.
    private static let scoredFirst = 64
    /// Rows are asked for so far ahead, a few at a time between those that are scored: many at once would hold them up.
    private static let (rowsAhead, rowsAtOnce) = (32, 8)

    /// nil where nothing bounds the query's distances.
    init?(_ codes: CodeBlock, _ bounds: CodeBounds, query: UnsafePointer<Float>, k: Int, blockRows: Int) {
        buffer = .allocate(byteCount: codes.queryBytes, alignment: 64)
        coded = .allocate(capacity: 1)
        coded.initialize(to: codes.query(query, buffer))
        guard let bound = bounds.bound(query, coded.pointee) else {
            buffer.deallocate()
            coded.deallocate()
            return nil
        }
        self.bound = bound
        self.query = query
        self.k = k
        self.blockRows = blockRows
        metric = codes.metric
        kernels = codes.kernels
        scorer = CodeScorer(query: coded, block: codes)
        upper = TopK(k, kernels: codes.kernels)
        distances = .allocate(capacity: blockRows)
        capacity = Self.firstCapacity
        rows = .allocate(capacity: capacity)
        least = .allocate(capacity: capacity)
    }

    deinit {
        buffer.deallocate()
        coded.deallocate()
        distances.deallocate()
        rows.deallocate()
        least.deallocate()
    }

    /// Scores `added` rows by their codes, at most `blockRows`; the first query to do so fetches them for all.
    func add(_ block: UnsafePointer<UInt32>, _ added: Int, isFirst: Bool) {
        if capacity - count < added { makeRoom(added) }
        if isFirst { fetchAndScore(block, added) } else { scorer.score(block, added, distances) }
        count += kernels.table.pointee.bound_rows(
            &bound, block, added, upper.worst, distances, rows + count, least + count)
        upper.offer(distances, rows: block, count: added)
    }

    private func fetchAndScore(_ block: UnsafePointer<UInt32>, _ count: Int) {
        var fetched = min(Self.rowsAhead, count)
        scorer.prefetch(block, fetched)
        for first in stride(from: 0, to: count, by: Self.rowsAtOnce) {
            let next = min(Self.rowsAtOnce, count - fetched)
            scorer.prefetch(block + fetched, next)
            fetched += next
            scorer.score(block + first, min(Self.rowsAtOnce, count - first), distances + first)
        }
    }

    /// Drops candidates that the limit has left behind since; grows where that is not enough.
    private func makeRoom(_ added: Int) {
        drop(beyond: upper.worst)
        guard capacity - count < max(added, capacity / 2) else { return }
        let grown = 2 * capacity + added
        let (newRows, newLeast) = (
            UnsafeMutablePointer<UInt32>.allocate(capacity: grown),
            UnsafeMutablePointer<Float>.allocate(capacity: grown)
        )
        newRows.update(from: rows, count: count)
        newLeast.update(from: least, count: count)
        rows.deallocate()
        least.deallocate()
        (rows, least, capacity) = (newRows, newLeast, grown)
    }

    private func drop(beyond limit: Float) {
        var kept = 0
        for i in 0..<count {
            rows[kept] = rows[i]
            least[kept] = least[i]
            kept += least[i] <= limit ? 1 : 0
        }
        count = kept
    }

    /// Scores the candidates by their floats.
    func finish(_ floats: VectorBlock) -> [Neighbor] {
        drop(beyond: upper.worst)
        let floatScorer = FloatScorer(query: query, block: floats, metric: metric, kernels: kernels)
        var top = TopK(k, kernels: kernels)
        var likely = TopK(Self.scoredFirst, kernels: kernels)
        likely.offer(least, rows: rows, count: count)
        let first = likely.neighbors()
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Self.scoredFirst) { asked in
            guard let asked = asked.baseAddress else { return }
            var waiting = 0
            func score() {
                floatScorer.prefetch(asked, waiting)
                floatScorer.score(asked, waiting, distances)
                top.offer(distances, rows: asked, count: waiting)
                waiting = 0
            }
            for neighbor in first {
                asked[waiting] = neighbor.row
                waiting += 1
            }
            score()
            guard let last = first.last else { return }
            for i in 0..<count where least[i] <= top.worst {
                // The likely ones have been scored already.
                guard last < Neighbor(distance: least[i], row: rows[i]) else { continue }
                asked[waiting] = rows[i]
                waiting += 1
                if waiting == Self.scoredFirst { score() }
            }
            score()
        }
        return top.neighbors()
    }
}
