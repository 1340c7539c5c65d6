import HNSW
import Vectors

/// One segment as one moment saw it. Rows at and beyond `rowCount` do not exist yet for this view.
struct SegmentView: Sendable {
    /// Names the segment for as long as the process lives.
    var number: UInt32
    let rows: SegmentRows
    var rowCount: Int
    let indexes: SharedSegmentIndexes
    /// Payloads and multivectors.
    let contents: SegmentContents
    /// Rows by id; nil while the segment has not been sealed.
    var idIndex: IDIndex?
    /// Rows by id while the segment has no `idIndex`.
    let growingIDs = GrowingIDIndex()
    /// By dense vector name; a growing segment has none and is scored exactly.
    var graphs: [String: HNSWGraph] = [:]
    /// What reads the links of graphs that came without them.
    var comingLinks: [DeferredWork] = []
    var deleted = RowSet()
    var deletedCount = 0
    /// The row of `segments` in the file; nil while the segment lives in the points table alone.
    var storedID: Int64?

    var liveCount: Int { rowCount - deletedCount }
    var deletedShare: Double { rowCount == 0 ? 0 : Double(deletedCount) / Double(rowCount) }
    /// Whether it is in memory alone, without a graph.
    var isFlat: Bool { storedID == nil && graphs.isEmpty }
    /// Whether it is stored and every graph it should have is there.
    var isSealed: Bool {
        storedID != nil && graphs.count == rows.floats.count && !graphs.values.contains { $0.hasDamagedLinks }
    }
}

extension SegmentView {
    /// The live row of a point in this view; nil where there is none.
    func liveRow(of id: PointID) -> UInt32? {
        if let idIndex {
            return idIndex.row(of: id) { !deleted.contains(Int($0)) && Int($0) < rowCount }
        }
        return growingIDs.row(of: id, in: rows.ids, rowCount: rowCount) { !deleted.contains(Int($0)) }
    }
}

/// Where a point's newest version stands.
struct RowLocation: Sendable, Equatable {
    var segment: UInt32
    var row: UInt32
}
