import CKernels

/// Copies of some rows. A query begins its walk at those of them that are nearest to it.
///
/// The rows are in groups. Each group has a leader, and a row belongs to the leader that is nearest to it. A query is
/// compared with the leaders, and then only with the groups of the nearest leaders. These rows are next to each other
/// in memory, while each step through a graph waits for memory again. Rows are compared by their sketches if they have
/// any, otherwise by their codes.
package final class EntryTable: @unchecked Sendable {
    /// The leaders, if there are any, and then the rows of each group.
    private let rows: [UInt32]
    private let leaderCount: Int
    /// The positions in `rows` at which each group begins, and at which the last one ends.
    private let bounds: [Int]
    /// 0, 1, 2, …: kernels address the copies by position.
    private let places: [UInt32]
    private let copies: EntryCopies

    /// The most groups with which a query is compared; each gives one row to begin at.
    package static let mostGroups = 4
    /// The most rows of those groups with which it is compared; a table with no more rows needs no leaders.
    private static let mostCompared = 192

    /// - Parameters:
    ///   - chosen: rows of `codes`, at least one.
    ///   - sketches: the sketches of the rows of `codes`; nil if they have none.
    package init(_ chosen: [UInt32], of codes: CodeBlock, _ sketches: SketchBlock?) {
        precondition(!chosen.isEmpty)
        var ordered = chosen, bounds = [0, chosen.count], leaders: [UInt32] = []
        if chosen.count > Self.mostCompared {
            let count = Int(Float(chosen.count).squareRoot())
            leaders = (0..<count).map { chosen[chosen.count * $0 / count] }
            // Each leader is in a group too, usually its own.
            let nearest = EntryCopies(chosen, of: codes, sketches).nearest(among: leaders, of: codes, sketches)
            var groups: [[UInt32]] = Array(repeating: [], count: count)
            for (row, leader) in zip(chosen, nearest) { groups[leader].append(row) }
            ordered = groups.flatMap { $0 }
            bounds = groups.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
        }
        leaderCount = leaders.count
        rows = leaders + ordered
        self.bounds = bounds.map { $0 + leaders.count }
        places = Array(0..<UInt32(rows.count))
        copies = EntryCopies(rows, of: codes, sketches)
    }

    /// Writes rows that seem near to a query to `found` (which has `mostGroups` slots), the nearest first; returns how
    /// many, at least one.
    ///
    /// - Parameters:
    ///   - query: the coded query.
    ///   - sketchQuery: the same query for sketches, if the rows have any.
    package func nearest(
        _ query: UnsafePointer<ck_code_query>, _ sketchQuery: UnsafePointer<ck_sketch_query>?,
        _ found: UnsafeMutablePointer<UInt32>
    ) -> Int {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: leaderCount + Self.mostCompared) { room in
            places.withUnsafeBufferPointer { places in
                guard let distances = room.baseAddress, let places = places.baseAddress else { return 0 }
                copies.score(query, sketchQuery, places, leaderCount, distances)
                var count = 0
                var least = Float.infinity
                forEachGroup(distances) { group in
                    let compared = distances + leaderCount
                    copies.score(query, sketchQuery, places + group.lowerBound, group.count, compared)
                    let place = Self.least(compared, group.count)
                    found[count] = rows[group.lowerBound + place]
                    if compared[place] < least {
                        least = compared[place]
                        swap(&found[0], &found[count])
                    }
                    count += 1
                }
                return count
            }
        }
    }

    /// Calls `body` with the groups with which to compare a query, none of them empty. `distances` holds the distances
    /// of the leaders and is overwritten.
    @inline(__always)
    private func forEachGroup(_ distances: UnsafeMutablePointer<Float>, _ body: (Range<Int>) -> Void) {
        guard leaderCount > 0 else { return body(bounds[0]..<bounds[1]) }
        var left = Self.mostCompared, count = 0
        for _ in 0..<leaderCount where left > 0 && count < Self.mostGroups {
            let leader = Self.least(distances, leaderCount)
            distances[leader] = .infinity
            let group = bounds[leader]..<min(bounds[leader + 1], bounds[leader] + left)
            guard !group.isEmpty else { continue }
            body(group)
            left -= group.count
            count += 1
        }
    }

    /// The position of the smallest of `count` values; of equal values, the first.
    @inline(__always)
    private static func least(_ values: UnsafePointer<Float>, _ count: Int) -> Int {
        var least = Int64.max
        for i in 0..<count { least = min(least, ck_key(values[i], UInt32(i))) }
        return Int(ck_key_row(least))
    }
}

/// Rows next to each other in memory: their sketches if they have any, otherwise their codes.
private final class EntryCopies: @unchecked Sendable {
    private let count: Int
    private let codes: CodeBlock?
    private let sketches: UnsafeMutablePointer<ck_sketches>?
    private let estimate: ck_estimate_fn
    private let mapping: PageMapping

    init(_ rows: [UInt32], of codes: CodeBlock, _ sketches: SketchBlock?) {
        count = rows.count
        estimate = codes.kernels.table.pointee.estimate_rows
        guard let sketches else {
            self.codes = CodeBlock(copying: rows, of: codes)
            self.sketches = nil
            mapping = PageMapping(byteCount: 0)
            return
        }
        self.codes = nil
        let all = sketches.layout.pointee, stride = sketches.stride
        mapping = PageMapping(byteCount: rows.count * stride * MemoryLayout<UInt64>.stride)
        let words = mapping.start.bindMemory(to: UInt64.self, capacity: rows.count * stride)
        for (place, row) in rows.enumerated() {
            (words + place * stride).update(from: all.words + Int(row) * stride, count: stride)
        }
        let layout = UnsafeMutablePointer<ck_sketches>.allocate(capacity: 1)
        layout.initialize(to: ck_sketches(words: words, stride: stride, has_biases: all.has_biases))
        self.sketches = layout
    }

    deinit { sketches?.deallocate() }

    /// Writes the distances of the copies at `places`; by sketches, if they have any.
    @inline(__always)
    func score(
        _ query: UnsafePointer<ck_code_query>, _ sketchQuery: UnsafePointer<ck_sketch_query>?,
        _ places: UnsafePointer<UInt32>, _ count: Int, _ distances: UnsafeMutablePointer<Float>
    ) {
        if let sketches, let sketchQuery {
            estimate(sketchQuery, sketches, places, count, distances)
        } else if let codes {
            codes.scoreRows(query, codes.layout, places, count, distances)
        }
    }

    /// For each copy, the nearest of `leaders`; both are rows of `codes`.
    func nearest(among leaders: [UInt32], of codes: CodeBlock, _ sketches: SketchBlock?) -> [Int] {
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: codes.queryBytes, alignment: 64)
        let vector = UnsafeMutablePointer<Float>.allocate(capacity: codes.dimension)
        let planes = UnsafeMutablePointer<UInt64>.allocate(capacity: SketchBlock.planeWords(dimension: codes.dimension))
        defer {
            buffer.deallocate()
            vector.deallocate()
            planes.deallocate()
        }
        let places = Array(0..<UInt32(count))
        var distances = Array(repeating: Float.infinity, count: count), least = distances
        var nearest = Array(repeating: 0, count: count)
        for (number, leader) in leaders.enumerated() {
            codes.decode(Int(leader), to: vector)
            var query = codes.query(vector, buffer)
            if var sketchQuery = sketches?.query(query, planes) {
                score(&query, &sketchQuery, places, count, &distances)
            } else {
                score(&query, nil, places, count, &distances)
            }
            for place in 0..<count where distances[place] < least[place] {
                (least[place], nearest[place]) = (distances[place], number)
            }
        }
        return nearest
    }
}
