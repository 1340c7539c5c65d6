import CKernels
import Vectors

/// The rows over which a graph is built: each of them can be the query.
protocol RowSpace: Sendable {
    associatedtype Scorer: RowScoring

    var metric: Metric { get }

    /// Two rows count as copies of one vector up to this distance (1 − cosine for cosine).
    var copyDistance: Float { get }

    /// The least distance of `row` to the rows of `rows`, infinity if there are none; stops after the first four rows
    /// of which one is nearer than `enough`. May overwrite `slot`.
    func nearest(
        to row: UInt32, among rows: UnsafePointer<UInt32>, _ count: Int, enough: Float,
        _ slot: UnsafeMutablePointer<ck_code_query>
    ) -> Float

    /// Scores against `row`; `slot` must not change as long as the scorer is used.
    func scorer(row: Int, in slot: UnsafeMutablePointer<ck_code_query>) -> Scorer

    /// The scorer of a walk to the neighbours of a row; may be coarser than `Scorer`.
    associatedtype Walker: RowScoring

    /// Bytes that `walker` needs for a coded query, and words for a query for sketches.
    var walkerBytes: Int { get }
    var planeWords: Int { get }

    /// Whether walkers give the same distances as scorers, so that the rows a walk finds need not be scored again.
    var walksExactly: Bool { get }

    /// Scores a walk towards `row`. The coded query in `scratch` must not change as long as the walker is used. Its
    /// distances may differ from the true ones by a number that is the same for all rows.
    func walker(row: Int, in scratch: WalkScratch) -> Walker
}

/// Rows of floats.
struct FloatSpace: RowSpace {
    let block: VectorBlock
    let metric: Metric

    /// Cosine's 1 − ⟨a, a⟩ is not exactly 0 in float32; for dot, no distance means "the same vector".
    var copyDistance: Float { metric == .cosine ? 1e-6 : metric == .dot ? -.infinity : 0 }

    @inline(__always)
    func scorer(row: Int, in slot: UnsafeMutablePointer<ck_code_query>) -> FloatScorer {
        FloatScorer(query: block.vector(row), block: block, metric: metric)
    }

    func nearest(
        to row: UInt32, among rows: UnsafePointer<UInt32>, _ count: Int, enough: Float,
        _ slot: UnsafeMutablePointer<ck_code_query>
    ) -> Float {
        let scorer = scorer(row: Int(row), in: slot)
        var nearest = Float.infinity
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 4) { distances in
            guard let four = distances.baseAddress else { return }
            var i = 0
            while i < count && !(nearest < enough) {
                let batch = min(4, count - i)
                scorer.score(rows + i, batch, four)
                for n in 0..<batch { nearest = min(nearest, four[n]) }
                i += batch
            }
        }
        return nearest
    }

    let walkerBytes = 0
    let planeWords = 0
    let walksExactly = true

    @inline(__always)
    func walker(row: Int, in scratch: WalkScratch) -> FloatScorer { scorer(row: row, in: scratch.query) }
}

/// Rows of 8-bit codes that are walked over by their 4-bit codes: a walk scores a thousand rows by half the bytes, and
/// neighbours are chosen by the finer codes.
struct CodeSpace: RowSpace {
    let block: CodeBlock
    let walking: CodeBlock
    let sketches: SketchBlock?

    let copyDistance: Float
    private let kernel = DistanceKernels.best.table.pointee.nearest_bytes

    var metric: Metric { block.metric }

    /// Half a step of 127 in every component, as a share of the squared length of a vector.
    private static let codeError: Float = 2e-3

    init(block: CodeBlock, walking: CodeBlock, sketches: SketchBlock?) {
        self.sketches = sketches
        precondition(block.kind == .bytes && walking.kind == .nibbles)
        self.block = block
        self.walking = walking
        switch block.metric {
        case .cosine: copyDistance = Self.codeError
        case .euclidean:
            let squares = UnsafeBufferPointer(start: block.biases, count: block.biases == nil ? 0 : block.count)
            copyDistance = Self.codeError * squares.reduce(0, +) / Float(max(block.count, 1))
        case .dot, .manhattan: copyDistance = -.infinity
        }
    }

    @inline(__always)
    func scorer(row: Int, in slot: UnsafeMutablePointer<ck_code_query>) -> CodeScorer {
        slot.pointee = block.query(row: row)
        return CodeScorer(query: slot, block: block)
    }

    @inline(__always)
    func nearest(
        to row: UInt32, among rows: UnsafePointer<UInt32>, _ count: Int, enough: Float,
        _ slot: UnsafeMutablePointer<ck_code_query>
    ) -> Float {
        slot.pointee = block.query(row: Int(row))
        return kernel(slot, block.layout, rows, count, enough)
    }

    var walkerBytes: Int { walking.queryBytes }
    var planeWords: Int { SketchBlock.planeWords(dimension: walking.dimension) }
    let walksExactly = false

    @inline(__always)
    func walker(row: Int, in scratch: WalkScratch) -> SketchedScorer {
        scratch.query.pointee = walking.query(row: row, of: block, scratch.queryCodes)
        return scratch.scorer(of: walking, sketches, deviations: SketchBlock.buildDeviations)
    }
}
