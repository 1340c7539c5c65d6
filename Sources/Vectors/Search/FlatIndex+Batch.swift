import CBLAS
import CKernels

// Many queries against one block. Most of the cost of a scan is reading the block from memory. So some rows are brought
// into the second cache once and scored against every query before the next rows are read:
//
//     for rows r ..< r + n (n: 512 for a matrix product, fewer for the kernel):
//         distances [queries × n] = −Q · Rᵀ                        one sgemm (dot, cosine), or
//                                   = the row kernel, one query after the other
//         offer each query's n distances to its list of the nearest
//
// Squared L2 is not computed as |q|² + |r|² − 2⟨q, r⟩: the subtraction loses the digits that order near neighbours.

/// How a batch is scored. Both ways are exact; which one is faster depends on the system's BLAS.
package enum BatchScoring: Sendable, CaseIterable {
    case kernels
    /// One matrix product for each block of rows, for `dot` and `cosine`; other metrics use the kernels.
    case matrixProduct
}

extension FlatIndex {
    /// The most rows of a block: the width of one tile of distances.
    static let maximumBatchRows = 512
    /// The bytes of a block when the row kernel reads it again for every query: it stays in the second cache.
    static let batchBytes = 256 << 10
    /// Queries scored together; more queries are scored in several rounds.
    static let batchQueries = 256

    /// The `k` nearest rows to each of `queries`, exactly, with the same result as `search` for each query.
    ///
    /// - Parameters:
    ///   - queries: `queryCount × dimension`, row-major; normalised for cosine.
    ///   - allowed: only these rows are returned; nil allows all.
    ///   - deleted: these rows are never returned; nil means none.
    ///   - scoring: see `BatchScoring`; measured by `Bench kernels`.
    /// - Returns: one list for each query, nearest first. Distances may differ from those of `search` in the last bits,
    ///   because a matrix product sums in another order.
    package func searchBatch(
        _ queries: UnsafeBufferPointer<Float>, queryCount: Int, k: Int, allowed: RowSet? = nil, deleted: RowSet? = nil,
        scoring: BatchScoring = .kernels
    ) -> [[Neighbor]] {
        precondition(queryCount >= 0 && k >= 0 && queries.count == queryCount * block.dimension)
        guard let base = queries.baseAddress, k > 0, rowCount > 0 else {
            return Array(repeating: [], count: queryCount)
        }
        // With a filter, a block would have gaps; for a long list, collecting and sorting is faster. Then queries are
        // searched one by one.
        guard allowed == nil, deleted == nil, k <= maximumKeptInPlace else {
            return (0..<queryCount).map {
                search(base + $0 * block.dimension, k: k, allowed: allowed, deleted: deleted)
            }
        }
        var results: [[Neighbor]] = []
        results.reserveCapacity(queryCount)
        for first in stride(from: 0, to: queryCount, by: Self.batchQueries) {
            let count = min(Self.batchQueries, queryCount - first)
            results += searchTogether(
                base + first * block.dimension, count: count, k: min(k, rowCount), scoring)
        }
        return results
    }

    private func searchTogether(
        _ queries: UnsafePointer<Float>, count: Int, k: Int, _ scoring: BatchScoring
    ) -> [[Neighbor]] {
        let useBLAS = scoring == .matrixProduct && (metric == .dot || metric == .cosine)
        let fitting = Self.batchBytes / (block.dimension * MemoryLayout<Float>.stride)
        let batchRows = useBLAS ? Self.maximumBatchRows : min(max(fitting & ~3, 16), Self.maximumBatchRows)
        let scratch = BatchScratch(queries: count, rows: Self.maximumBatchRows, k: k)
        let insert = kernels.table.pointee.pool_insert
        for first in stride(from: 0, to: rowCount, by: batchRows) {
            let rows = min(batchRows, rowCount - first)
            for i in 0..<rows { scratch.rows[i] = UInt32(first + i) }
            if useBLAS {
                multiply(queries, count: count, firstRow: first, rows: rows, into: scratch.distances)
            } else {
                let score = kernels.rows(metric)
                for q in 0..<count {
                    score(
                        queries + q * block.dimension, block.base, block.dimension, scratch.rows, rows,
                        scratch.distances + q * Self.maximumBatchRows)
                }
            }
            for q in 0..<count {
                _ = insert(
                    scratch.pools + q, scratch.distances + q * Self.maximumBatchRows, scratch.rows, Int64(rows))
            }
        }
        return (0..<count).map { scratch.pools[$0].neighbors() }
    }

    /// `distances[q × maximumBatchRows + r] = −⟨query q, row firstRow + r⟩`.
    private func multiply(
        _ queries: UnsafePointer<Float>, count: Int, firstRow: Int, rows: Int,
        into distances: UnsafeMutablePointer<Float>
    ) {
        let dimension = Int32(block.dimension)
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, Int32(count), Int32(rows), dimension, -1, queries, dimension,
            block.vector(firstRow), dimension, 0, distances, Int32(Self.maximumBatchRows))
    }
}

/// Memory of one batch: a tile of distances, and a list of the nearest for every query.
private final class BatchScratch {
    let rows: UnsafeMutablePointer<UInt32>
    let distances: UnsafeMutablePointer<Float>
    let pools: UnsafeMutablePointer<ck_pool>
    private let queries: Int

    init(queries: Int, rows: Int, k: Int) {
        self.queries = queries
        self.rows = .allocate(capacity: rows)
        self.rows.initialize(repeating: 0, count: rows)
        distances = .allocate(capacity: queries * rows)
        distances.initialize(repeating: 0, count: queries * rows)
        pools = .allocate(capacity: queries)
        for query in 0..<queries { (pools + query).initialize(to: .empty(k)) }
    }

    deinit {
        rows.deallocate()
        distances.deallocate()
        for query in 0..<queries { pools[query].deallocate() }
        pools.deallocate()
    }
}
