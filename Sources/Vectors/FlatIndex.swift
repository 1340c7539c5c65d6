/// The exact index: scores every allowed row. A growing segment is searched by it, and it is the graph's oracle.
package struct FlatIndex: VectorIndex {
    package let block: VectorBlock
    package let metric: Metric
    package let rowCount: Int

    /// Covers rows `0..<rowCount` of `block`.
    package init(block: VectorBlock, metric: Metric, rowCount: Int) {
        self.block = block
        self.metric = metric
        self.rowCount = rowCount
    }

    package func search(
        _ query: UnsafePointer<Float>, k: Int, breadth: Int = 0, allowed: RowSet?, deleted: RowSet?
    ) -> [Neighbor] {
        var all: [Neighbor] = []
        for row in 0..<rowCount where allowed?.contains(row) ?? true && !(deleted?.contains(row) ?? false) {
            let v = block.vector(row)
            var sum: Float = 0
            for j in 0..<block.dimension {
                switch metric {
                case .cosine, .dot: sum -= query[j] * v[j]
                case .euclidean: sum += (query[j] - v[j]) * (query[j] - v[j])
                case .manhattan: sum += abs(query[j] - v[j])
                }
            }
            all.append(Neighbor(distance: sum, row: UInt32(row)))
        }
        return Array(all.sorted().prefix(k))
    }
}
