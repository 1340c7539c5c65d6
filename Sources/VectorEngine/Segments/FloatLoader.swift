import CKernels
import GRDB
import Vectors

/// Reads the floats of a stored segment into memory.
struct FloatLoader: Sendable {
    let file: CollectionFile
    let schema: CollectionSchema

    /// Rows that are read before the loader checks whether it is cancelled; each such read is one short snapshot.
    private static let rowsPerRead = 4096
    /// Rows after which other threads may run first.
    private static let rowsPerPause = 64

    /// Reads every row and passes the floats to `rows`.
    ///
    /// - Returns: the number of damaged rows; nil if `isCancelled` returned true, and then nothing was passed on.
    func load(_ rows: SegmentRows, rowCount: Int, isCancelled: () -> Bool) throws -> Int? {
        let dimensions = schema.denseDimensions
        let blocks = dimensions.map { VectorBlock(dimension: $0, capacity: rowCount) }
        for block in blocks { block.appendZeros(rows: rowCount) }
        var lost = RowSet(rowCount: rowCount)
        var damaged = 0
        for first in stride(from: 0, to: rowCount, by: Self.rowsPerRead) {
            if isCancelled() { return nil }
            let range = first..<min(first + Self.rowsPerRead, rowCount)
            damaged += try read(range, rows, into: blocks, dimensions, lost: &lost)
        }
        // The pages that were used for reading, also those of the payload indexes, are not needed again.
        try file.pool.unsafeRead { $0.releaseMemory() }
        ck_return_freed_memory()
        // An empty set without words is quick to ask, and every search asks it.
        let known = lost.isEmpty ? RowSet() : lost
        for (floats, block) in zip(rows.floats, blocks) { floats.settle(.init(block: block, lost: known)) }
        return damaged
    }

    private func read(
        _ range: Range<Int>, _ rows: SegmentRows, into blocks: [VectorBlock], _ dimensions: [Int], lost: inout RowSet
    ) throws -> Int {
        var next = range.lowerBound
        var damaged = 0
        // A row that is missing was deleted together with its floats.
        func skip(to sequence: Int64) {
            while next < range.upperBound, rows.sequences[next] < sequence {
                lost.insert(next)
                next += 1
            }
        }
        try file.pool.unsafeRead { db in
            try db.scan(
                "SELECT sequence, dense, checksum FROM vectors WHERE sequence BETWEEN ? AND ? ORDER BY sequence",
                [rows.sequences[range.lowerBound], rows.sequences[range.upperBound - 1]]
            ) { row in
                let sequence = row.integer(0)
                skip(to: sequence)
                guard next < range.upperBound, rows.sequences[next] == sequence else { return }
                let dense = row.blob(1)
                var isWhole = Int64(StoredRow.denseChecksum(dense, sequence: sequence)) == row.integer(2)
                if isWhole {
                    let at = next
                    isWhole =
                        file.cipher.withPlain(dense, .dense(sequence: sequence)) { dense in
                            blocks.enumerated().allSatisfy { slot, block in
                                DenseLayout.copy(slot, of: dense, dimensions, to: block.base + at * block.dimension)
                            }
                        } == true
                }
                if !isWhole {
                    // A whole row of another layout is none of this view's.
                    if try file.schema(db).denseDimensions != dimensions { throw ViewOvertaken() }
                    lost.insert(next)
                    damaged += 1
                }
                next += 1
                if next % Self.rowsPerPause == 0 { YieldingThread.pause() }
            }
        }
        skip(to: .max)
        return damaged
    }
}
