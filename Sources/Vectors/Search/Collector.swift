import CKernels

/// Up to this many neighbours are kept sorted as they are found; larger numbers are collected first and sorted at the
/// end.
let maximumKeptInPlace = 1024

/// The `k` nearest of the selected rows, nearest first; one distance for each row.
func nearest(
    _ k: Int, in selection: RowSelection, _ scorer: some RowScoring, kernels: DistanceKernels
) -> [Neighbor] {
    precondition(k >= 0)
    guard k > 0, selection.rowCount > 0 else { return [] }
    var collector = Collector(scorer, k: min(k, selection.rowCount), kernels: kernels)
    selection.forEachBlock { collector.add($0, $1) }
    return collector.finish()
}

extension SketchedScorer {
    /// The `k` selected rows that are nearest by their codes; one sketch for each row, and one distance for each row
    /// that is not winnowed out.
    package func nearest(_ k: Int, in selection: RowSelection) -> [Neighbor] {
        Vectors.nearest(k, in: selection, self, kernels: codes.kernels)
    }
}

/// Gathers rows into chunks and keeps the nearest. Each chunk is prefetched one chunk ahead, in two stages: when a
/// chunk has been gathered, the chunk before it is winnowed, and the rest of the chunk before that is scored.
struct Collector<Scorer: RowScoring>: ~Copyable {
    private let scorer: Scorer
    private let k: Int
    private var top: TopK
    private let collectsAll: Bool
    private var all: [Neighbor] = []
    private var rows: UnsafeMutablePointer<UInt32>
    private var gathered: UnsafeMutablePointer<UInt32>
    private var waiting: UnsafeMutablePointer<UInt32>
    private let distances: UnsafeMutablePointer<Float>
    private var count = 0
    private var gatheredCount = 0
    private var waitingCount = 0

    /// Rows that are scored before the list of the nearest is updated; few enough for the first cache.
    private static var chunkRows: Int { 64 }

    init(_ scorer: Scorer, k: Int, kernels: DistanceKernels) {
        self.scorer = scorer
        self.k = k
        collectsAll = k > maximumKeptInPlace
        top = TopK(collectsAll ? 1 : k, kernels: kernels)
        // Winnowing may write three rows beyond the end.
        rows = .allocate(capacity: Self.chunkRows + 3)
        gathered = .allocate(capacity: Self.chunkRows + 3)
        waiting = .allocate(capacity: Self.chunkRows + 3)
        distances = .allocate(capacity: Self.chunkRows)
    }

    deinit {
        rows.deallocate()
        gathered.deallocate()
        waiting.deallocate()
        distances.deallocate()
    }

    mutating func add(_ more: UnsafePointer<UInt32>, _ moreCount: Int) {
        var done = 0
        while done < moreCount {
            let fitting = min(Self.chunkRows - count, moreCount - done)
            (rows + count).update(from: more + done, count: fitting)
            scorer.prefetchSketches(rows + count, fitting)
            count += fitting
            done += fitting
            if count == Self.chunkRows { advance() }
        }
    }

    /// Moves on by one chunk.
    private mutating func advance() {
        scoreWaiting()
        swap(&gathered, &waiting)
        waitingCount = gatheredCount == 0 ? 0 : scorer.winnow(waiting, gatheredCount, within: top.worst)
        swap(&rows, &gathered)
        gatheredCount = count
        count = 0
    }

    private mutating func scoreWaiting() {
        guard waitingCount > 0 else { return }
        scorer.score(waiting, waitingCount, distances)
        if collectsAll {
            for i in 0..<waitingCount where !distances[i].isNaN {
                all.append(Neighbor(distance: distances[i], row: waiting[i]))
            }
        } else {
            top.offer(distances, rows: waiting, count: waitingCount)
        }
        waitingCount = 0
    }

    consuming func finish() -> [Neighbor] {
        while count + gatheredCount + waitingCount > 0 { advance() }
        return collectsAll ? Array(all.sorted().prefix(k)) : top.neighbors()
    }
}
