import HNSW

// Whether a search can be answered on a thread that must not be held up, such as an event loop.

/// How much a search may do and still count as short.
enum PromptSearch {
    /// Nodes that walks expand at most, all graphs together: some hundred microseconds.
    static let expandedCount = 2048
    /// Floats that are scored beside the graphs: as long again.
    static let floatCount = 1 << 20
}

extension Searcher {
    /// Whether a search for the nearest `limit` of all points is short and waits for nothing: floats and graphs are in
    /// memory, and payloads too where the answer has them.
    func isPrompt(name: String, limit: Int, breadth: Int?, codes: CodeSearch, hasPayloads: Bool) -> Bool {
        guard let dense = dense[name] else { return false }
        let wide = codes.breadth(breadth ?? dense.searchBreadth, limit: limit)
        let pool = HNSWGraph.candidateCount(breadth: wide, forNearest: limit)
        guard pool <= PromptSearch.expandedCount else { return false }
        var (candidates, floats) = (0, 0)
        for segment in segments {
            guard !segment.comingLinks.contains(where: \.isWaiting),
                segment.rows.floats.allSatisfy({ $0.resident != nil }),
                !hasPayloads || segment.contents.resident != nil
            else { return false }
            if segment.graphs[name] != nil {
                candidates += pool
            } else {
                floats += segment.liveCount * (schema.dense[name]?.dimension ?? 0)
            }
        }
        return candidates <= PromptSearch.expandedCount / HNSWGraph.mostExpanded && floats <= PromptSearch.floatCount
    }
}
