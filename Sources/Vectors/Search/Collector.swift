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
    selection.forEachBlock { collector.add($0, $1) }
    return collector.finish()
}

extension SketchedScorer {
    /// The `k` rows of the selection that are nearest by their codes; a sketch a row, and a distance for those left.
    package func nearest(_ k: Int, in selection: RowSelection) -> [Neighbor] {
        Vectors.nearest(k, in: selection, self, kernels: codes.kernels)
    }
}

/// Gathers rows into chunks and keeps the nearest. What is read of a chunk is asked for one chunk ahead, twice: when
/// one has been gathered, the one before is winnowed, and what was left of the one before that is scored.
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

    /// Rows scored between two looks at the list of the nearest; small enough for the first cache.
    private static var chunkRows: Int { 64 }

    init(_ scorer: Scorer, k: Int, kernels: DistanceKernels) {
        self.scorer = scorer
        self.k = k
        collectsAll = k > maximumKeptInPlace
        top = TopK(collectsAll ? 1 : k, kernels: kernels)
        // Winnowing may write three rows beyond.
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

    /// One chunk further.
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
