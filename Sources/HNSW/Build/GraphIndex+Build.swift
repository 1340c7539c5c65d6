import Vectors

extension GraphIndex {
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
}
