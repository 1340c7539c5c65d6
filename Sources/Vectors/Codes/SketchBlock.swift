import CKernels

// One bit a component, read before the four bits of the code. Most rows that a walk meets are much farther than the
// last row of its pool. The signs of a row, in one cache line for 384 components, show this, and the three lines of its
// code need not be read.
//
// The inner product of a query with a row's signs, scaled, has no bias. If all components were alike, its error would
// have a standard deviation of |q| · error(row) (`ck_sketch_row`). They are not alike, so some rows are compared with
// others first, and the ratio of the measured deviation to that one enters the margin. A row is left out if its error
// would have to exceed `deviations` standard deviations for the row to be nearer than the last of the pool.

/// The sketches of the rows of one `CodeBlock`.
package final class SketchBlock: @unchecked Sendable {
    package let codes: CodeBlock
    package let layout: UnsafeMutablePointer<ck_sketches>
    /// The codes, with their scales and biases read from the sketches, which the processor has just loaded.
    @usableFromInline let codeLayout: UnsafeMutablePointer<ck_codes>
    /// Words of a sketch; whole cache lines.
    package let stride: Int
    /// The standard deviation of these rows' errors, divided by the one they would have if all components were alike.
    package private(set) var spread: Float = 1
    private let mapping: PageMapping

    /// Reading a code of fewer than three cache lines is as quick as reading a sketch.
    private static let leastCodeBytes = 192
    /// The margins, in standard deviations of the error. With two, one in forty of the rows near the limit is left out
    /// by mistake. A walk uses less, because one row left out by mistake seldom matters, and building a graph uses less
    /// again.
    package static let (scanDeviations, walkDeviations, buildDeviations): (Float, Float, Float) = (2, 1.5, 1)
    /// If the errors deviate more than this, nearly every row would have to be kept.
    private static let mostSpread: Float = 2
    /// How many rows are tried as queries, and with how many rows each is compared.
    private static let (triedQueries, triedRows) = (32, 64)

    /// Makes the sketches of all rows; nil if they would not save anything.
    package init?(_ codes: CodeBlock) {
        guard codes.kind == .nibbles, codes.stride >= Self.leastCodeBytes, codes.count > 0 else { return nil }
        self.codes = codes
        stride = ck_sketch_words(codes.dimension)
        mapping = PageMapping(byteCount: codes.count * stride * MemoryLayout<UInt64>.stride)
        let words = mapping.start.bindMemory(to: UInt64.self, capacity: codes.count * stride)
        for row in 0..<codes.count {
            ck_sketch_row(
                codes.codes + row * codes.stride, codes.dimension, codes.scales[row], codes.biases?[row] ?? 0,
                words + row * stride)
        }
        layout = .allocate(capacity: 1)
        layout.initialize(to: ck_sketches(words: words, stride: stride, has_biases: codes.biases == nil ? 0 : 1))
        let heads = UnsafeRawPointer(words).assumingMemoryBound(to: Float.self)
        codeLayout = .allocate(capacity: 1)
        codeLayout.initialize(
            to: ck_codes(
                codes: codes.codes, stride: codes.stride, scales: heads + 3,
                biases: codes.biases == nil ? nil : heads + 2, head_stride: 2 * stride))
        spread = spreadSeen()
        // NaN if all rows are alike.
        guard spread <= Self.mostSpread else { return nil }
    }

    /// The sketches of `codes` if they save reads and this processor counts bits quickly; otherwise nil.
    package static func paying(for codes: CodeBlock) -> SketchBlock? {
        ck_winnow_pays(codes.kernels.table) == 0 ? nil : SketchBlock(codes)
    }

    deinit {
        layout.deallocate()
        codeLayout.deallocate()
    }

    /// Bytes in memory.
    package var byteCount: Int { codes.count * stride * MemoryLayout<UInt64>.stride }

    /// Words of a query's planes.
    package static func planeWords(dimension: Int) -> Int { 3 * ck_sketch_words(dimension) }

    /// Turns a coded query into a query for sketches. Its planes are written to `planes` (`planeWords`), which must
    /// outlive the result.
    ///
    /// - Parameter deviations: A row is left out although it may be nearer by at most this many standard deviations.
    package func query(
        _ coded: ck_code_query, _ planes: UnsafeMutablePointer<UInt64>, deviations: Float = scanDeviations
    ) -> ck_sketch_query {
        var step: Float = 0
        var squares: Int32 = 0
        let sum = codes.kernels.table.pointee.sketch_planes(coded.values, codes.dimension, planes, &step, &squares)
        // A nibble's factor is half of a byte's.
        let factor = 2 * coded.factor
        let length = factor * Float(squares).squareRoot()
        return ck_sketch_query(
            planes: planes, base: coded.base, factor: step * factor, slack: deviations * spread * length,
            sum: sum)
    }

    /// The distance of `row` by its sketch, and the standard deviation of that distance's error for a query of length
    /// 1.
    package func estimate(_ row: Int, _ query: ck_sketch_query) -> (distance: Float, error: Float) {
        let words = UnsafePointer(layout.pointee.words) + row * stride
        let head = UnsafeRawPointer(words).loadUnaligned(as: SIMD4<Float>.self)
        var sum: Int32 = 0
        for plane in 0..<3 {
            let own = query.planes + plane * stride
            let bits = (2..<stride).reduce(0) { $0 + (words[$1] & own[$1]).nonzeroBitCount }
            sum += Int32(bits) * (plane == 2 ? -4 : 1 << Int32(plane))
        }
        return (query.base + head[2] - query.factor * head[0] * Float(2 * sum - query.sum), head[1])
    }

    /// Compares some rows with others: the error of sketches against codes, as a share of `slack · error`.
    private func spreadSeen() -> Float {
        let vector = UnsafeMutablePointer<Float>.allocate(capacity: codes.dimension)
        let planes = UnsafeMutablePointer<UInt64>.allocate(capacity: 3 * stride)
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: codes.queryBytes, alignment: 64)
        defer {
            vector.deallocate()
            planes.deallocate()
            buffer.deallocate()
        }
        var squares: Float = 0, counted: Float = 0
        for tried in 0..<Self.triedQueries {
            codes.decode(codes.count * tried / Self.triedQueries, to: vector)
            var coded = codes.query(vector, buffer)
            let query = query(coded, planes)
            let scorer = CodeScorer(query: &coded, block: codes)
            for other in 0..<Self.triedRows {
                let row = codes.count * other / Self.triedRows
                let (distance, error) = estimate(row, query)
                let expected = query.slack / Self.scanDeviations * error
                guard expected > 0 else { continue }
                let off = (distance - scorer.distance(UInt32(row))) / expected
                squares += off * off
                counted += 1
            }
        }
        return (squares / counted).squareRoot()
    }
}

extension CodeBlock {
    /// The vector that the code of `row` represents; only for nibbles.
    package func decode(_ row: Int, to vector: UnsafeMutablePointer<Float>) {
        precondition(kind == .nibbles)
        let own = codes + row * stride
        for i in 0..<dimension {
            let byte = own[i / 128 * 64 + i % 64]
            let code = i % 128 < 64 ? byte & 15 : byte >> 4
            vector[i] = mean[i] + scales[row] * (Float(code) - 7.5)
        }
    }
}

/// Rows of codes with their sketches, if they have any.
package struct SketchedScorer: RowScoring {
    @usableFromInline let codes: CodeScorer
    @usableFromInline let sketches: UnsafePointer<ck_sketches>?
    @usableFromInline let sketchQuery: UnsafePointer<ck_sketch_query>?
    @usableFromInline let kernel: ck_winnow_fn

    /// `query`, which belongs to `sketches`, and the memory it points to must outlive the scorer, as must the query of
    /// `codes`.
    package init(codes: CodeScorer, sketches: SketchBlock? = nil, query: UnsafePointer<ck_sketch_query>? = nil) {
        self.codes = sketches.map { codes.reading($0.codeLayout) } ?? codes
        self.sketches = sketches.map { UnsafePointer($0.layout) }
        sketchQuery = query
        kernel = (sketches?.codes.kernels ?? .best).table.pointee.winnow
    }

    @inlinable package func score(
        _ rows: UnsafePointer<UInt32>, _ count: Int, _ distances: UnsafeMutablePointer<Float>
    ) {
        codes.score(rows, count, distances)
    }

    @inlinable package func prefetch(_ rows: UnsafePointer<UInt32>, _ count: Int) { codes.prefetch(rows, count) }

    @inlinable package func prefetchSketches(_ rows: UnsafePointer<UInt32>, _ count: Int) {
        guard let sketches else { return codes.prefetch(rows, count) }
        let bytes = sketches.pointee.stride &* 8
        ck_prefetch_rows(sketches.pointee.words, bytes, bytes, rows, count)
    }

    package func winnow(_ rows: UnsafeMutablePointer<UInt32>, _ count: Int, toNearest wanted: Int) -> Int {
        guard let sketches, let sketchQuery else { return count }
        guard wanted < count else {
            codes.prefetch(rows, count)
            return count
        }
        let table = codes.kernels.table
        return withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { estimates in
            withUnsafeTemporaryAllocation(of: Int64.self, capacity: count) { keys in
                guard let estimates = estimates.baseAddress, let keys = keys.baseAddress else { return count }
                table.pointee.estimate_rows(sketchQuery, sketches, rows, count, estimates)
                let kept = min(table.pointee.sort_keys(estimates, rows, count, keys), wanted)
                for i in 0..<kept { rows[i] = ck_key_row(keys[i]) }
                codes.prefetch(rows, kept)
                return kept
            }
        }
    }

    package func nearest(of table: EntryTable, _ found: UnsafeMutablePointer<UInt32>) -> Int {
        table.nearest(codes.query, sketchQuery, found)
    }

    @inlinable package func winnow(_ rows: UnsafeMutablePointer<UInt32>, _ count: Int, within limit: Float) -> Int {
        guard let sketches, let sketchQuery else { return count }
        let kept = kernel(sketchQuery, sketches, rows, count, limit)
        codes.prefetch(rows, kept)
        return kept
    }
}
