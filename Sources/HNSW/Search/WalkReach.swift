import CKernels
import Vectors

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

// How far a walk goes. A pool of fixed breadth expands as many nodes for a query with many equally near rows as for a
// query whose neighbours stand out, and the first query misses some. So a walk continues beyond its breadth as long as
// the next node is within a margin behind the k-th best: recall is higher at the same cost (distance-adaptive beam
// search, Al-Jazzazi et al., arXiv:2505.15636). The margin for a breadth follows from the rows: it is how much farther
// the neighbour of rank `breadth` is than the k-th, on average over some of them.

/// The distances of the nearest neighbours of a graph's rows, by rank; means over some rows.
struct DistanceProfile: Sendable {
    /// Mean distances of the neighbours of ranks 1, 2, 4, …; at least two, ascending.
    private let means: [Float]
    /// The mean length of the rows that were measured.
    private let queryLength: Float

    /// The measured ranks: the powers of two up to this one.
    static let largestRank = 128

    /// - Parameter distances: for every measured row, the distances of its neighbours, nearest first, at least
    ///   `largestRank`.
    init?(_ distances: [[Float]], queryLength: Float) {
        guard !distances.isEmpty, queryLength > 0 else { return nil }
        var rank = 1
        var means: [Float] = []
        while rank <= Self.largestRank {
            means.append(distances.reduce(0) { $0 + $1[rank - 1] } / Float(distances.count))
            rank *= 2
        }
        guard means.allSatisfy(\.isFinite) else { return nil }
        self.means = means
        self.queryLength = queryLength
    }

    /// How much farther the neighbour of rank `breadth` is than the neighbour of rank `k`, on average.
    ///
    /// - Parameter squaredLength: the query's squared length, where distances grow with it.
    func margin(from k: Double, to breadth: Double, _ squaredLength: Float?) -> Float {
        let margin = max(0, distance(at: breadth) - distance(at: k))
        return squaredLength.map { margin * $0.squareRoot() / queryLength } ?? margin
    }

    /// A straight line over the logarithm of the rank, between the measured ranks and beyond the last one.
    private func distance(at rank: Double) -> Float {
        let place = Float(max(0, log2(max(rank, 1))))
        let low = min(Int(place), means.count - 2)
        return means[low] + (place - Float(low)) * (means[low + 1] - means[low])
    }
}

/// Where a walk ends: `margin` beyond the `rank`-th nearest of the rows that count, or once the nearest `breadth` nodes
/// have been expanded, whichever is later.
struct WalkReach {
    let rank: Int
    let margin: Float
    let breadth: Int
    /// The rows that count; nil if all rows do.
    let selected: RowBits?
    /// Keys from this position of the pool on did not affect the end of the walk when it was last computed.
    private var decided = Int.max

    init(rank: Int, margin: Float, breadth: Int, selected: RowBits?) {
        (self.rank, self.margin, self.breadth, self.selected) = (rank, margin, breadth, selected)
    }

    /// The distance beyond which no node is expanded: infinity while the pool holds too few rows to tell, or if nothing
    /// has changed.
    ///
    /// - Parameter lowest: the first position of the pool that has changed since the last call.
    @inline(__always)
    mutating func end(_ pool: ck_pool, changedFrom lowest: Int) -> Float {
        let count = Int(pool.count)
        guard count >= breadth, count >= rank else { return .infinity }
        guard let selected else {
            return max(ck_key_distance(pool.keys[breadth &- 1]), ck_key_distance(pool.keys[rank &- 1]) + margin)
        }
        guard lowest < decided else { return .infinity }
        let place = Int(
            ck_place_of_selected(pool.keys, pool.count, Int64(rank), selected.words, selected.flip))
        guard place >= 0 else { return .infinity }
        decided = max(breadth, place &+ 1)
        return max(ck_key_distance(pool.keys[breadth &- 1]), ck_key_distance(pool.keys[place]) + margin)
    }
}

extension HNSWGraph {
    /// How many rows are measured, and the least number of rows for which a mean is meaningful.
    private static let (triedRows, leastProfiledRows) = (64, 4096)
    /// The breadth of a measuring walk, somewhat wider than the largest rank.
    private static let profileBreadth = DistanceProfile.largestRank * 5 / 4

    /// Walks to some of the rows; nil if there are too few. The links must have been read.
    func measuredProfile() -> DistanceProfile? {
        guard rowCount >= Self.leastProfiledRows else { return nil }
        var distances: [[Float]] = []
        var squares: Float = 0
        for tried in 0..<Self.triedRows {
            let row = rowCount * tried / Self.triedRows
            var vector = [Float](repeating: 0, count: rows.dimension)
            let found = vector.withUnsafeMutableBufferPointer { vector -> [Float] in
                guard let query = vector.baseAddress else { return [] }
                switch rows {
                case .floats(let block, _): query.update(from: block.vector(row), count: rows.dimension)
                case .codes(let block): block.decode(row, to: query)
                }
                squares += kernels.table.pointee.dot(query, query, rows.dimension)
                return neighborDistances(query, of: UInt32(row))
            }
            guard found.count >= DistanceProfile.largestRank else { return nil }
            distances.append(found)
        }
        return DistanceProfile(distances, queryLength: (squares / Float(Self.triedRows)).squareRoot())
    }

    /// Distances of the nearest rows to `query`, which is `row`, without that row itself.
    private func neighborDistances(_ query: UnsafePointer<Float>, of row: UInt32) -> [Float] {
        scratch.withScratch { scratch in
            switch rows {
            case .floats(let block, let metric):
                walkFromEntrance(FloatScorer(query: query, block: block, metric: metric), scratch)
            case .codes(let block):
                scratch.query.pointee = block.query(query, scratch.queryCodes)
                walkFromEntrance(scratch.scorer(of: block, sketches), scratch)
            }
            let pool = scratch.pool.pointee
            return (0..<Int(pool.count)).compactMap {
                ck_key_row(pool.keys[$0]) == row ? nil : ck_key_distance(pool.keys[$0])
            }
        }
    }

    private func walkFromEntrance(_ scorer: some RowScoring, _ scratch: WalkScratch) {
        let (position, others) = entrance(scorer, scratch)
        walk(
            storage.base.layer, scorer, scratch, breadth: Self.profileBreadth, from: position, others: others,
            kernels.table)
    }
}
