import Files
import HNSW
import Vectors

/// Vectors, queries and the rows that truly lie nearest to them.
struct DataSet {
    let block: VectorBlock
    let metric: Metric
    let queries: Matrix<Float>
    /// The `k` nearest rows of each query.
    let truth: [[UInt32]]

    var queryCount: Int { queries.rows }

    /// - Parameter rowLimit: only so many rows of the base, with the truth searched exactly; 0 means all, with the
    /// truth of
    ///   the file.
    init(directory: String, metric: Metric, rowLimit: Int, k: Int) throws {
        let basePath = "\(directory)/base.npy", queryPath = "\(directory)/queries.npy"
        let truthPath = "\(directory)/ground_truth.npy"
        let base = try VectorFile.floats(basePath)
        let queries = try VectorFile.floats(queryPath)
        guard base.columns > 0, base.rows > 0, base.rows <= maximumRowCount else {
            throw VectorFileError(path: basePath, reason: "holds \(base.rows) × \(base.columns) numbers")
        }
        guard queries.columns == base.columns else {
            throw VectorFileError(
                path: queryPath, reason: "has dimension \(queries.columns), the base has \(base.columns)")
        }
        if let bad = base.elements.withUnsafeBufferPointer({ firstNonFinite($0) }) {
            throw VectorFileError(path: basePath, reason: "row \(bad / base.columns) is not finite")
        }
        let rows = rowLimit > 0 ? min(rowLimit, base.rows) : base.rows
        let block = VectorBlock(dimension: base.columns, capacity: rows)
        base.elements.withUnsafeBufferPointer { all in
            for row in 0..<rows {
                block.append(UnsafeBufferPointer(rebasing: all[(row * base.columns)..<((row + 1) * base.columns)]))
            }
        }
        self.block = block
        self.metric = metric
        self.queries = queries
        if rowLimit > 0 {
            let flat = FlatIndex(block: block, metric: metric, rowCount: rows)
            truth = queries.elements.withUnsafeBufferPointer { all in
                flat.searchBatch(all, queryCount: queries.rows, k: k).map { $0.map(\.row) }
            }
            return
        }
        let file = try VectorFile.rowNumbers(truthPath)
        guard file.rows == queries.rows, file.columns >= k else {
            throw VectorFileError(
                path: truthPath, reason: "is \(file.rows) × \(file.columns); \(queries.rows) × \(k) or more are wanted")
        }
        truth = (0..<file.rows).map { row in
            file.elements[(row * file.columns)..<(row * file.columns + k)].map { UInt32($0) }
        }
    }

    /// Calls `body` with each query in turn.
    func queryPointers<Result>(_ body: (UnsafePointer<Float>) -> Result) -> [Result] {
        queries.elements.withUnsafeBufferPointer { all in
            guard let base = all.baseAddress else { return [] }
            return (0..<queries.rows).map { body(base + $0 * queries.columns) }
        }
    }

    /// The share of true neighbours among those found.
    func recall(of found: [[Neighbor]]) -> Double {
        var hits = 0, wanted = 0
        for (neighbors, rows) in zip(found, truth) {
            let expected = Set(rows)
            hits += neighbors.count { expected.contains($0.row) }
            wanted += rows.count
        }
        return wanted == 0 ? 1 : Double(hits) / Double(wanted)
    }
}
