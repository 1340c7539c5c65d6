import GRDB
import Synchronization
import Vectors

/// The floats of one dense vector name in one segment: in memory, or in the file and read row by row.
///
/// A stored segment answers before its floats are in memory: the codes of a graph give the candidates, and the few rows
/// that decide the answer are read. After the floats have been loaded (`settle`), no row is read any more. A schema may
/// keep the floats on disk (`DenseVectorSchema.isOnDisk`); then rows are always read.
final class SegmentFloats: Sendable {
    private let memory: Mutex<Resident?>
    /// Reads rows that are not in memory; nil while a segment grows.
    private let stored: StoredFloats?
    /// The bounds of the codes' errors, measured by the first exact search that can use them.
    private let bounds = Mutex<CodeBounds?>(nil)
    /// Codes of the rows if there is no graph with codes.
    private let fresh = FreshCodes()

    /// All floats of a segment. `lost` rows could not be read and are never scored.
    struct Resident: Sendable {
        let block: VectorBlock
        var lost = RowSet()
    }

    /// Floats of a segment that was made in this process. The row of a point without the vector is all zeros.
    init(_ block: VectorBlock, stored: StoredFloats? = nil) {
        memory = Mutex(Resident(block: block))
        self.stored = stored
    }

    init(_ stored: StoredFloats) {
        memory = Mutex(nil)
        self.stored = stored
    }

    /// Nil while the floats are only in the file.
    var resident: Resident? { memory.withLock { $0 } }

    func settle(_ resident: Resident) { memory.withLock { $0 = resident } }

    /// The block to which a growing segment appends rows.
    var growing: VectorBlock {
        guard let resident, stored == nil else { preconditionFailure("only a growing segment takes rows") }
        return resident.block
    }

    /// The `k` nearest of `candidates`, exactly; `damaged` counts the rows that could not be read.
    ///
    /// - Throws: `ViewOvertaken` if a row is no longer in the file; the errors of SQLite.
    func rescored(
        _ candidates: [Neighbor], _ query: UnsafePointer<Float>, metric: Metric, k: Int, scoresAll: Bool,
        damaged: inout Int
    ) throws -> [Neighbor] {
        if let resident {
            let known =
                resident.lost.isEmpty
                ? candidates : candidates.filter { !resident.lost.contains(Int($0.row)) }
            return resident.block.rescored(known, query, metric: metric, k: k, scoresAll: scoresAll)
        }
        guard let stored else { preconditionFailure("floats are in memory or in the file") }
        let rescoring = Rescoring(candidates, k: k, scoresAll: scoresAll, isFrugal: true)
        let kernels = DistanceKernels.best
        return try rescoring.run { rows, count, scores in
            scores.update(repeating: .nan, count: count)
            damaged += try stored.forEach(UnsafeBufferPointer(start: rows, count: count)) { place, vector in
                scores[place] = kernels.distance(metric, query, vector, dimension: stored.dimension)
            }
        }
    }

    /// Up to this many selected rows, scoring all of them by floats is as quick as scoring them by codes first.
    private static let leastBounded = 1024

    /// The `k` nearest of the selected rows to each query, exactly.
    ///
    /// - Parameters:
    ///   - queries: `queryCount × dimension`, row-major; normalised for cosine.
    ///   - codes: the rows as 4-bit codes, if there are any; with them most floats need not be read.
    /// - Returns: one list a query, nearest first.
    func nearest(
        _ k: Int, to queries: UnsafeBufferPointer<Float>, queryCount: Int, metric: Metric, in selection: RowSelection,
        codes: CodeBlock?, damaged: inout Int
    ) throws -> [[Neighbor]] {
        guard let first = queries.baseAddress, queryCount > 0 else { return [] }
        let dimension = queries.count / queryCount
        guard let resident else {
            return try (0..<queryCount).map {
                try nearestStored(k, to: first + $0 * dimension, metric: metric, in: selection, damaged: &damaged)
            }
        }
        var selection = selection
        if !resident.lost.isEmpty {
            var deleted = selection.deleted ?? RowSet(rowCount: selection.rowCount)
            deleted.formUnion(resident.lost)
            selection = RowSelection(rowCount: selection.rowCount, allowed: selection.allowed, deleted: deleted)
        }
        let flat = FlatIndex(block: resident.block, metric: metric, rowCount: selection.rowCount)
        func scan(_ codes: CodeBlock, _ bounds: CodeBounds, _ selection: RowSelection) -> [[Neighbor]] {
            codes.nearestExactly(
                k, to: first, queryCount: queryCount, floats: resident.block, bounds: bounds, in: selection)
        }
        func scanFloats(_ allowed: RowSet?, _ deleted: RowSet?) -> [[Neighbor]] {
            flat.searchBatch(queries, queryCount: queryCount, k: k, allowed: allowed, deleted: deleted)
        }
        if k <= CodeBlock.maximumBoundedNeighbors, selection.count() >= Self.leastBounded {
            if let codes {
                return scan(codes, bounds(of: codes, resident.block, rowCount: selection.rowCount), selection)
            }
            if let coded = fresh.coded(of: resident.block, metric, rowCount: selection.rowCount) {
                let end = min(coded.bounds.rowCount, selection.rowCount)
                let found = scan(
                    coded.codes, coded.bounds,
                    RowSelection(rowCount: end, allowed: selection.allowed, deleted: selection.deleted))
                guard end < selection.rowCount else { return found }
                return zip(found, scanFloats(selection.rows(from: end), nil)).map {
                    Array(($0 + $1).sorted().prefix(k))
                }
            }
        }
        return scanFloats(selection.allowed, selection.deleted)
    }

    /// Codes the rows in the background for later searches, unless the floats are only in the file; `metric` is always
    /// the same.
    func code(_ metric: Metric, rowCount: Int) {
        if let resident { _ = fresh.coded(of: resident.block, metric, rowCount: rowCount) }
    }

    private func bounds(of codes: CodeBlock, _ block: VectorBlock, rowCount: Int) -> CodeBounds {
        bounds.withLock { bounds in
            if let bounds, bounds.rowCount >= rowCount { return bounds }
            let measured = CodeBounds(codes, floats: block, rowCount: rowCount)
            bounds = measured
            return measured
        }
    }

    private func nearestStored(
        _ k: Int, to query: UnsafePointer<Float>, metric: Metric, in selection: RowSelection, damaged: inout Int
    ) throws -> [Neighbor] {
        guard let stored else { preconditionFailure("floats are in memory or in the file") }
        var best: [Neighbor] = []
        damaged += try selection.rows.withUnsafeBufferPointer { rows in
            try stored.forEach(rows) { place, vector in
                let distance = DistanceKernels.best.distance(metric, query, vector, dimension: stored.dimension)
                best.append(Neighbor(distance: distance, row: rows[place]))
                if best.count >= 4 * k + 1024 {
                    best.sort()
                    best.removeLast(best.count - k)
                }
            }
        }
        best.sort()
        return Array(best.prefix(k))
    }

    /// Calls `body` with every row of `rows` (ascending) and its floats; returns how many could not be read.
    func forEach(_ rows: [UInt32], _ body: (UInt32, UnsafePointer<Float>) throws -> Void) throws -> Int {
        if let resident {
            for row in rows where !resident.lost.contains(Int(row)) {
                try body(row, resident.block.vector(Int(row)))
            }
            return resident.lost.isEmpty ? 0 : rows.count { resident.lost.contains(Int($0)) }
        }
        guard let stored else { preconditionFailure("floats are in memory or in the file") }
        return try rows.withUnsafeBufferPointer { rows in
            try stored.forEach(rows) { place, vector in try body(rows[place], vector) }
        }
    }
}

/// A row's floats are no longer in the file: another process has replaced the segments. Search a newer view.
package struct ViewOvertaken: Error {}

/// Reads the floats of some rows of one stored segment from the file, checked by their checksums.
struct StoredFloats: Sendable {
    private let file: CollectionFile
    private let sequences: AppendOnlyColumn<Int64>
    private let dimensions: [Int]
    /// The position of the vector's name in `CollectionSchema.denseNames`.
    private let slot: Int
    private let pages: RowPages

    /// Rows that are read before other callers may use the connection.
    private static let rowsPerTurn = 256
    /// Rows that one statement reads.
    private static let rowsPerStatement = 32
    private static let selectRows =
        "SELECT sequence, dense, checksum FROM vectors WHERE sequence IN ("
        + String(repeating: "?,", count: rowsPerStatement - 1) + "?)"

    /// - Parameter pages: the pages of the rows of `sequences`; all vector names of a segment share them.
    init(file: CollectionFile, sequences: AppendOnlyColumn<Int64>, schema: CollectionSchema, slot: Int, pages: RowPages)
    {
        (self.file, self.sequences, self.slot, self.pages) = (file, sequences, slot, pages)
        dimensions = schema.denseDimensions
    }

    var dimension: Int { dimensions[slot] }

    /// Calls `body` with the position in `rows` and the floats of every row that could be read, in any order; returns
    /// how many could not be read.
    func forEach(
        _ rows: UnsafeBufferPointer<UInt32>, _ body: (Int, UnsafePointer<Float>) throws -> Void
    ) throws -> Int {
        var damaged = 0
        // Read once: counting references to these would cost more than a row.
        let (slot, cipher, sequences) = (slot, file.cipher, sequences)
        try dimensions.withUnsafeBufferPointer { dimensions in
            try withUnsafeTemporaryAllocation(of: Float.self, capacity: dimension) { floats in
                guard let start = floats.baseAddress else { return }
                /// - Parameter db: the connection that the row is being read on, where it is SQLite's.
                func take(_ place: Int, _ dense: UnsafeRawBufferPointer, _ db: Database?) throws {
                    let isWhole = cipher.withPlain(dense, .dense(sequence: sequences[Int(rows[place])])) {
                        DenseLayout.copy(slot, of: $0, dimensions, to: start)
                    }
                    if isWhole == true {
                        try body(place, start)
                    } else {
                        // Its checksum holds: it may be laid out by a newer schema.
                        try requireLayout(db)
                        damaged += 1
                    }
                }
                let missing = try forEachInPages(rows) { try take($0, $1, nil) }
                for first in Swift.stride(from: 0, to: missing.count, by: Self.rowsPerStatement) {
                    let part = missing[first..<min(missing.count, first + Self.rowsPerStatement)]
                    // One statement is one snapshot; a transaction around it would cost as much as the read.
                    damaged += try file.pool.unsafeRead { db in
                        try forEachSelected(part, of: rows, db) { try take($0, $1, db) }
                    }
                }
            }
        }
        return damaged
    }

    /// - Throws: `ViewOvertaken` when the rows are laid out otherwise now.
    private func requireLayout(_ db: Database?) throws {
        // A read within a read ends the process.
        let schema = try db.map { try file.schema($0) } ?? file.pool.unsafeRead { try file.schema($0) }
        if schema.denseDimensions != dimensions { throw ViewOvertaken() }
    }

    /// Calls `body` with the position in `rows` and the stored bytes of the rows that are at their known places in the
    /// file; returns the positions of the others.
    private func forEachInPages(
        _ rows: UnsafeBufferPointer<UInt32>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> [Int] {
        var missing: [Int] = []
        for first in Swift.stride(from: 0, to: rows.count, by: Self.rowsPerTurn) {
            let part = first..<min(rows.count, first + Self.rowsPerTurn)
            let unfound = try file.pages.withConnection { connection in
                try pages.read(UnsafeBufferPointer(rebasing: rows[part]), in: connection) {
                    try body(first + $0, $1)
                }
            }
            missing += unfound?.map { first + $0 } ?? Array(part)
        }
        return missing
    }

    /// Calls `body` with the stored bytes of the rows at `places` whose checksums are right; returns how many are
    /// damaged.
    private func forEachSelected(
        _ places: ArraySlice<Int>, of rows: UnsafeBufferPointer<UInt32>, _ db: Database,
        _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> Int {
        var wanted: [Int64: Int] = [:]
        for place in places { wanted[sequences[Int(rows[place])]] = place }
        let asked = places.map { sequences[Int(rows[$0])] }
        let padding = Array(repeating: Int64(-1), count: Self.rowsPerStatement - asked.count)
        var met = 0, damaged = 0
        try db.scan(Self.selectRows, StatementArguments(asked + padding)) { stored in
            let sequence = stored.integer(0)
            guard let place = wanted[sequence] else { return }
            met += 1
            let dense = stored.blob(1)
            guard Int64(StoredRow.denseChecksum(dense, sequence: sequence)) == stored.integer(2) else {
                damaged += 1
                return
            }
            try body(place, dense)
        }
        if met < wanted.count { throw ViewOvertaken() }
        return damaged
    }
}

/// The layout of the dense vectors of one row in `vectors.dense`: for each name a byte that says whether the row has
/// it, then the floats of those it has.
enum DenseLayout {
    /// Copies vector `slot` to `target`, zeros if the row does not have it; false if the bytes do not fit the
    /// dimensions.
    static func copy(
        _ slot: Int, of dense: UnsafeRawBufferPointer, _ dimensions: some Collection<Int>,
        to target: UnsafeMutablePointer<Float>
    ) -> Bool {
        var at = dimensions.count
        guard dense.count >= at, let start = dense.baseAddress else { return false }
        var fits = true
        for (i, dimension) in dimensions.enumerated() {
            let size = dimension * MemoryLayout<Float>.stride
            if i == slot {
                if dense[i] == 1 {
                    guard dense.count - at >= size else { return false }
                    UnsafeMutableRawPointer(target).copyMemory(from: start + at, byteCount: size)
                } else {
                    target.update(repeating: 0, count: dimension)
                }
            }
            if dense[i] == 1 { at += size }
            fits = fits && at <= dense.count
        }
        return fits && at == dense.count
    }
}
