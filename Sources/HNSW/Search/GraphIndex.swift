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

    /// Builds a graph over `block` by the codes of its rows if they can be coded, otherwise by the rows themselves.
    ///
    /// Parameters and errors are those of `HNSWGraph.build`.
    package static func build(
        block: VectorBlock, rowCount: Int, metric: Metric, parameters: HNSWParameters, threads: Int,
        extending: KnownGraph? = nil, isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws -> GraphIndex {
        let rows: BuildRows
        if CodeBlock.supports(metric, dimension: block.dimension) {
            let mean = extending?.codes?.mean ?? block.mean(rowCount: rowCount)
            rows = .codes(
                building: .encoding(
                    block, .bytes, metric, rowCount: rowCount, mean: metric == .euclidean ? mean : nil),
                walking: .encoding(block, .nibbles, metric, rowCount: rowCount, mean: mean))
        } else {
            rows = .floats(block, metric)
        }
        let graph = try HNSWGraph.build(
            rows, rowCount: rowCount, parameters: parameters, threads: threads, extending: extending,
            isCancelled: isCancelled)
        return GraphIndex(graph: graph, block: block)
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
