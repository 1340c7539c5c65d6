import HNSW
import TestSupport
import Testing
import Vectors

/// Walks that step over rows that a filter leaves out, compared with exact search.
@Suite struct SelectedWalkTests {
    /// Which rows a filter keeps.
    enum Kept: CaseIterable {
        /// A random share of them.
        case random
        /// The rows nearest to one direction, and the rows farthest from it.
        case nearOne, farFromOne
        /// Ranges of rows that were inserted one after the other.
        case runs
    }

    func rows(_ kept: Kept, percent: Int, of block: VectorBlock, _ metric: Metric, seed: UInt64) -> RowSet {
        var generator = SplitMix(seed: seed)
        let count = block.count
        var allowed = RowSet(rowCount: count)
        switch kept {
        case .random:
            for row in 0..<count where generator.next() % 100 < UInt64(percent) { allowed.insert(row) }
        case .nearOne, .farFromOne:
            let direction = (0..<block.dimension).map { block.vector(17)[$0] }
            let all = FlatIndex(block: block, metric: metric, rowCount: count)
                .search(direction, k: count, allowed: nil, deleted: nil)
            let wanted = count * percent / 100
            for neighbor in kept == .nearOne ? all.prefix(wanted) : all.suffix(wanted) {
                allowed.insert(Int(neighbor.row))
            }
        case .runs:
            for row in 0..<count where row % 1000 < 10 * percent { allowed.insert(row) }
        }
        return allowed
    }

    @Test(
        "A filtered search finds only matching rows, as many as are wanted, and most of the nearest",
        arguments: Kept.allCases, [12, 18, 40])
    func filtersOfEveryKind(kept: Kept, percent: Int) throws {
        for dimension in walkedByFloatsAndByCodes {
            let graph = try #require(Self.graphs[dimension]).get()
            let allowed = rows(kept, percent: percent, of: graph.block, .cosine, seed: 42)
            let queries = makeQueries(.clustered, count: 40, dimension: dimension, metric: .cosine, seed: 41)
            for query in queries {
                // Narrow enough for a walk to be cheaper.
                let found = graph.search(query, k: 5, breadth: 10, allowed: allowed, deleted: nil)
                #expect(found.count == 5)
                #expect(found.allSatisfy { allowed.contains(Int($0.row)) })
                #expect(found == found.sorted())
            }
            let share = recall(graph, queries, k: 5, breadth: 10, allowed: allowed)
            let without = recall(graph, queries, k: 5, breadth: 10)
            #expect(share >= without - 0.06, "\(kept) \(percent) %, dimension \(dimension): \(share), not \(without)")
        }
    }

    /// One graph for each dimension, shared by all cases.
    private static let graphs = Dictionary(
        uniqueKeysWithValues: walkedByFloatsAndByCodes.map { dimension in
            let graph = Result {
                let block = makeBlock(.clustered, rows: largeRowCount, dimension: dimension, metric: .cosine, seed: 41)
                return try build(block, block.count, .cosine)
            }
            return (dimension, graph)
        })

    @Test("A walk steps over deleted rows as over rows that a filter leaves out")
    func deletedAndFiltered() throws {
        let dimension = 97
        let graph = try #require(Self.graphs[dimension]).get()
        var generator = SplitMix(seed: 43)
        // Fewer bits than rows: the set of a view that was made before the last rows were added.
        var allowed = RowSet(rowCount: largeRowCount - 500), deleted = RowSet(rowCount: largeRowCount)
        for row in 0..<largeRowCount {
            if row < largeRowCount - 500, generator.next() % 5 == 0 { allowed.insert(row) }
            if generator.next() % 4 == 0 { deleted.insert(row) }
        }
        let queries = makeQueries(.clustered, count: 40, dimension: dimension, metric: .cosine, seed: 41)
        for query in queries {
            let found = graph.search(query, k: 5, breadth: 10, allowed: allowed, deleted: deleted)
            #expect(found.count == 5)
            #expect(found.allSatisfy { allowed.contains(Int($0.row)) && !deleted.contains(Int($0.row)) })
        }
        let share = recall(graph, queries, k: 5, breadth: 10, allowed: allowed, deleted: deleted)
        #expect(share >= recall(graph, queries, k: 5, breadth: 10) - 0.06, "\(share)")
    }
}
