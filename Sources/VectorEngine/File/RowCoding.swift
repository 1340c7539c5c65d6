import Dispatch
import GRDB
import JSON
import Synchronization
import Vectors

// The layout of one point in the file. Floats and integers are little-endian.
//
//     points.id       0x00 + u64 big-endian, or 0x01 + 16 bytes: sorts as PointID does
//     points.sparse   per sparse name in schema order: u32 count (0xFFFFFFFF: none), indices u32, values f32;
//                     then per multi name: u32 rows (0xFFFFFFFF: none), their floats
//     points.checksum CRC-32C of id, payload, sparse
//     vectors.dense   per dense name in schema order: u8 present; then the floats of those present
//     vectors.checksum CRC-32C of the sequence (i64) and dense

/// A point that was checked against its schema and can be written. It is an object, so that passing it on costs one
/// reference.
final class PreparedPoint: Sendable {
    /// The point as it was given, its multivectors as they are stored; `dense` has its dense vectors as they are
    /// stored.
    let point: Point
    /// The layout against which it was checked.
    let layout: RowLayout
    let key: [UInt8]
    let sparse: [UInt8]
    let dense: [UInt8]

    /// - Throws: `unknownVector`, `wrongDimension`, `notFinite`, `invalidArgument` (limits), `invalidPayload`.
    init(_ point: Point, layout: RowLayout) throws(EngineError) {
        var multi = point.vectors.multi
        guard point.payload.text.count <= EngineLimits.payloadBytes else {
            throw EngineError(
                .invalidArgument,
                "a payload has \(point.payload.text.count) bytes; at most \(EngineLimits.payloadBytes) are kept")
        }
        guard point.payload.isReadable else {
            throw EngineError(
                .invalidPayload,
                "a payload is nested deeper than \(JSONParser.maximumDepth) levels, and could not be read again")
        }
        for (name, vector) in point.vectors.sparse { try layout.schema.check(vector, name: name) }
        for (name, vector) in multi { multi[name] = try layout.schema.checked(vector, name: name) }
        var kept = point
        if !multi.isEmpty { kept.vectors.multi = multi }
        self.point = kept
        self.layout = layout
        key = point.id.key
        sparse = Self.encode(point.vectors.sparse, layout) + Self.encode(multi, layout)
        dense = try Self.encode(point.vectors.dense, layout)
    }

    /// Points of one task; for fewer points a thread costs more than it saves.
    static let pointsPerTask = 128

    /// Prepares all of `points`; many points are checked by as many threads as there are processors.
    static func all(_ points: [Point], layout: RowLayout) throws -> [PreparedPoint] {
        guard points.count > pointsPerTask else { return try points.map { try PreparedPoint($0, layout: layout) } }
        let parts = stride(from: 0, to: points.count, by: pointsPerTask).map { start in
            points[start..<min(points.count, start + pointsPerTask)]
        }
        let prepared = Mutex<[Result<[PreparedPoint], any Error>?]>(Array(repeating: nil, count: parts.count))
        DispatchQueue.concurrentPerform(iterations: parts.count) { i in
            let part = Result { try parts[i].map { try PreparedPoint($0, layout: layout) } }
            prepared.withLock { $0[i] = part }
        }
        return try prepared.withLock { try $0.flatMap { try $0?.get() ?? [] } }
    }

    private static func encode(_ vectors: [String: SparseVector], _ layout: RowLayout) -> [UInt8] {
        var bytes: [UInt8] = []
        for name in layout.sparseNames {
            guard let vector = vectors[name] else {
                bytes.append(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF])
                continue
            }
            withUnsafeBytes(of: UInt32(vector.count).littleEndian) { bytes.append(contentsOf: $0) }
            vector.indices.withUnsafeBytes { bytes.append(contentsOf: $0) }
            vector.values.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    private static func encode(_ vectors: [String: MultiVector], _ layout: RowLayout) -> [UInt8] {
        var bytes: [UInt8] = []
        for name in layout.multiNames {
            let rows = vectors[name].map { UInt32($0.rowCount) } ?? .max
            withUnsafeBytes(of: rows.littleEndian) { bytes.append(contentsOf: $0) }
            vectors[name]?.values.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    /// Checks the vectors and writes each in its stored form, in one pass over its floats.
    private static func encode(_ vectors: [String: [Float]], _ layout: RowLayout) throws(EngineError) -> [UInt8] {
        // In the layout's order; a name that it does not have is refused by the check.
        var found: [(vector: [Float], scale: Double?)?] = []
        found.reserveCapacity(layout.dense.count)
        var known = 0
        for (name, description) in layout.dense {
            guard let vector = vectors[name] else {
                found.append(nil)
                continue
            }
            known += 1
            found.append((vector, try description.scale(of: vector, name: name)))
        }
        if vectors.count > known {
            for name in vectors.keys { _ = try layout.schema.described(name) }
        }
        let size = found.reduce(found.count) { $0 + ($1?.vector.count ?? 0) * MemoryLayout<Float>.stride }
        return [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
            for (i, part) in found.enumerated() { bytes.initializeElement(at: i, to: part == nil ? 0 : 1) }
            var target = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(bytes)[found.count...])
            for case (let vector, let scale)? in found {
                vector.withUnsafeBufferPointer { vector in
                    if let scale {
                        for i in 0..<vector.count {
                            target.storeBytes(
                                of: Float(Double(vector[i]) * scale), toByteOffset: i * MemoryLayout<Float>.stride,
                                as: Float.self)
                        }
                    } else {
                        target.copyMemory(from: UnsafeRawBufferPointer(vector))
                    }
                }
                target = UnsafeMutableRawBufferPointer(
                    rebasing: target[(vector.count * MemoryLayout<Float>.stride)...])
            }
            count = size
        }
    }
}

extension DenseVectorSchema {
    /// The factor by which `vector` must be multiplied before it is stored, after checking it; nil if it is stored
    /// unchanged.
    ///
    /// - Throws: `wrongDimension`, `notFinite`.
    func scale(of vector: [Float], name: String) throws(EngineError) -> Double? {
        guard vector.count == dimension else {
            throw EngineError(
                .wrongDimension,
                "vector \(CollectionSchema.shown(name)) has \(vector.count) components, this collection keeps "
                    + "\(dimension)"
            )
        }
        // One product checks all components: if one of them is not finite, neither is the product.
        let product = DistanceKernels.best.dot(vector)
        if !product.isFinite, !vector.allSatisfy(\.isFinite) {
            throw EngineError(
                .notFinite,
                "vector \(CollectionSchema.shown(name)) holds NaN or infinity; every component must be a finite number")
        }
        guard metric == .cosine, abs(product - 1) >= 5e-7 else { return nil }
        let square = Self.square(of: vector)
        // A vector that already has length one, to float precision, keeps every bit; a zero vector has no direction.
        guard square > 0, abs(square - 1) > 1e-6 else { return nil }
        return 1 / square.squareRoot()
    }

    /// Σ x² in Double, in four independent sums: additions to a single sum would wait for each other.
    private static func square(of vector: [Float]) -> Double {
        vector.withUnsafeBufferPointer { vector in
            var (a, b, c, d) = (0.0, 0.0, 0.0, 0.0)
            var i = 0
            while i + 4 <= vector.count {
                a += Double(vector[i]) * Double(vector[i])
                b += Double(vector[i + 1]) * Double(vector[i + 1])
                c += Double(vector[i + 2]) * Double(vector[i + 2])
                d += Double(vector[i + 3]) * Double(vector[i + 3])
                i += 4
            }
            while i < vector.count {
                a += Double(vector[i]) * Double(vector[i])
                i += 1
            }
            return a + b + c + d
        }
    }
}

extension CollectionSchema {
    /// `vector` as it is stored and searched: checked, and of length one if the metric is cosine.
    func checked(_ vector: [Float], name: String) throws(EngineError) -> [Float] {
        guard let scale = try described(name).scale(of: vector, name: name) else { return vector }
        return vector.map { Float(Double($0) * scale) }
    }

    /// - Throws: `unknownVector`.
    func described(_ name: String) throws(EngineError) -> DenseVectorSchema {
        guard let known = dense[name] else { throw unknownVector(name, among: denseNames) }
        return known
    }

    /// Every row in the form that `checked(_:name:)` gives to a single vector of the same description.
    func checked(_ vector: MultiVector, name: String) throws(EngineError) -> MultiVector {
        guard let expected = multi[name] else { throw unknownVector(name, among: multiNames) }
        guard vector.rowCount <= EngineLimits.multiVectorRows else {
            throw EngineError(
                .invalidArgument, "a multivector has 1 to \(EngineLimits.multiVectorRows) rows, not \(vector.rowCount)")
        }
        let single = CollectionSchema(dense: [name: expected])
        var values: [Float] = []
        values.reserveCapacity(vector.values.count)
        for i in 0..<vector.rowCount { values += try single.checked(Array(vector.row(i)), name: name) }
        return MultiVector(dimension: expected.dimension, values: values)
    }

    func check(_ vector: SparseVector, name: String) throws(EngineError) {
        guard sparse[name] != nil else { throw unknownVector(name, among: sparseNames) }
        guard vector.count <= EngineLimits.sparseEntries else {
            throw EngineError(
                .invalidArgument,
                "sparse vector \(Self.shown(name)) has \(vector.count) entries; up to "
                    + "\(EngineLimits.sparseEntries) are kept"
            )
        }
        guard vector.values.allSatisfy(\.isFinite) else {
            throw EngineError(
                .notFinite,
                "sparse vector \(Self.shown(name)) holds NaN or infinity; every weight must be a finite number")
        }
    }

    fileprivate static func shown(_ name: String) -> String { name.isEmpty ? "(unnamed)" : "'\(name)'" }

    private func unknownVector(_ name: String, among names: [String]) -> EngineError {
        let known = names.isEmpty ? "none" : names.map(Self.shown).joined(separator: ", ")
        return EngineError(.unknownVector, "this collection has no such vector; it has: \(known)")
    }
}

extension PointID {
    /// The id as a key; the keys' bytes sort as the ids do.
    var key: [UInt8] {
        func bigEndian(_ number: UInt64) -> [UInt8] { withUnsafeBytes(of: number.bigEndian, Array.init) }
        return switch self {
        case .number(let number): [0] + bigEndian(number)
        case .uuid(let uuid): [1] + bigEndian(uuid.high) + bigEndian(uuid.low)
        }
    }

    init?(keyBytes: [UInt8]) {
        guard let id = keyBytes.withUnsafeBytes({ PointID(key: $0) }) else { return nil }
        self = id
    }

    init?(key: UnsafeRawBufferPointer) {
        func bigEndian(at offset: Int) -> UInt64 {
            UInt64(bigEndian: key.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        switch (key.first, key.count) {
        case (0, 9): self = .number(bigEndian(at: 1))
        case (1, 17): self = .uuid(UUIDBytes(high: bigEndian(at: 1), low: bigEndian(at: 9)))
        default: return nil
        }
    }
}

/// A stored row that was read and checked.
struct StoredRow: Sendable {
    let sequence: Int64
    let point: Point

    static let pointColumns = "p.sequence, p.id, p.payload, p.sparse, p.checksum"
    static let vectorColumns = "v.dense, v.checksum"

    /// Reads `pointColumns` and, with `hasDense`, `vectorColumns` after them.
    ///
    /// - Throws: `damaged` if a checksum or a layout is wrong.
    init(
        _ row: ScannedRow, schema: CollectionSchema, hasDense: Bool, cipher: RowCipher? = nil
    ) throws(EngineError) {
        let sequence = row.integer(0)
        self.sequence = sequence
        let (key, payload, sparse) = (row.blob(1), row.blob(2), row.blob(3))
        var checksum = crc32c(key)
        checksum = crc32c(payload, seed: checksum)
        checksum = crc32c(sparse, seed: checksum)
        guard Int64(checksum) == row.integer(4), let id = PointID(key: key) else { throw Self.damaged(sequence) }
        let idKey = Array(key)
        let decodedSparse = cipher.withPlain(sparse, .sparse(sequence: sequence, key: idKey)) {
            Self.decodeSparse($0, schema)
        }
        guard let (sparseVectors, multiVectors) = decodedSparse ?? nil,
            let text = cipher.plain(payload, .payload(sequence: sequence, key: idKey))
        else { throw Self.damaged(sequence) }
        var denseVectors: [String: [Float]] = [:]
        if hasDense {
            let dense = row.blob(5)
            guard Int64(Self.denseChecksum(dense, sequence: sequence)) == row.integer(6),
                let decoded = cipher.withPlain(dense, .dense(sequence: sequence), { Self.decodeDense($0, schema) })
                    ?? nil
            else { throw Self.damaged(sequence) }
            denseVectors = decoded
        }
        point = Point(
            id: id, vectors: PointVectors(dense: denseVectors, sparse: sparseVectors, multi: multiVectors),
            payload: try Self.readable(text, sequence: sequence))
    }

    /// The payload of a row `id, payload, sparse, checksum`.
    static func payload(_ row: ScannedRow, sequence: Int64, _ cipher: RowCipher?) throws(EngineError) -> Payload {
        let payload = row.blob(1)
        let checksum = crc32c(row.blob(2), seed: crc32c(payload, seed: crc32c(row.blob(0))))
        guard Int64(checksum) == row.integer(3),
            let text = cipher.plain(payload, .payload(sequence: sequence, key: Array(row.blob(0))))
        else { throw damaged(sequence) }
        return try readable(text, sequence: sequence)
    }

    /// - Throws: `damaged` for a payload that is nested too deep: an earlier version has stored what nothing reads.
    private static func readable(_ text: [UInt8], sequence: Int64) throws(EngineError) -> Payload {
        let payload = Payload(validated: text)
        guard payload.isReadable else {
            throw EngineError(
                .damaged,
                "the payload of row \(sequence) is nested deeper than \(JSONParser.maximumDepth) levels; it is left "
                    + "out of every answer. Delete the point, store it again, or run: cortex verify --repair")
        }
        return payload
    }

    /// The checksum of a delete: of its change and the id's key.
    static func deletionChecksum(_ key: some Collection<UInt8>, sequence: Int64) -> Int64 {
        Int64(crc32c(key, seed: crc32c(sequence.littleEndianBytes)))
    }

    static func damaged(_ sequence: Int64) -> EngineError {
        EngineError(
            .damaged,
            "row \(sequence) on disk is damaged; it is left out of every answer. Run: cortex verify "
                + "--repair"
        )
    }

    static func denseChecksum(_ dense: some Collection<UInt8>, sequence: Int64) -> UInt32 {
        withUnsafeBytes(of: sequence.littleEndian) { crc32c(dense, seed: crc32c($0)) }
    }

    private static func decodeDense(_ bytes: UnsafeRawBufferPointer, _ schema: CollectionSchema) -> [String: [Float]]? {
        var vectors: [String: [Float]] = [:]
        guard forEachDense(bytes, schema, { vectors[$0] = Array($1) }) else { return nil }
        return vectors
    }

    /// Calls `body` with each vector that the row has; false if the layout does not fit the schema.
    static func forEachDense(
        _ bytes: UnsafeRawBufferPointer, _ schema: CollectionSchema, _ body: (String, [Float]) -> Void
    ) -> Bool {
        let names = schema.denseNames
        var at = names.count
        guard bytes.count >= at else { return false }
        for (i, name) in names.enumerated() where bytes[i] == 1 {
            let size = (schema.dense[name]?.dimension ?? 0) * MemoryLayout<Float>.stride
            guard bytes.count - at >= size else { return false }
            body(name, bytes.floats(at: at, count: size / MemoryLayout<Float>.stride))
            at += size
        }
        return at == bytes.count
    }

    /// Sparse vectors and multivectors; nil if the layout does not fit the schema.
    static func decodeSparse(
        _ bytes: UnsafeRawBufferPointer, _ schema: CollectionSchema
    ) -> (sparse: [String: SparseVector], multi: [String: MultiVector])? {
        var vectors: [String: SparseVector] = [:]
        var at = 0
        for name in schema.sparseNames {
            guard bytes.count - at >= 4 else { return nil }
            let raw = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
            at += 4
            if raw == .max { continue }
            let count = Int(raw)
            guard bytes.count - at >= 8 * count else { return nil }
            let indices = (0..<count).map {
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at + 4 * $0, as: UInt32.self))
            }
            let values = bytes.floats(at: at + 4 * count, count: count)
            vectors[name] = SparseVector(sorting: zip(indices, values).map { ($0, $1) })
            at += 8 * count
        }
        guard let multi = decodeMulti(bytes, from: at, schema) else { return nil }
        return (vectors, multi)
    }

    private static func decodeMulti(
        _ bytes: UnsafeRawBufferPointer, from start: Int, _ schema: CollectionSchema
    ) -> [String: MultiVector]? {
        var vectors: [String: MultiVector] = [:]
        var at = start
        for name in schema.multiNames {
            guard bytes.count - at >= 4, let dimension = schema.multi[name]?.dimension else { return nil }
            let raw = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
            at += 4
            if raw == .max { continue }
            let count = Int(raw) * dimension
            guard count > 0, bytes.count - at >= 4 * count else { return nil }
            vectors[name] = MultiVector(dimension: dimension, values: bytes.floats(at: at, count: count))
            at += 4 * count
        }
        return at == bytes.count ? vectors : nil
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func floats(at offset: Int, count: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { target, filled in
            UnsafeMutableRawBufferPointer(target).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: self[offset..<offset + 4 * count]))
            filled = count
        }
    }
}
