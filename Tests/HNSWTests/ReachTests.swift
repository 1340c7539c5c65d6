import HNSW
import TestSupport
import Testing
import Vectors

/// Walks that end by distance and not by the number of expanded nodes.
@Suite struct ReachTests {
    /// Enough rows for a graph to measure the distances of its neighbours, in any build.
    static let rowCount = 6000

    @Test("By inner product, the length of a query only changes scores", arguments: walkedByFloatsAndByCodes)
    func lengthChangesNothing(dimension: Int) throws {
        let block = makeBlock(.clustered, rows: Self.rowCount, dimension: dimension, metric: .dot, seed: 41)
        let graph = try build(block, Self.rowCount, .dot)
        for query in makeQueries(.clustered, count: 20, dimension: dimension, metric: .dot, seed: 41) {
            let found = graph.search(query, k: 10, breadth: 24, allowed: nil, deleted: nil)
            // Powers of two, so that rounding stays the same.
            for factor: Float in [0x1p-10, 0x1p12] {
                let scaled = graph.search(
                    query.map { $0 * factor }, k: 10, breadth: 24, allowed: nil, deleted: nil)
                #expect(scaled.map(\.row) == found.map(\.row))
            }
        }
    }

    @Test(
        "A walk that ends by distance finds no less than one of fixed breadth, for queries of any kind",
        arguments: [0, 4],
        walkedByFloatsAndByCodes)
    func otherQueries(deletesOneIn: Int, dimension: Int) throws {
        let block = makeBlock(.clustered, rows: Self.rowCount, dimension: dimension, metric: .cosine, seed: 42)
        let own = makeQueries(.clustered, count: 200, dimension: dimension, metric: .cosine, seed: 42)
        let other = makeQueries(.uniform, count: 200, dimension: dimension, metric: .cosine, seed: 43)
        // Below 4 096 rows a graph walks with a fixed breadth.
        let recalls = try [4090, 4100].map { rows in
            let graph = try build(block, rows, .cosine)
            var deleted = RowSet(rowCount: rows)
            if deletesOneIn > 0 { for row in stride(from: 0, to: rows, by: deletesOneIn) { deleted.insert(row) } }
            return [own, other].map { recall(graph, $0, k: 10, breadth: 24, deleted: deleted) }
        }
        #expect(recalls[1][0] >= recalls[0][0] - 0.01, "\(recalls)")
        // The two graphs begin such queries at different rows.
        #expect(recalls[1][1] >= recalls[0][1] - 0.03, "\(recalls)")
    }

    @Test("A search among thousands of equal rows ends and finds as many as are wanted")
    func copies() throws {
        let block = VectorBlock(dimension: 97, capacity: Self.rowCount)
        let vector = [Float](repeating: 1 / Float(97).squareRoot(), count: 97)
        for _ in 0..<Self.rowCount { vector.withUnsafeBufferPointer { block.append($0) } }
        let graph = try build(block, Self.rowCount, .cosine)
        for k in [1, 10, 40] {
            let found = graph.search(vector, k: k, breadth: 40, allowed: nil, deleted: nil)
            #expect(found.count == k && Set(found.map(\.row)).count == k)
            #expect(found.allSatisfy { abs($0.distance - found[0].distance) < 1e-5 })
        }
    }

    @Test("A search returns no row twice if distances overflow", arguments: [Metric.dot, .euclidean])
    func overflow(metric: Metric) throws {
        let block = makeBlock(.uniform, rows: Self.rowCount, dimension: 97, metric: metric, seed: 44)
        let graph = try build(block, Self.rowCount, metric)
        let found = graph.search(
            [Float](repeating: .greatestFiniteMagnitude, count: 97), k: 10, breadth: 24, allowed: nil, deleted: nil)
        #expect(Set(found.map(\.row)).count == found.count)
    }
}
