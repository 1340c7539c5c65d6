/// How one segment is searched: a pure function of what is known before the search.
///
/// A filter is never applied to a finished page. Either every matching row is scored, or the graph is walked as wide as
/// the filter is narrow, so that the walk meets enough rows that pass.
enum SearchPlan: Equatable {
    case nothing
    case exact
    case graph(breadth: Int)

    /// Rows that a walk scores for each candidate it keeps, times what a scattered read costs beside a run through the
    /// rows in order (measured on 115 659 vectors of 384 dimensions: 650 distances at breadth 32, about twice the price).
    static let exactRowsPerCandidate = 40
    /// A wider walk than this is dearer than any scan of what it would find.
    static let maximumBreadth = 4096

    init(rowCount: Int, matching: Int, limit: Int, breadth: Int, hasGraph: Bool) {
        guard matching > 0, limit > 0 else {
            self = .nothing
            return
        }
        let wanted = max(breadth, limit)
        guard hasGraph, limit < matching else {
            self = .exact
            return
        }
        let (scaled, overflow) = wanted.multipliedReportingOverflow(by: rowCount)
        let walk = overflow ? Int.max : scaled / matching
        if walk > Self.maximumBreadth || matching <= walk * Self.exactRowsPerCandidate {
            self = .exact
        } else {
            self = .graph(breadth: walk)
        }
    }
}
