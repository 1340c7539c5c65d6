import CKernels

/// Scores rows of one block against one query; smaller is nearer. Walks and scans use rows only through this protocol.
package protocol RowScoring {
    /// Writes the distance of `rows[i]` to `distances[i]`, `i < count`.
    func score(_ rows: UnsafePointer<UInt32>, _ count: Int, _ distances: UnsafeMutablePointer<Float>)
    /// Prefetches the memory that `score` will read of `rows[i]`, `i < count`.
    func prefetch(_ rows: UnsafePointer<UInt32>, _ count: Int)
    /// Prefetches the memory that `winnow` will read.
    func prefetchSketches(_ rows: UnsafePointer<UInt32>, _ count: Int)
    /// Removes from `rows` (which has three more slots) those that are unlikely to be nearer than `limit`, prefetches
    /// the memory that `score` will read of the others, and returns how many remain.
    func winnow(_ rows: UnsafeMutablePointer<UInt32>, _ count: Int, within limit: Float) -> Int
    /// Keeps the `wanted` rows of `rows` that seem nearest, or all if rows have no sketches, prefetches the memory that
    /// `score` will read of them, and returns how many remain.
    func winnow(_ rows: UnsafeMutablePointer<UInt32>, _ count: Int, toNearest wanted: Int) -> Int
    /// Writes the rows of `table` at which to begin to `found` (which has `EntryTable.mostGroups` slots), the one that
    /// seems nearest first; returns how many, or zero if rows have no codes.
    func nearest(of table: EntryTable, _ found: UnsafeMutablePointer<UInt32>) -> Int
}

extension RowScoring {
    @inlinable package func prefetchSketches(_ rows: UnsafePointer<UInt32>, _ count: Int) { prefetch(rows, count) }

    @inlinable package func winnow(_ rows: UnsafeMutablePointer<UInt32>, _ count: Int, within limit: Float) -> Int {
        count
    }

    @inlinable package func winnow(_ rows: UnsafeMutablePointer<UInt32>, _ count: Int, toNearest wanted: Int) -> Int {
        count
    }

    @inlinable package func nearest(of table: EntryTable, _ found: UnsafeMutablePointer<UInt32>) -> Int { 0 }

    /// The distance of one row.
    @inlinable package func distance(_ row: UInt32) -> Float {
        var row = row
        var distance: Float = 0
        score(&row, 1, &distance)
        return distance
    }
}

/// The most bytes of a row that are prefetched; the processor's own prefetcher brings the rest of a longer row.
@usableFromInline let maximumPrefetchBytes = 384

/// Rows of floats, scored exactly.
package struct FloatScorer: RowScoring {
    @usableFromInline let query: UnsafePointer<Float>
    @usableFromInline let base: UnsafePointer<Float>
    @usableFromInline let dimension: Int
    @usableFromInline let prefetchBytes: Int
    @usableFromInline let kernel: ck_rows_fn

    /// `query` and `block` must outlive the scorer.
    package init(query: UnsafePointer<Float>, block: VectorBlock, metric: Metric, kernels: DistanceKernels = .best) {
        self.query = query
        base = UnsafePointer(block.base)
        dimension = block.dimension
        prefetchBytes = min(dimension * MemoryLayout<Float>.stride, maximumPrefetchBytes)
        kernel = kernels.rows(metric)
    }

    @inlinable package func score(
        _ rows: UnsafePointer<UInt32>, _ count: Int, _ distances: UnsafeMutablePointer<Float>
    ) {
        kernel(query, base, dimension, rows, count, distances)
    }

    @inlinable package func prefetch(_ rows: UnsafePointer<UInt32>, _ count: Int) {
        ck_prefetch_rows(base, dimension &* 4, prefetchBytes, rows, count)
    }
}

/// Rows of codes; distances are as accurate as the codes.
package struct CodeScorer: RowScoring {
    @usableFromInline let query: UnsafePointer<ck_code_query>
    @usableFromInline private(set) var layout: UnsafePointer<ck_codes>
    @usableFromInline let codes: UnsafePointer<UInt8>
    @usableFromInline let stride: Int
    @usableFromInline let prefetchBytes: Int
    @usableFromInline let kernel: ck_codes_fn
    @usableFromInline let kernels: DistanceKernels

    /// `query` and `block` must outlive the scorer.
    @inlinable package init(query: UnsafePointer<ck_code_query>, block: borrowing CodeBlock) {
        self.query = query
        layout = UnsafePointer(block.layout)
        codes = UnsafePointer(block.codes)
        stride = block.stride
        prefetchBytes = min(stride, maximumPrefetchBytes)
        kernel = block.scoreRows
        kernels = block.kernels
    }

    /// The same codes, with their scales and biases read from elsewhere.
    func reading(_ layout: UnsafePointer<ck_codes>) -> CodeScorer {
        var other = self
        other.layout = layout
        return other
    }

    @inlinable package func score(
        _ rows: UnsafePointer<UInt32>, _ count: Int, _ distances: UnsafeMutablePointer<Float>
    ) {
        kernel(query, layout, rows, count, distances)
    }

    @inlinable package func prefetch(_ rows: UnsafePointer<UInt32>, _ count: Int) {
        ck_prefetch_rows(codes, stride, prefetchBytes, rows, count)
        // Scales and biases in arrays of their own; those in sketches have just been read.
        guard layout.pointee.head_stride == 1 else { return }
        let layout = layout.pointee
        for i in 0..<count { ck_prefetch(layout.scales + Int(rows[i])) }
        if let biases = layout.biases { for i in 0..<count { ck_prefetch(biases + Int(rows[i])) } }
    }
}
