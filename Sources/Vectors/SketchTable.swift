import CKernels

/// Copies of some rows' sketches, side by side: where every query reads all of them they stay near the processor, and
/// the nearest costs less than a few steps from row to row, each of which waits for memory.
package final class SketchTable: @unchecked Sendable {
    package let rows: [UInt32]
    private let layout: UnsafeMutablePointer<ck_sketches>
    private let kernel: ck_nearest_sketch_fn
    private let mapping: PageMapping

    /// - Parameter rows: rows of `sketches`, one at least.
    package init(_ rows: [UInt32], of sketches: SketchBlock) {
        precondition(!rows.isEmpty)
        self.rows = rows
        kernel = sketches.codes.kernels.table.pointee.nearest_sketch
        let stride = sketches.stride, all = sketches.layout.pointee
        mapping = PageMapping(byteCount: rows.count * stride * MemoryLayout<UInt64>.stride)
        let words = mapping.start.bindMemory(to: UInt64.self, capacity: rows.count * stride)
        for (place, row) in rows.enumerated() {
            (words + place * stride).update(from: all.words + Int(row) * stride, count: stride)
        }
        layout = .allocate(capacity: 1)
        layout.initialize(to: ck_sketches(words: words, stride: stride, has_biases: all.has_biases))
    }

    deinit { layout.deallocate() }

    /// The row whose sketch seems nearest to `query`.
    package func nearest(_ query: UnsafePointer<ck_sketch_query>) -> UInt32 {
        rows[Int(kernel(query, layout, UInt32(rows.count)))]
    }
}
