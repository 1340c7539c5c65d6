import CKernels

// One bit a component in front of the four of a code. Most rows that a walk meets are far behind the last of its pool:
// the signs of a row, in one cache line for 384 components, say so, and the three lines of its code stay unread.
//
// The inner product of a query with a row's signs, scaled, has no bias; how far it is off spreads by |q| · error(row)
// (`ck_sketch_row`). A row is left out when it would have to be off by more than `deviations` of that to be nearer than
// the last of the pool. For queries that lie far from all rows most distances are alike and little is left out; then a
// walk goes on without.

/// The sketches of the rows of one `CodeBlock`.
package final class SketchBlock: @unchecked Sendable {
    package let count: Int
    package let layout: UnsafeMutablePointer<ck_sketches>
    /// Words of a sketch, whole cache lines.
    package let stride: Int
    private let mapping: PageMapping

    /// Below so many lines a code is as quick to read as its sketch.
    private static let leastCodeBytes = 192
    /// Spreads by which a row may be nearer than it seems.
    package nonisolated(unsafe) static var deviations: Float = 2

    /// Draws the sketches of all rows; nil where they would not be read sooner than the codes themselves.
    package init?(_ codes: CodeBlock) {
        guard codes.kind == .nibbles, codes.stride >= Self.leastCodeBytes else { return nil }
        count = codes.count
        stride = ck_sketch_words(codes.dimension)
        mapping = PageMapping(byteCount: max(1, count * stride * 8))
        let words = mapping.start.bindMemory(to: UInt64.self, capacity: max(1, count * stride))
        for row in 0..<count {
            ck_sketch_row(
                codes.codes + row * codes.stride, codes.dimension, codes.scales[row], codes.biases?[row] ?? 0,
                words + row * stride)
        }
        layout = .allocate(capacity: 1)
        layout.initialize(to: ck_sketches(words: words, stride: stride))
    }

    deinit { layout.deallocate() }
}

/// Rows of codes with their sketches in front, where there are any.
package struct SketchedScorer: RowScoring {
    @usableFromInline let codes: CodeScorer
    @usableFromInline let sketches: UnsafePointer<ck_sketches>?
    @usableFromInline let sketchQuery: UnsafePointer<ck_sketch_query>
    @usableFromInline let sketchBytes: Int
    @usableFromInline let kernel: ck_winnow_fn

    package init(
        codes: CodeScorer, sketches: SketchBlock?, query: UnsafePointer<ck_sketch_query>,
        kernels: DistanceKernels = .best
    ) {
        self.codes = codes
        self.sketches = sketches.map { UnsafePointer($0.layout) }
        sketchBytes = (sketches?.stride ?? 0) * 8
        sketchQuery = query
        kernel = kernels.table.pointee.winnow
    }

    @inlinable package func score(
        _ rows: UnsafePointer<UInt32>, _ count: Int, _ distances: UnsafeMutablePointer<Float>
    ) {
        codes.score(rows, count, distances)
    }

    @inlinable package func prefetch(_ rows: UnsafePointer<UInt32>, _ count: Int) { codes.prefetch(rows, count) }

    @inlinable package func prefetchSketches(_ rows: UnsafePointer<UInt32>, _ count: Int) {
        guard let sketches else { return codes.prefetch(rows, count) }
        ck_prefetch_rows(sketches.pointee.words, sketchBytes, sketchBytes, rows, count)
    }

    @inlinable package func winnow(_ rows: UnsafeMutablePointer<UInt32>, _ count: Int, within limit: Float) -> Int {
        guard let sketches else { return count }
        let kept = kernel(sketchQuery, sketches, rows, count, limit)
        codes.prefetch(rows, kept)
        return kept
    }
}

extension CodeBlock {
    /// Turns a coded query into one for sketches, its planes in `planes` (4 sketches from a 64-byte boundary).
    package func sketchQuery(
        _ coded: ck_code_query, _ planes: UnsafeMutablePointer<UInt64>
    ) -> ck_sketch_query {
        let sum = ck_sketch_planes(coded.values, dimension, planes)
        // A nibble's factor is half of what a byte's is; a value is a sixteenth of a byte.
        let factor = 2 * coded.factor
        let length = lengthOfBytes(coded.values).squareRoot() * factor
        return ck_sketch_query(
            planes: planes, base: coded.base, factor: 16 * factor, slack: SketchBlock.deviations * length, sum: sum)
    }

    private func lengthOfBytes(_ values: UnsafePointer<UInt8>) -> Float {
        var sum: Int32 = 0
        for i in 0..<dimension {
            let value = Int32(Int8(bitPattern: values[i]))
            sum &+= value &* value
        }
        return Float(sum)
    }
}
