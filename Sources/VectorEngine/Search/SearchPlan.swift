/// How one segment is searched: a pure function of what is known before the search.
///
/// A filter is never applied to a finished page: either every matching row is scored, or the graph is walked, which
/// makes its walk as wide as the filter is narrow (`HNSWGraph.search`).
enum SearchPlan: Equatable {
    case nothing
    case exact
    case graph

    /// - Parameters:
    ///   - matching: live rows of the segment that pass the filter.
    ///   - limit: rows wanted.
    init(matching: Int, limit: Int, hasGraph: Bool) {
        if matching <= 0 || limit <= 0 {
            self = .nothing
        } else {
            self = hasGraph && limit < matching ? .graph : .exact
        }
    }
}
