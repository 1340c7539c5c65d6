/// Finds the rows of one block that are nearest to a query: `FlatIndex` exactly, `HNSWGraph` by walking a graph.
package protocol VectorIndex: Sendable {
    /// Rows the index covers: `0..<rowCount` of its block.
    var rowCount: Int { get }

    /// The `k` nearest rows to `query` (`dimension` floats, normalised for cosine), nearest first.
    ///
    /// - Parameters:
    ///   - breadth: how many candidates a graph keeps (the paper's *ef*), at least `k`; the flat index ignores it.
    ///   - allowed: only these rows are returned; nil allows all.
    ///   - deleted: these rows are never returned; nil means none.
    func search(
        _ query: UnsafePointer<Float>, k: Int, breadth: Int, allowed: RowSet?, deleted: RowSet?
    ) -> [Neighbor]
}
