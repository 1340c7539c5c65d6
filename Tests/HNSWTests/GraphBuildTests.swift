import HNSW
import Synchronization
import Testing
import Vectors

@Suite struct GraphBuildTests {
    @Test("A graph can be built of no row, one row and two rows", arguments: Metric.allCases)
    func smallest(metric: Metric) throws {
        for rows in 0...2 {
            for dimension in walkedByFloatsAndByCodes {
                let block = makeBlock(.uniform, rows: rows, dimension: dimension, metric: metric, seed: 31)
                let graph = try build(block, rows, metric, threads: 2)
                graph.checkInvariants()
                let query = [1] + [Float](repeating: 0, count: dimension - 1)
                let found = graph.search(query, k: 3, breadth: 10, allowed: nil, deleted: nil)
                #expect(found.count == rows)
            }
        }
    }

    @Test("All copies of one vector, and all zero vectors, are found", arguments: Metric.allCases, [Float(0), 0.5])
    func copies(metric: Metric, value: Float) throws {
        for dimension in walkedByFloatsAndByCodes { try copies(metric, value, dimension: dimension) }
    }

    func copies(_ metric: Metric, _ value: Float, dimension: Int) throws {
        let block = VectorBlock(dimension: dimension, capacity: 2000)
        let vector = [Float](repeating: value, count: dimension)
        for _ in 0..<2000 { vector.withUnsafeBufferPointer { block.append($0) } }
        let graph = try build(block, 2000, metric)
        graph.checkInvariants()
        for k in [1, 10, 100, 2000] {
            let found = graph.search(vector, k: k, breadth: k, allowed: nil, deleted: nil)
            #expect(Set(found.map(\.row)).count == k)
        }
        var allowed = RowSet(rowCount: 2000)
        allowed.insert(1777)
        #expect(graph.search(vector, k: 5, breadth: 20, allowed: allowed, deleted: nil).map(\.row) == [1777])
    }

    @Test("Many copies of one vector do not hide the rows around them", arguments: [8, 70])
    func crowdOfCopies(dimension: Int) throws {
        let block = makeBlock(.clustered, rows: 4000, dimension: dimension, metric: .euclidean, seed: 32)
        for row in 1000..<1600 { for j in 0..<dimension { block.base[row * dimension + j] = 0.25 } }
        let graph = try build(block, 4000, .euclidean)
        graph.checkInvariants()
        let queries = makeQueries(.clustered, count: 60, dimension: dimension, metric: .euclidean, seed: 32)
        #expect(recall(graph, queries, k: 10, breadth: 60) >= 0.95)
    }

    @Test("One thread builds the same graph twice, and a different graph with another seed")
    func deterministic() throws {
        let block = makeBlock(.clustered, rows: 1500, dimension: 12, metric: .cosine, seed: 34)
        let first = try build(block, 1500, .cosine).parts
        #expect(try build(block, 1500, .cosine).parts == first)
        var other = HNSWParameters()
        other.seed = 7
        #expect(try build(block, 1500, .cosine, parameters: other).parts != first)
    }

    @Test(
        "Two and five threads build a graph that keeps the invariants and has the same recall", arguments: [2, 5],
        walkedByFloatsAndByCodes)
    func threads(count: Int, dimension: Int) throws {
        let block = makeBlock(.clustered, rows: largeRowCount, dimension: dimension, metric: .cosine, seed: 35)
        let graph = try build(block, largeRowCount, .cosine, threads: count)
        graph.checkInvariants()
        let queries = makeQueries(.clustered, count: 50, dimension: dimension, metric: .cosine, seed: 35)
        #expect(recall(graph, queries, k: 10, breadth: 100) >= 0.95)
        #expect(graph.graph.unreachableRowCount() < largeRowCount / 100)
    }

    @Test(
        "An extended graph finds old and new rows; the old graph does not change", arguments: Metric.allCases,
        walkedByFloatsAndByCodes)
    func extending(metric: Metric, dimension: Int) throws {
        let rows = largeRowCount / 2, half = rows / 2
        let block = makeBlock(.clustered, rows: rows, dimension: dimension, metric: metric, seed: 36)
        let old = try build(block, half, metric)
        let before = old.parts
        let extended = try build(block, rows, metric, threads: 2, extending: old)
        #expect(old.parts == before)
        extended.checkInvariants()
        #expect(extended.rowCount == rows && old.rowCount == half)
        let queries = makeQueries(.clustered, count: 50, dimension: dimension, metric: metric, seed: 36)
        #expect(recall(extended, queries, k: 10, breadth: 100) >= 0.95)
    }

    @Test("The empty graph can be extended; a graph can be extended by no row, and row by row")
    func extendingAtTheEdges() throws {
        let block = makeBlock(.uniform, rows: 200, dimension: 6, metric: .euclidean, seed: 37)
        let empty = try build(block, 0, .euclidean)
        let again = try build(block, 200, .euclidean).parts
        #expect(try build(block, 200, .euclidean, extending: empty).parts == again)
        try build(block, 0, .euclidean, extending: empty).checkInvariants()
        var graph = empty
        for rows in 1...200 {
            graph = try build(block, rows, .euclidean, extending: graph)
            graph.checkInvariants()
        }
        #expect(try build(block, 200, .euclidean, extending: graph).parts == graph.parts)
    }

    @Test("A graph of another metric, dimension, width or of more rows is not extended")
    func refusesToExtend() throws {
        let block = makeBlock(.uniform, rows: 50, dimension: 6, metric: .dot, seed: 38)
        let graph = try build(block, 50, .dot)
        #expect(throws: HNSWParameterError.self) { try build(block, 40, .dot, extending: graph) }
        #expect(throws: HNSWParameterError.self) { try build(block, 50, .euclidean, extending: graph) }
        var wider = HNSWParameters()
        wider.connections = 8
        #expect(throws: HNSWParameterError.self) { try build(block, 50, .dot, parameters: wider, extending: graph) }
        let other = makeBlock(.uniform, rows: 50, dimension: 7, metric: .dot, seed: 38)
        #expect(throws: HNSWParameterError.self) { try build(other, 50, .dot, extending: graph) }
    }

    @Test("Settings outside their limits are refused by name; settings at the limits are accepted")
    func limits() throws {
        let block = makeBlock(.uniform, rows: 150, dimension: 6, metric: .euclidean, seed: 39)
        func with(_ change: (inout HNSWParameters) -> Void) -> HNSWParameters {
            var parameters = HNSWParameters()
            change(&parameters)
            return parameters
        }
        for bad in [
            with { $0.connections = 1 }, with { $0.connections = 129 }, with { $0.baseConnections = 3 },
            with { $0.baseConnections = 257 }, with { $0.buildBreadth = 0 }, with { $0.buildBreadth = .max },
            with { $0.searchBreadth = 0 }, with { $0.spread = 0.9 }, with { $0.spread = .nan },
        ] {
            #expect(throws: HNSWParameterError.self) { try build(block, 150, .euclidean, parameters: bad) }
        }
        for good in [
            with { $0.connections = 2 }, with { $0.connections = 128 }, with { $0.baseConnections = 4 },
            with { $0.baseConnections = 256 }, with { $0.buildBreadth = 1 }, with { $0.spread = 4 },
        ] {
            let graph = try build(block, 150, .euclidean, parameters: good)
            graph.checkInvariants()
            #expect(graph.search([0, 0, 0, 0, 0, 0], k: 10, breadth: 10, allowed: nil, deleted: nil).count == 10)
        }
    }

    @Test("A cancelled build throws CancellationError, at once or midway")
    func cancellation() throws {
        let block = makeBlock(.uniform, rows: 2000, dimension: 6, metric: .euclidean, seed: 40)
        for allowedAsks in [0, 5] {
            let asked = CountedAsks(limit: allowedAsks)
            #expect(throws: CancellationError.self) {
                try GraphIndex.build(
                    block: block, rowCount: 2000, metric: .euclidean, parameters: HNSWParameters(), threads: 2,
                    isCancelled: { asked.isOver() })
            }
        }
    }

    @Test("Progress ascends to the number of rows")
    func progress() throws {
        let block = makeBlock(.uniform, rows: 500, dimension: 6, metric: .euclidean, seed: 41)
        var seen: [Int] = []
        _ = try HNSWGraph.build(
            .floats(block, .euclidean), rowCount: 500, parameters: HNSWParameters(), threads: 1,
            progress: { seen.append($0) })
        #expect(seen == seen.sorted() && seen.last == 500)
    }
}

/// Answers true after `limit` calls, by any thread.
final class CountedAsks: Sendable {
    private let count = Atomic<Int>(0)
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    func isOver() -> Bool { count.add(1, ordering: .relaxed).newValue > limit }
}
