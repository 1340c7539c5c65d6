import CKernels

/// The exact index: it scores every allowed row. A growing segment is searched with it, and tests use it as the oracle
/// of the graph.
package struct FlatIndex: VectorIndex {
    package let block: VectorBlock
    package let metric: Metric
    package let rowCount: Int
    let kernels: DistanceKernels

    /// Covers rows `0..<rowCount` of `block`.
    package init(block: VectorBlock, metric: Metric, rowCount: Int, kernels: DistanceKernels = .best) {
        precondition(rowCount >= 0 && rowCount <= block.capacity && rowCount <= maximumRowCount)
        self.block = block
        self.metric = metric
        self.rowCount = rowCount
        self.kernels = kernels
    }

    /// Exact; computes one distance for every row that is allowed and not deleted. `breadth` is ignored.
    package func search(
        _ query: UnsafePointer<Float>, k: Int, breadth: Int = 0, allowed: RowSet?, deleted: RowSet?
    ) -> [Neighbor] {
        nearest(
            k, in: RowSelection(rowCount: rowCount, allowed: allowed, deleted: deleted),
            FloatScorer(query: query, block: block, metric: metric, kernels: kernels), kernels: kernels)
    }

    /// Exact over the given rows, each of which must be below `rowCount`; one distance for each row. A row that is
    /// given twice is found twice.
    package func search(_ query: UnsafePointer<Float>, k: Int, rows: [UInt32]) -> [Neighbor] {
        precondition(k >= 0)
        guard k > 0, !rows.isEmpty else { return [] }
        let scorer = FloatScorer(query: query, block: block, metric: metric, kernels: kernels)
        var collector = Collector(scorer, k: min(k, rows.count), kernels: kernels)
        for row in rows { precondition(row < rowCount, "row \(row) is not one of the \(rowCount) rows of this index") }
        rows.withUnsafeBufferPointer { rows in
            if let start = rows.baseAddress { collector.add(start, rows.count) }
        }
        return collector.finish()
    }
}
