import CKernels

/// The exact index: scores every allowed row. A growing segment is searched by it, and it is the graph's oracle.
package struct FlatIndex: VectorIndex {
    package let block: VectorBlock
    package let metric: Metric
    package let rowCount: Int
    let kernels: DistanceKernels

    /// Rows scored between two looks at the list of the nearest; small enough for the stack and the first cache.
    static let chunkRows = 256
    /// Up to this many neighbours are kept in place as they are found; more are collected and sorted.
    static let maximumKeptInPlace = 1024

    /// Covers rows `0..<rowCount` of `block`.
    package init(block: VectorBlock, metric: Metric, rowCount: Int, kernels: DistanceKernels = .best) {
        precondition(rowCount >= 0 && rowCount <= block.capacity && rowCount <= maximumRowCount)
        self.block = block
        self.metric = metric
        self.rowCount = rowCount
        self.kernels = kernels
    }

    /// Exact; one distance for every row that is allowed and not deleted. `breadth` is ignored.
    package func search(
        _ query: UnsafePointer<Float>, k: Int, breadth: Int = 0, allowed: RowSet?, deleted: RowSet?
    ) -> [Neighbor] {
        precondition(k >= 0)
        guard k > 0, rowCount > 0 else { return [] }
        var collector = Collector(self, query, k: k)
        if allowed == nil && deleted == nil {
            for row in 0..<rowCount { collector.add(UInt32(row)) }
        } else {
            forEachWord(allowed: allowed, deleted: deleted) { word, base in
                var rest = word
                while rest != 0 {
                    collector.add(UInt32(base + rest.trailingZeroBitCount))
                    rest &= rest - 1
                }
            }
        }
        return collector.finish()
    }

    /// Exact over the rows given, each of which must be below `rowCount`; one distance a row. Rows given twice are
    /// found twice.
    package func search(_ query: UnsafePointer<Float>, k: Int, rows: [UInt32]) -> [Neighbor] {
        precondition(k >= 0)
        guard k > 0, !rows.isEmpty else { return [] }
        var collector = Collector(self, query, k: min(k, rows.count))
        for row in rows {
            precondition(row < rowCount, "row \(row) is not among the \(rowCount) of this index")
            collector.add(row)
        }
        return collector.finish()
    }

    /// Rows that are allowed and not deleted; one pass over the words of the sets.
    package func matchCount(allowed: RowSet?, deleted: RowSet?) -> Int {
        if allowed == nil && deleted == nil { return rowCount }
        let whole = rowCount >> 6
        guard let allowed else { return rowCount - members(of: deleted?.words ?? [], whole: whole) }
        let keeps = members(of: allowed.words, whole: whole)
        guard let deleted else { return keeps }
        // Allowed rows that are deleted as well are those of `allowed` less those left when `deleted` is taken off.
        let words = min(whole, allowed.words.count, deleted.words.count)
        let left = allowed.words.withUnsafeBufferPointer { a in
            deleted.words.withUnsafeBufferPointer { d -> Int in
                guard let a = a.baseAddress, let d = d.baseAddress, words > 0 else { return 0 }
                let both = kernels.table.pointee.count_bits(a, nil, words)
                return Int(both - kernels.table.pointee.count_bits(a, d, words))
            }
        }
        return keeps - left - (lastWord(allowed) & lastWord(deleted)).nonzeroBitCount
    }

    /// Members of a set among the rows of this index; `whole` words of it are full.
    private func members(of words: [UInt64], whole: Int) -> Int {
        let count = words.withUnsafeBufferPointer { words -> Int in
            guard let base = words.baseAddress else { return 0 }
            return Int(kernels.table.pointee.count_bits(base, nil, min(words.count, whole)))
        }
        return count + lastWord(RowSet(words: words)).nonzeroBitCount
    }

    /// The rows of `set` in the word that the last row of this index only partly fills; 0 when it fills it.
    private func lastWord(_ set: RowSet) -> UInt64 {
        let word = rowCount >> 6
        guard rowCount & 63 != 0, word < set.words.count else { return 0 }
        return set.words[word] & ((1 << UInt64(rowCount & 63)) - 1)
    }

    /// Calls `body` with every word of rows that are allowed and not deleted, and the row of its lowest bit.
    @inline(__always)
    private func forEachWord(allowed: RowSet?, deleted: RowSet?, _ body: (UInt64, Int) -> Void) {
        let words = (rowCount + 63) >> 6
        let limit = allowed.map { min($0.words.count, words) } ?? words
        let dead = deleted?.words ?? []
        for i in 0..<limit {
            var word = allowed?.words[i] ?? ~0
            if i < dead.count { word &= ~dead[i] }
            if i == words - 1 && rowCount & 63 != 0 { word &= (1 << UInt64(rowCount & 63)) - 1 }
            if word != 0 { body(word, i << 6) }
        }
    }
}

/// Gathers rows into chunks, scores a chunk at a time and keeps the nearest.
private struct Collector: ~Copyable {
    private let base: UnsafePointer<Float>
    private let dimension: Int
    private let query: UnsafePointer<Float>
    private let score: ck_rows_fn
    private let k: Int
    private var top: TopK
    private let collectsAll: Bool
    private var all: [Neighbor] = []
    private let rows: UnsafeMutablePointer<UInt32>
    private let distances: UnsafeMutablePointer<Float>
    private var count = 0

    init(_ index: FlatIndex, _ query: UnsafePointer<Float>, k: Int) {
        base = UnsafePointer(index.block.base)
        dimension = index.block.dimension
        self.query = query
        score = index.kernels.rows(index.metric)
        self.k = min(k, index.rowCount)
        collectsAll = self.k > FlatIndex.maximumKeptInPlace
        top = TopK(collectsAll ? 1 : self.k, kernels: index.kernels)
        rows = .allocate(capacity: FlatIndex.chunkRows)
        distances = .allocate(capacity: FlatIndex.chunkRows)
    }

    deinit {
        rows.deallocate()
        distances.deallocate()
    }

    @inline(__always)
    mutating func add(_ row: UInt32) {
        rows[count] = row
        count &+= 1
        ck_prefetch(base + Int(row) &* dimension)
        if count == FlatIndex.chunkRows { flush() }
    }

    private mutating func flush() {
        score(query, base, dimension, rows, count, distances)
        if collectsAll {
            for i in 0..<count where !distances[i].isNaN {
                all.append(Neighbor(distance: distances[i], row: rows[i]))
            }
        } else {
            top.offer(distances, rows: rows, count: count)
        }
        count = 0
    }

    consuming func finish() -> [Neighbor] {
        if count > 0 { flush() }
        return collectsAll ? Array(all.sorted().prefix(k)) : top.neighbors()
    }
}
