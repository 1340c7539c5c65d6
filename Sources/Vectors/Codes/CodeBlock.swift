import CKernels

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

// Vectors as codes, which take an eighth or a quarter of the bytes, so that a walk waits less for memory (Aguerrebere
// et al., LVQ, doi:10.14778/3611479.3611537). Distances by codes rank the candidates; the best candidates are scored
// again by their floats.
//
// A row x is coded as scale · code of r = x − mean. The mean is that of the first rows; for bytes it is zero unless the
// metric is L2. With ⟨q, x⟩ = ⟨q, mean⟩ + ⟨q, r⟩ and |q − x|² = |q − mean|² + |r|² − 2 ⟨q − mean, r⟩, one formula
// serves every metric:
//
//     distance = base(q) + bias(x) − factor(q) · scale(x) · Σ code(x) · code(q)

/// How many bits a component has as a code.
package enum CodeKind: UInt8, Sendable, Codable {
    /// 4 bits, for walking: 192 bytes for 384 components.
    case nibbles = 4
    /// 8 bits, for building a graph, which compares rows with each other.
    case bytes = 8
}

/// `count` rows as codes, in memory that never moves. An encoded row never changes.
package final class CodeBlock: @unchecked Sendable {
    package let kind: CodeKind
    package let metric: Metric
    package let dimension: Int
    package let count: Int
    /// `dimension` floats; zeros where no mean is subtracted.
    package let mean: [Float]
    /// Bytes of a row, a multiple of 64.
    package let stride: Int
    package let codes: UnsafeMutablePointer<UInt8>
    package let scales: UnsafeMutablePointer<Float>
    /// |r|² of each row; only for L2.
    package let biases: UnsafeMutablePointer<Float>?
    /// For each row the sum of the components that its code represents; only for bytes, where a row can be the query.
    private let sums: UnsafeMutablePointer<Int32>?
    package let layout: UnsafeMutablePointer<ck_codes>
    private let mapping: PageMapping
    @usableFromInline let kernels: DistanceKernels

    /// With fewer components than this, reading a row's floats is as quick as reading its codes, and 4 bits lose too
    /// much of each component.
    package static let minimumDimension = 64

    /// Whether rows of this shape can be coded: a Manhattan distance cannot be split into inner products.
    package static func supports(_ metric: Metric, dimension: Int) -> Bool {
        metric != .manhattan && dimension >= minimumDimension
    }

    /// Memory for `count` rows; none of them is encoded yet.
    package init(
        kind: CodeKind, metric: Metric, dimension: Int, count: Int, mean: [Float]? = nil,
        kernels: DistanceKernels = .best
    ) {
        precondition(metric != .manhattan && dimension > 0 && count >= 0 && count <= maximumRowCount)
        precondition(mean.map { $0.count == dimension } ?? true)
        self.kind = kind
        self.metric = metric
        self.dimension = dimension
        self.count = count
        self.kernels = kernels
        self.mean = mean ?? Array(repeating: 0, count: dimension)
        let perLine = kind == .nibbles ? 128 : 64
        stride = (dimension + perLine - 1) / perLine * 64
        mapping = PageMapping(byteCount: count * stride + 64)
        codes = mapping.start.bindMemory(to: UInt8.self, capacity: count * stride + 64)
        scales = .allocate(capacity: max(count, 1))
        scales.initialize(repeating: 0, count: max(count, 1))
        biases = metric == .euclidean ? .allocate(capacity: max(count, 1)) : nil
        biases?.initialize(repeating: 0, count: max(count, 1))
        sums = kind == .bytes ? .allocate(capacity: max(count, 1)) : nil
        sums?.initialize(repeating: 0, count: max(count, 1))
        layout = .allocate(capacity: 1)
        layout.initialize(
            to: ck_codes(
                codes: codes, stride: stride, scales: scales, biases: biases.map { UnsafePointer($0) }, head_stride: 1))
    }

    /// A block with copies of some rows of another block.
    convenience init(copying rows: [UInt32], of other: CodeBlock) {
        self.init(
            kind: other.kind, metric: other.metric, dimension: other.dimension, count: rows.count, mean: other.mean,
            kernels: other.kernels)
        for (place, row) in rows.enumerated() { adopt(Int(row), of: other, as: place) }
    }

    deinit {
        scales.deallocate()
        biases?.deallocate()
        sums?.deallocate()
        layout.deallocate()
    }

    /// Bytes in memory: codes, scales and biases.
    package var byteCount: Int { count * (stride + 4 + (biases == nil ? 0 : 4) + (sums == nil ? 0 : 4)) }

    /// Codes one row. Several threads may encode different rows at the same time; `scratch` has `dimension` floats.
    package func encode(_ row: Int, _ vector: UnsafePointer<Float>, scratch: UnsafeMutablePointer<Float>) {
        precondition(row >= 0 && row < count)
        let own = codes + row * stride
        var square: Float = 0
        for i in 0..<dimension {
            scratch[i] = vector[i] - mean[i]
            square += scratch[i] * scratch[i]
        }
        biases?[row] = square
        if kind == .nibbles {
            scales[row] = kernels.table.pointee.encode_nibbles(scratch, dimension, own)
        } else {
            scales[row] = kernels.table.pointee.encode_bytes(scratch, dimension, own)
            own.advanced(by: dimension).update(repeating: 128, count: stride - dimension)
            var sum: Int32 = 0
            for i in 0..<dimension { sum += Int32(own[i]) - 128 }
            sums?[row] = sum
        }
    }

    // MARK: Queries

    /// Bytes of a coded query: its codes, and for L2 the floats from which they were made.
    package var queryBytes: Int {
        (kind == .nibbles ? 2 * stride : stride) + (metric == .euclidean ? dimension * MemoryLayout<Float>.stride : 0)
    }

    /// Codes a query into `buffer`, which has `queryBytes` bytes from a 64-byte boundary and must outlive the result.
    package func query(_ vector: UnsafePointer<Float>, _ buffer: UnsafeMutableRawPointer) -> ck_code_query {
        let table = kernels.table.pointee
        let codeBytes = kind == .nibbles ? 2 * stride : stride
        let codes = buffer.bindMemory(to: UInt8.self, capacity: codeBytes)
        var centred = vector
        let base: Float
        if metric == .euclidean {
            let difference = (buffer + codeBytes).bindMemory(to: Float.self, capacity: dimension)
            for i in 0..<dimension { difference[i] = vector[i] - mean[i] }
            centred = UnsafePointer(difference)
            base = table.dot(centred, centred, dimension)
        } else {
            base = -table.dot(vector, mean, dimension)
        }
        let zero: UInt8 = kind == .bytes ? 128 : 0
        (codes + dimension).update(repeating: zero, count: codeBytes - dimension)
        var step: Float = 0
        let sum = table.encode_query(centred, dimension, zero, codes, &step)
        return coded(codes, base: base, step: step, sum: sum)
    }

    /// One of the rows as the query; only for bytes.
    package func query(row: Int) -> ck_code_query {
        guard let sums else { preconditionFailure("only a row of bytes can be a query; nibbles are too coarse") }
        return coded(codes + row * stride, base: biases?[row] ?? 0, step: scales[row], sum: sums[row])
    }

    /// A row of `finer`, which holds the same vectors in bytes, as a query for the nibbles of this block; it is coded
    /// into `buffer` (`queryBytes`). For cosine and dot its distances lack the part that the mean adds to all of them
    /// equally.
    package func query(row: Int, of finer: CodeBlock, _ buffer: UnsafeMutableRawPointer) -> ck_code_query {
        precondition(kind == .nibbles && finer.kind == .bytes && dimension == finer.dimension)
        precondition(metric != .euclidean || mean == finer.mean, "L2 codes of one row must have the same mean")
        let codes = buffer.bindMemory(to: UInt8.self, capacity: 2 * stride)
        let own = finer.codes + row * finer.stride
        // Adding 128 to the signed byte, modulo 256, gives the byte with its highest bit flipped.
        for i in 0..<dimension { codes[i] = own[i] ^ 0x80 }
        (codes + dimension).update(repeating: 0, count: 2 * stride - dimension)
        return coded(codes, base: finer.biases?[row] ?? 0, step: finer.scales[row], sum: finer.sums?[row] ?? 0)
    }

    private func coded(_ codes: UnsafePointer<UInt8>, base: Float, step: Float, sum: Int32) -> ck_code_query {
        // A nibble c represents c − 7.5. The kernel doubles its sum, so that the half stays an integer.
        let factor = (metric == .euclidean ? 2 : 1) * (kind == .nibbles ? step / 2 : step)
        return ck_code_query(
            values: codes, base: base, factor: factor, correction: kind == .nibbles ? 15 * sum : 128 * sum)
    }

    /// Scores rows against a coded query; smaller is nearer.
    @inlinable package var scoreRows: ck_codes_fn {
        kind == .nibbles ? kernels.table.pointee.codes_nibbles : kernels.table.pointee.codes_bytes
    }

    // MARK: Bytes

    /// Copies one row of another block of the same kind, dimension and mean.
    package func adopt(_ theirs: Int, of other: CodeBlock, as row: Int) {
        precondition(kind == other.kind && stride == other.stride && mean == other.mean)
        precondition(row < count && theirs < other.count)
        (codes + row * stride).update(from: other.codes + theirs * stride, count: stride)
        scales[row] = other.scales[theirs]
        if let biases, let known = other.biases { biases[row] = known[theirs] }
        if let sums, let known = other.sums { sums[row] = known[theirs] }
    }
}
