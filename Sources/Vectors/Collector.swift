import CKernels

/// Up to this many neighbours are kept in place as they are found; more are collected and sorted.
let maximumKeptInPlace = 1024

/// The `k` nearest of the selected rows, nearest first; one distance a row.
func nearest(
    _ k: Int, in selection: RowSelection, _ scorer: some RowScoring, kernels: DistanceKernels
) -> [Neighbor] {
    precondition(k >= 0)
    guard k > 0, selection.rowCount > 0 else { return [] }
    var collector = Collector(scorer, k: min(k, selection.rowCount), kernels: kernels)
    selection.forEach { collector.add($0) }
    return collector.finish()
}

extension CodeBlock {
    /// The `k` rows of the selection that are nearest by their codes; one distance a row.
    package func nearest(_ k: Int, to query: UnsafePointer<ck_code_query>, in selection: RowSelection) -> [Neighbor] {
        Vectors.nearest(k, in: selection, CodeScorer(query: query, block: self), kernels: kernels)
    }
}

/// Gathers rows into chunks, scores a chunk at a time and keeps the nearest.
struct Collector<Scorer: RowScoring>: ~Copyable {
    private let scorer: Scorer
    private let k: Int
    private var top: TopK
    private let collectsAll: Bool
    private var all: [Neighbor] = []
    private let rows: UnsafeMutablePointer<UInt32>
    private let distances: UnsafeMutablePointer<Float>
    private var count = 0

    /// Rows scored between two looks at the list of the nearest; small enough for the first cache.
    private static var chunkRows: Int { 64 }

    init(_ scorer: Scorer, k: Int, kernels: DistanceKernels) {
        self.scorer = scorer
        self.k = k
        collectsAll = k > maximumKeptInPlace
        top = TopK(collectsAll ? 1 : k, kernels: kernels)
        rows = .allocate(capacity: Self.chunkRows)
        distances = .allocate(capacity: Self.chunkRows)
    }

    deinit {
        rows.deallocate()
        distances.deallocate()
    }

    @inline(__always)
    mutating func add(_ row: UInt32) {
        rows[count] = row
        scorer.prefetch(rows + count, 1)
        count &+= 1
        if count == Self.chunkRows { flush() }
    }

    private mutating func flush() {
        scorer.score(rows, count, distances)
        if collectsAll {
            for i in 0..<count where !distances[i].isNaN {
                all.append(Neighbor(distance: distances[i], row: rows[i]))
            }
        } else {
            top.offer(distances, rows: rows, count: count)
        }
        count = 0
    }

    consuming func finish() -> [Neighbor] {
        if count > 0 { flush() }
        return collectsAll ? Array(all.sorted().prefix(k)) : top.neighbors()
    }
}
