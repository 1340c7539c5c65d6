import TestSupport
import HNSW
import Vectors

/// Rows of the larger fixtures: in an unoptimised build a walk is thirty times slower.
#if DEBUG
    let largeRowCount = 2_500
#else
    let largeRowCount = 12_000
#endif

/// Dimensions on both sides of `CodeBlock.minimumDimension`; one is not a multiple of a register's width.
let walkedByFloatsAndByCodes = [24, 97]

/// How the rows of a fixture are distributed.
enum Shape: CaseIterable {
    case uniform, clustered
}

func makeBlock(_ shape: Shape, rows: Int, dimension: Int, metric: Metric, seed: UInt64, stream: UInt64 = 0)
    -> VectorBlock
{
    var generator = SplitMix(seed: seed)
    let block = VectorBlock(dimension: dimension, capacity: max(rows, 1))
    let centres = (0..<40).map { _ in generator.floats(dimension) }
    generator = SplitMix(seed: seed &+ (stream + 1) << 32)
    for _ in 0..<rows {
        var vector = generator.floats(dimension)
        if shape == .clustered {
            let centre = centres[Int(generator.next() % 40)]
            for j in vector.indices { vector[j] = centre[j] + vector[j] * 0.3 }
        }
        if metric == .cosine, let unit = normalized(vector) { vector = unit }
        vector.withUnsafeBufferPointer { block.append($0) }
    }
    return block
}

/// Queries of the same distribution that are not rows: the same clusters, other random numbers.
func makeQueries(_ shape: Shape, count: Int, dimension: Int, metric: Metric, seed: UInt64) -> [[Float]] {
    let block = makeBlock(shape, rows: count, dimension: dimension, metric: metric, seed: seed, stream: 1)
    return (0..<count).map { row in (0..<dimension).map { block.vector(row)[$0] } }
}

/// The share of the true neighbours that were found, counted by distance so that ties do not matter.
func recall(
    _ graph: GraphIndex, _ queries: [[Float]], k: Int, breadth: Int, allowed: RowSet? = nil, deleted: RowSet? = nil
)
    -> Double
{
    let flat = FlatIndex(block: graph.block, metric: graph.graph.metric, rowCount: graph.rowCount)
    var hits = 0, wanted = 0
    for query in queries {
        let truth = flat.search(query, k: k, allowed: allowed, deleted: deleted)
        guard let farthest = truth.last?.distance else { continue }
        let found = graph.search(query, k: k, breadth: breadth, allowed: allowed, deleted: deleted)
        let limit = farthest + abs(farthest) * 1e-5
        hits += found.count { $0.distance <= limit }
        wanted += truth.count
    }
    return wanted == 0 ? 1 : Double(hits) / Double(wanted)
}

func build(
    _ block: VectorBlock, _ rows: Int, _ metric: Metric, threads: Int = 1,
    parameters: HNSWParameters = HNSWParameters(),
    extending: GraphIndex? = nil
) throws -> GraphIndex {
    try GraphIndex.build(
        block: block, rowCount: rows, metric: metric, parameters: parameters, threads: threads,
        extending: extending.map { KnownGraph($0.graph) })
}

extension GraphIndex {
    /// Every part of the graph as bytes.
    var parts: [[UInt8]] { (0..<graph.partCount).map(graph.part) }

    func checkInvariants() { graph.checkInvariants() }
}
