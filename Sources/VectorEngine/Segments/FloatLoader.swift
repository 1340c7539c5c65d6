import CKernels
import GRDB
import Vectors

/// Brings the floats of a stored segment into memory.
struct FloatLoader: Sendable {
    let file: CollectionFile
    let schema: CollectionSchema

    /// Rows read between two looks at whether the work is still wanted; each is one short snapshot.
    private static let rowsPerRead = 4096
    /// Rows after which answers go first.
    private static let rowsPerPause = 64

    /// Reads every row and hands the floats over to `rows`.
    ///
    /// - Returns: how many rows were damaged; nil when `isCancelled` said so, and nothing was handed over.
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
        // What the pages and the payload indexes were read with is not needed again.
        try file.pool.unsafeRead { $0.releaseMemory() }
        ck_return_freed_memory()
        // An empty set without words is asked in no time, and every search asks.
        let known = lost.isEmpty ? RowSet() : lost
        for (floats, block) in zip(rows.floats, blocks) { floats.settle(.init(block: block, lost: known)) }
        return damaged
    }

    private func read(
        _ range: Range<Int>, _ rows: SegmentRows, into blocks: [VectorBlock], _ dimensions: [Int], lost: inout RowSet
    ) throws -> Int {
        var next = range.lowerBound
        var damaged = 0
        // A row that is not there was deleted, and its floats with it.
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
