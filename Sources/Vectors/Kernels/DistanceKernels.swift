import CKernels

/// The distance kernels of one instruction set. `best` is chosen once in a process; the choice depends on the processor
/// alone.
package struct DistanceKernels: @unchecked Sendable {
    /// A constant of the C target: it lives as long as the process, and no code writes to it.
    package let table: UnsafePointer<ck_kernels>

    /// The fastest set that this machine can run.
    package static let best: DistanceKernels =
        DistanceKernels(level: ck_best_level()) ?? available[0]

    /// Every set this machine can run, the portable one first.
    package static let available: [DistanceKernels] =
        (0..<UInt32(CK_LEVEL_COUNT)).compactMap { DistanceKernels(level: ck_level(rawValue: $0)) }

    init?(level: ck_level) {
        guard let table = ck_kernels_at(level) else { return nil }
        self.table = table
    }

    /// `portable`, `avx2`, `avx512` or `neon`.
    package var name: String { String(cString: table.pointee.name) }

    /// The kernel that scores rows of a block against one query in `metric`; smaller is nearer.
    package func rows(_ metric: Metric) -> ck_rows_fn {
        switch metric {
        case .cosine, .dot: table.pointee.rows_dot
        case .euclidean: table.pointee.rows_l2_squared
        case .manhattan: table.pointee.rows_manhattan
        }
    }

    /// ⟨v, v⟩ in float32.
    package func dot(_ vector: [Float]) -> Float { table.pointee.dot(vector, vector, vector.count) }

    /// The distance of two vectors of `dimension` floats in `metric`; smaller is nearer.
    package func distance(
        _ metric: Metric, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, dimension: Int
    ) -> Float {
        switch metric {
        case .cosine, .dot: -table.pointee.dot(a, b, dimension)
        case .euclidean: table.pointee.l2_squared(a, b, dimension)
        case .manhattan: table.pointee.manhattan(a, b, dimension)
        }
    }
}
