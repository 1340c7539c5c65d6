// The invariants of a graph (see HNSWGraph.swift), for tests and for bytes from disk.

extension HNSWGraph {
    /// Stops the process with the first invariant that does not hold. For tests; costs one pass over all links.
    package func checkInvariants() {
        precondition(rowCount == storage.rowCount && rowCount <= rows.capacity)
        precondition(storage.width == parameters.baseWidth && storage.connections == parameters.connections)
        if let fault = storage.firstFault() { preconditionFailure(fault) }
        guard rowCount > 0 else {
            precondition(entry == 0 && topLevel == 0)
            return
        }
        precondition(Int(entry) < rowCount && Int(storage.upper.levels[Int(entry)]) == topLevel)
        for row in 0..<rowCount {
            precondition(Int(storage.upper.levels[row]) <= topLevel)
            precondition(rowCount == 1 || !storage.links(of: row, level: 0).isEmpty, "row \(row) has no link")
        }
    }

    /// The number of rows that no path of level 0 from the entry reaches; costs one pass over all links.
    package func unreachableRowCount() -> Int {
        guard rowCount > 0 else { return 0 }
        var reached = [Bool](repeating: false, count: rowCount)
        var waiting = [entry]
        reached[Int(entry)] = true
        var count = 1
        while let row = waiting.popLast() {
            for neighbor in storage.links(of: Int(row), level: 0) where !reached[Int(neighbor)] {
                reached[Int(neighbor)] = true
                waiting.append(neighbor)
                count += 1
            }
        }
        return rowCount - count
    }
}

extension GraphStorage {
    /// A sentence about the first link that is out of range, is on the wrong level, comes after a free slot or comes
    /// twice; nil if there is none.
    func firstFault() -> String? {
        var seenBy = [Int](repeating: -1, count: rowCount)
        let slots = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: width + PackedLayer.slack)
        defer { slots.deallocate() }
        guard let own = slots.baseAddress else { return nil }
        for row in 0..<rowCount {
            for level in 0...Int(upper.levels[row]) {
                if level == 0 { base.copy(row, to: own) }
                let links = level == 0 ? own : upper.layer(level).row(UInt32(row))
                let count = level == 0 ? width : connections
                let all = UnsafeBufferPointer(start: links, count: count)
                if let fault = firstFault(row: row, level: level, links: all, seenBy: &seenBy) { return fault }
            }
        }
        return nil
    }

    private func firstFault(
        row: Int, level: Int, links: UnsafeBufferPointer<UInt32>, seenBy: inout [Int]
    ) -> String? {
        // One number for each (row, level), so that the marks need no clearing; levels are at most 15.
        let mark = row << 4 | level
        var ended = false
        for id in links {
            if id == UInt32(row) {
                ended = true
                continue
            }
            if ended { return "row \(row) has a link behind an unused slot on level \(level)" }
            guard Int(id) < rowCount else { return "row \(row) links to \(id) of \(rowCount) rows" }
            guard Int(upper.levels[Int(id)]) >= level else {
                return "row \(row) links to \(id) above that row's level"
            }
            if seenBy[Int(id)] == mark { return "row \(row) links to \(id) twice on level \(level)" }
            seenBy[Int(id)] = mark
        }
        return nil
    }
}

extension UpperLinks {
    /// A sentence about the first link that leads out of the graph or below its level.
    func firstFault() -> String? {
        for row in 0..<rowCount {
            for level in 0..<Int(levels[row]) {
                for id in UnsafeBufferPointer(start: layer(level + 1).row(UInt32(row)), count: connections) {
                    guard Int(id) < rowCount else { return "row \(row) links to \(id) of \(rowCount) rows" }
                    guard Int(levels[Int(id)]) > level else {
                        return "row \(row) links to \(id) above that row's level"
                    }
                }
            }
        }
        return nil
    }
}
