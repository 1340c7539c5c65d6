import HNSW
import TestSupport
import Testing
import Vectors

/// A graph without some of its rows, and the block of the rows that are left.
private func mended(
    _ index: GraphIndex, without isLeftOut: (Int) -> Bool, adding added: [[Float]] = [], threads: Int = 1
) throws -> GraphIndex {
    let dimension = index.block.dimension
    let block = VectorBlock(dimension: dimension, capacity: index.rowCount + added.count)
    var newRows: [UInt32?] = []
    for row in 0..<index.rowCount {
        newRows.append(isLeftOut(row) ? nil : UInt32(block.count))
        if !isLeftOut(row) { block.append(UnsafeBufferPointer(start: index.block.vector(row), count: dimension)) }
    }
    for vector in added { vector.withUnsafeBufferPointer { block.append($0) } }
    let graph = try GraphIndex.build(
        block: block, rowCount: block.count, metric: index.graph.metric, parameters: index.graph.parameters,
        threads: threads, extending: KnownGraph(index.graph, newRows: newRows))
    graph.checkInvariants()
    return graph
}

/// A graph of the same rows, built from scratch.
private func rebuilt(_ index: GraphIndex) throws -> GraphIndex {
    try build(index.block, index.rowCount, index.graph.metric)
}

/// `share` of the rows, drawn evenly.
private func drawn(_ share: Double, of rows: Int, seed: UInt64) -> Set<Int> {
    var generator = SplitMix(seed: seed)
    return Set((0..<rows).filter { _ in Double(generator.next() % 1000) < share * 1000 })
}

@Suite struct GraphRepairTests {
    @Test(
        "A graph that rows have left finds as much as one built from scratch, and the old graph does not change",
        arguments: Metric.allCases, walkedByFloatsAndByCodes)
    func leaving(metric: Metric, dimension: Int) throws {
        let rows = largeRowCount / 2
        let block = makeBlock(.clustered, rows: rows, dimension: dimension, metric: metric, seed: 51)
        let queries = makeQueries(.clustered, count: 50, dimension: dimension, metric: metric, seed: 51)
        let whole = try build(block, rows, metric)
        let before = whole.parts
        for share in [0.02, 0.2, 0.5] {
            let left = drawn(share, of: rows, seed: 52)
            let graph = try mended(whole, without: left.contains)
            #expect(graph.rowCount == rows - left.count)
            let reference = try rebuilt(graph)
            // By inner product, short rows are not neighbours of any row, in any graph.
            let unreachable = reference.graph.unreachableRowCount()
            #expect(graph.graph.unreachableRowCount() <= unreachable + graph.rowCount / 100)
            #expect(
                recall(graph, queries, k: 10, breadth: 30)
                    >= recall(reference, queries, k: 10, breadth: 30) - 0.03)
        }
        #expect(whole.parts == before)
    }

    @Test("If whole neighbourhoods leave, the rows at their edges get new links", arguments: walkedByFloatsAndByCodes)
    func leavingTogether(dimension: Int) throws {
        let rows = largeRowCount / 2
        let block = makeBlock(.uniform, rows: rows, dimension: dimension, metric: .euclidean, seed: 53)
        let queries = makeQueries(.uniform, count: 50, dimension: dimension, metric: .euclidean, seed: 53)
        let whole = try build(block, rows, .euclidean)
        // All but a tenth of one half of the space.
        var generator = SplitMix(seed: 54)
        let left = Set((0..<rows).filter { block.vector($0)[0] > 0 && generator.next() % 10 != 0 })
        let graph = try mended(whole, without: left.contains)
        #expect(graph.graph.unreachableRowCount() <= graph.rowCount / 100)
        let reference = try recall(rebuilt(graph), queries, k: 10, breadth: 60)
        #expect(recall(graph, queries, k: 10, breadth: 60) >= reference - 0.03)
    }

    @Test(
        "Recall stays the same while ten times a tenth of the rows leave and others are inserted",
        arguments: walkedByFloatsAndByCodes)
    func leavingAndComing(dimension: Int) throws {
        let rows = largeRowCount / 4
        let block = makeBlock(.clustered, rows: 2 * rows, dimension: dimension, metric: .cosine, seed: 55)
        let queries = makeQueries(.clustered, count: 50, dimension: dimension, metric: .cosine, seed: 55)
        var graph = try build(block, rows, .cosine)
        for turn in 0..<10 {
            let left = drawn(0.1, of: graph.rowCount, seed: UInt64(60 + turn))
            let coming = (rows * (10 + turn) / 10..<rows * (11 + turn) / 10).map { row in
                (0..<dimension).map { block.vector(row)[$0] }
            }
            graph = try mended(graph, without: left.contains, adding: coming, threads: 2)
        }
        let reference = try recall(rebuilt(graph), queries, k: 10, breadth: 30)
        #expect(recall(graph, queries, k: 10, breadth: 30) >= reference - 0.03)
    }

    @Test("Two and five threads repair a graph and keep its invariants", arguments: [2, 5], walkedByFloatsAndByCodes)
    func threads(count: Int, dimension: Int) throws {
        let block = makeBlock(.clustered, rows: largeRowCount, dimension: dimension, metric: .euclidean, seed: 56)
        let queries = makeQueries(.clustered, count: 50, dimension: dimension, metric: .euclidean, seed: 56)
        let left = drawn(0.3, of: largeRowCount, seed: 57)
        let graph = try mended(build(block, largeRowCount, .euclidean), without: left.contains, threads: count)
        #expect(recall(graph, queries, k: 10, breadth: 100) >= 0.95)
        #expect(graph.graph.unreachableRowCount() <= graph.rowCount / 100)
    }

    @Test("All rows, all but one, one after the other, and none can leave", arguments: walkedByFloatsAndByCodes)
    func edges(dimension: Int) throws {
        let block = makeBlock(.uniform, rows: 400, dimension: dimension, metric: .euclidean, seed: 58)
        let whole = try build(block, 400, .euclidean)
        #expect(try mended(whole, without: { _ in false }).parts == whole.parts)
        #expect(try mended(whole, without: { _ in true }).rowCount == 0)
        for kept in [0, 217, 399] {
            let one = try mended(whole, without: { $0 != kept })
            let query = (0..<dimension).map { block.vector(kept)[$0] }
            #expect(one.search(query, k: 3, breadth: 10, allowed: nil, deleted: nil).map(\.row) == [0])
        }
        // The entry leaves too, and so do all rows above level 0.
        var graph = whole
        let queries = makeQueries(.uniform, count: 20, dimension: dimension, metric: .euclidean, seed: 58)
        while graph.rowCount > 1 {
            graph = try mended(graph, without: { $0 == graph.rowCount / 2 })
            if graph.rowCount % 50 == 0 { #expect(recall(graph, queries, k: 10, breadth: 100) >= 0.95) }
        }
    }
}
