import CKernels
import Vectors

/// A graph with the floats of its rows: it returns neighbours with exact distances.
package struct GraphIndex: VectorIndex {
    package let graph: HNSWGraph
    package let block: VectorBlock

    package var rowCount: Int { graph.rowCount }

    /// `block` holds the rows from which the graph was built.
    package init(graph: HNSWGraph, block: VectorBlock) {
        precondition(block.dimension == graph.rows.dimension && block.capacity >= graph.rowCount)
        self.graph = graph
        self.block = block
    }

    package func search(
        _ query: UnsafePointer<Float>, k: Int, breadth: Int, allowed: RowSet?, deleted: RowSet?
    ) -> [Neighbor] {
        precondition(k >= 0)
        let selection = RowSelection(rowCount: rowCount, allowed: allowed, deleted: deleted)
        guard k > 0 else { return [] }
        guard case .codes = graph.rows else {
            return Array(graph.candidates(query, k: k, breadth: breadth, in: selection).prefix(k))
        }
        let found = graph.candidates(query, k: k, breadth: breadth, in: selection)
        return block.rescored(found, query, metric: graph.metric, k: k)
    }
}
