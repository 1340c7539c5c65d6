import Vectors

// Deleted rows leave a graph as in FreshDiskANN (Singh et al., arXiv:2105.09613, algorithm 4): a row that was linked to
// a deleted row takes the deleted row's neighbours as candidates and selects its links again. New links are linked
// back, as when a row is inserted. A row that has kept few of its neighbours is inserted again (`KnownGraph`).

extension GraphBuilder {
    /// Copies the links between rows of `known` that are both adopted, with the rows' new numbers.
    func adopt(_ known: KnownGraph) {
        let graph = known.graph
        guard graph.rowCount > 0 else { return }
        for old in 0..<UInt32(graph.rowCount) {
            guard let row = known.adoptedRow(old) else { continue }
            let highest = Int(upper.levels[Int(row)])
            for level in 0...highest {
                let links = graph.storage.links(of: Int(old), level: level).compactMap(known.adoptedRow)
                // Some of them were added after the last selection; the graph does not say which.
                write(links, to: row, level: level, selected: 0)
            }
        }
        guard known.leavesOut else { return begin(with: Int(graph.entry)) }
        // Of several rows on the highest level, the first.
        let adopted = (0..<UInt32(graph.rowCount)).lazy.compactMap(known.adoptedRow).map { Int($0) }
        if let highest = adopted.max(by: { (upper.levels[$0], $1) < (upper.levels[$1], $0) }) { begin(with: highest) }
    }

    /// Gives a row, which was `old` in `known`, new links in place of its links to rows that were left out.
    func repair(_ old: UInt32, of known: KnownGraph, _ scratch: BuildScratch) {
        guard let row = known.adoptedRow(old) else { return }
        for level in 0...Int(upper.levels[Int(row)]) {
            let links = known.graph.storage.links(of: Int(old), level: level)
            let lost = links.filter { known.adoptedRow($0) == nil }
            if !lost.isEmpty { replace(lost, of: row, in: known, level: level, scratch) }
        }
    }

    /// - Parameter lost: the old neighbours of `row` that are no longer in the graph, by their old numbers.
    private func replace(_ lost: [UInt32], of row: UInt32, in known: KnownGraph, level: Int, _ scratch: BuildScratch) {
        let links = layer(level)
        lock(Int(row))
        let before = links.links(of: row)
        unlock(Int(row))
        let metCount = meet(lost, of: row, linkedTo: before, in: known, level: level, scratch)
        // Where free slots are filled, links also lead to the longest vectors. They lead to all other rows only because
        // those rows were inserted once; the remaining links to them stay.
        let kept = selection.fills ? before : []
        let count = sortByDistance(to: Int(row), scratch.met + kept.count, count: metCount - kept.count, scratch)
        let chosen = scratch.chosen(level)
        // Other threads may have linked to the row before.
        let limit = max(0, limit(level) - kept.count)
        let chosenCount = selection.select(scratch.keys, count: count, limit: limit, into: chosen, scratch)
        let selected = (0..<chosenCount).map { chosen[$0] }
        lock(Int(row))
        // Links that other threads have added meanwhile stay too.
        let added = links.links(of: row).filter { !before.contains($0) && !selected.contains($0) }
        let staying = (kept + added).prefix(links.width - selected.count)
        write(selected + staying, to: row, level: level, selected: chosenCount)
        unlock(Int(row))
        for neighbor in selected where !before.contains(neighbor) {
            linkBack(from: neighbor, to: row, level: level, scratch, unlessLinked: true)
        }
    }

    /// Writes `own` and the neighbours of the lost rows to `scratch.met`, each once and at most `scratch.mostMet`;
    /// returns how many there are.
    private func meet(
        _ lost: [UInt32], of row: UInt32, linkedTo own: [UInt32], in known: KnownGraph, level: Int,
        _ scratch: BuildScratch
    ) -> Int {
        let met = scratch.met, visited = scratch.walk.visited, epoch = scratch.walk.nextEpoch()
        var count = 0
        func meet(_ candidate: UInt32) {
            guard count < scratch.mostMet, visited[Int(candidate)] != epoch else { return }
            visited[Int(candidate)] = epoch
            met[count] = candidate
            count += 1
        }
        visited[Int(row)] = epoch
        own.forEach(meet)
        for neighbor in lost {
            for link in known.graph.storage.links(of: Int(neighbor), level: level) {
                if let candidate = known.adoptedRow(link) { meet(candidate) }
            }
        }
        return count
    }
}
