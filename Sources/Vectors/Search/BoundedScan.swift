import CKernels

// Exact search that reads an eighth of the floats' bytes. The codes of all rows are scored, and every distance has a
// lower and an upper bound (`CodeBounds`):
//
//     for some rows: distance by code ± bound → keep the k smallest upper bounds; the k-th is the limit
//                    a row whose lower bound is within the limit is a candidate
//     then score the candidates by their floats, smallest lower bound first; the k-th distance is now the limit,
//     and candidates beyond it are not read
//
// A row that is left out can never be among the nearest, for any data; at worst most rows are candidates. Several
// queries share each block of rows while it is in the second cache.

extension CodeBlock {
    /// Rows that are scored for one query after the other, so that their codes stay in the second cache.
    private static let scanBlockRows = 512
    /// The largest number of neighbours for which the list of upper bounds is kept sorted in place.
    package static let maximumBoundedNeighbors = 256

    /// The `k` nearest of the selected rows to each query, with the same result as `FlatIndex`.
    ///
    /// - Parameters:
    ///   - queries: `queryCount × dimension`, row-major; normalised for cosine.
    ///   - k: at most `maximumBoundedNeighbors`.
    ///   - floats: the rows from which the codes were made.
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
    /// Rows that may be among the nearest, with the lower bounds of their distances.
    private var rows: UnsafeMutablePointer<UInt32>
    private var least: UnsafeMutablePointer<Float>
    private var count = 0
    private var capacity: Int
    private let blockRows: Int

    private static let firstCapacity = 4096
    /// Candidates that are scored before the other candidates are checked again.
    private static let scoredFirst = 64
    /// Rows are prefetched this far ahead, a few at a time between the rows that are scored: many prefetches at once
    /// would delay those.
    private static let (rowsAhead, rowsAtOnce) = (32, 8)

    /// Nil if the query's distances have no bound.
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

    /// Scores `added` rows by their codes, at most `blockRows`; the first query brings them into the cache for all.
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

    /// Drops the candidates that are now beyond the limit; grows the list if that does not free enough slots.
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
                // The most likely candidates have already been scored.
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
