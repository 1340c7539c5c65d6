import HNSW
import Synchronization

// Whether a search can be answered on a thread that must not be held up, such as an event loop.

/// How much a search may do and still count as short.
package enum PromptSearch {
    /// Nodes that walks expand at most, all graphs together: some hundred microseconds.
    static let expandedCount = 2048
    /// Floats that are scored beside the graphs: as long again.
    static let floatCount = 1 << 20
}

extension DocumentTable {
    /// Whether a search for the nearest `limit` of all points is short and waits for nothing: the view and the
    /// documents have every commit in them already, floats and graphs are in memory.
    ///
    /// It may be overtaken by a commit at once, which then costs its caller the reading of that commit's rows.
    package func isPrompt(name: String, limit: Int, breadth: Int?, codes: CodeSearch) -> Bool {
        guard let searcher = collection.settledSearcher, let dense = searcher.dense[name] else { return false }
        let wide = codes.breadth(breadth ?? dense.searchBreadth, limit: limit)
        let pool = HNSWGraph.candidateCount(breadth: wide, forNearest: limit)
        guard pool <= PromptSearch.expandedCount else { return false }
        var (candidates, floats) = (0, 0)
        for segment in searcher.segments {
            guard !segment.comingLinks.contains(where: \.isWaiting),
                segment.rows.floats.allSatisfy({ $0.resident != nil })
            else { return false }
            if segment.graphs[name] != nil {
                candidates += pool
            } else {
                floats += segment.liveCount * (searcher.schema.dense[name]?.dimension ?? 0)
            }
        }
        return candidates * HNSWGraph.mostExpanded <= PromptSearch.expandedCount && floats <= PromptSearch.floatCount
            && isFollowing(searcher)
    }
}
