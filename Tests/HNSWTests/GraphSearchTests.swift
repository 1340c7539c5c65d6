import HNSW
import TestSupport
import Testing
import Vectors

@Suite struct GraphSearchTests {
    @Test("Recall@10 is at least .95 for every metric and shape", arguments: Metric.allCases, Shape.allCases)
    func recallIsHigh(metric: Metric, shape: Shape) throws {
        // Uniform rows of many dimensions are nearly equally far from each other.
        for dimension in shape == .uniform ? [24] : walkedByFloatsAndByCodes {
            try recallIsHigh(metric, shape, dimension: dimension)
        }
    }

    func recallIsHigh(_ metric: Metric, _ shape: Shape, dimension: Int) throws {
        let block = makeBlock(shape, rows: largeRowCount, dimension: dimension, metric: metric, seed: 21)
        let graph = try build(block, largeRowCount, metric)
        graph.checkInvariants()
        let queries = makeQueries(shape, count: 60, dimension: dimension, metric: metric, seed: 21)
        let found = recall(graph, queries, k: 10, breadth: 100)
        #expect(found >= 0.95, "recall \(found)")
    }

    @Test("A wider walk finds at most .001 less than a narrow one")
    func widerIsBetter() throws {
        let block = makeBlock(.uniform, rows: largeRowCount, dimension: 24, metric: .cosine, seed: 22)
        let graph = try build(block, largeRowCount, .cosine)
        let queries = makeQueries(.uniform, count: 60, dimension: 24, metric: .cosine, seed: 22)
        let recalls = [10, 20, 40, 80].map { recall(graph, queries, k: 10, breadth: $0) }
        for (a, b) in zip(recalls, recalls.dropFirst()) { #expect(b >= a - 0.001, "\(recalls)") }
        // The control: a walk with one candidate must miss some rows, or this test cannot fail.
        #expect(recall(graph, queries, k: 1, breadth: 1) < 1)
    }

    @Test(
        "A filtered answer has only matching rows, as many as were asked for, and recall .9",
        arguments: [1, 10, 50, 100], walkedByFloatsAndByCodes)
    func filters(percent: Int, dimension: Int) throws {
        let block = makeBlock(.clustered, rows: largeRowCount, dimension: dimension, metric: .euclidean, seed: 23)
        let graph = try build(block, largeRowCount, .euclidean)
        var generator = SplitMix(seed: 24)
        var allowed = RowSet(rowCount: largeRowCount)
        for row in 0..<largeRowCount where generator.next() % 100 < UInt64(percent) { allowed.insert(row) }
        let queries = makeQueries(.clustered, count: 40, dimension: dimension, metric: .euclidean, seed: 23)
        for query in queries {
            let found = graph.search(query, k: 10, breadth: 40, allowed: allowed, deleted: nil)
            #expect(found.count == min(10, allowed.count))
            #expect(found.allSatisfy { allowed.contains(Int($0.row)) })
            #expect(found == found.sorted())
        }
        let share = recall(graph, queries, k: 10, breadth: 40, allowed: allowed)
        #expect(share >= 0.9, "recall \(share)")
    }

    @Test("A filter that keeps only the farthest rows gives a full answer with recall .9")
    func filterAgainstTheQuery() throws {
        let block = makeBlock(.uniform, rows: largeRowCount, dimension: 16, metric: .euclidean, seed: 25)
        let graph = try build(block, largeRowCount, .euclidean)
        let queries = makeQueries(.uniform, count: 10, dimension: 16, metric: .euclidean, seed: 25)
        let flat = FlatIndex(block: block, metric: .euclidean, rowCount: largeRowCount)
        for query in queries {
            let all = flat.search(query, k: largeRowCount, allowed: nil, deleted: nil)
            var allowed = RowSet(rowCount: largeRowCount)
            for neighbor in all.suffix(largeRowCount / 2) { allowed.insert(Int(neighbor.row)) }
            let found = graph.search(query, k: 10, breadth: 40, allowed: allowed, deleted: nil)
            #expect(found.count == 10)
            #expect(found.allSatisfy { allowed.contains(Int($0.row)) })
            #expect(recall(graph, [query], k: 10, breadth: 40, allowed: allowed) >= 0.9)
        }
    }

    @Test("Deleted rows are never found, and the rows around them still are", arguments: walkedByFloatsAndByCodes)
    func deletions(dimension: Int) throws {
        let block = makeBlock(.clustered, rows: largeRowCount, dimension: dimension, metric: .cosine, seed: 26)
        let graph = try build(block, largeRowCount, .cosine)
        var deleted = RowSet(rowCount: largeRowCount), allowed = RowSet(rowCount: largeRowCount)
        var generator = SplitMix(seed: 27)
        for row in 0..<largeRowCount {
            if generator.next() % 5 == 0 { deleted.insert(row) }
            if generator.next() % 2 == 0 { allowed.insert(row) }
        }
        let queries = makeQueries(.clustered, count: 40, dimension: dimension, metric: .cosine, seed: 26)
        for query in queries {
            let found = graph.search(query, k: 20, breadth: 40, allowed: allowed, deleted: deleted)
            #expect(found.count == 20)
            #expect(found.allSatisfy { allowed.contains(Int($0.row)) && !deleted.contains(Int($0.row)) })
        }
        #expect(recall(graph, queries, k: 10, breadth: 60, deleted: deleted) >= 0.95)
        #expect(graph.search(queries[0], k: 5, breadth: 9, allowed: nil, deleted: RowSet(allOf: largeRowCount)).isEmpty)
    }

    @Test("A k above the number of rows finds every row once")
    func kBeyondRows() throws {
        let block = makeBlock(.uniform, rows: 300, dimension: 8, metric: .dot, seed: 28)
        let graph = try build(block, 300, .dot)
        let query = [Float](repeating: 0.5, count: 8)
        for k in [300, 301, 5000, Int.max] {
            let found = graph.search(query, k: k, breadth: 10, allowed: nil, deleted: nil)
            #expect(Set(found.map(\.row)).count == 300 && found.count == 300)
        }
        #expect(graph.search(query, k: 0, breadth: 10, allowed: nil, deleted: nil).isEmpty)
        #expect(graph.search(query, k: 3, breadth: Int.max, allowed: nil, deleted: nil).count == 3)
    }

    @Test("Many threads that search one graph find the same rows as one thread")
    func concurrentSearch() async throws {
        let block = makeBlock(.uniform, rows: 3000, dimension: 12, metric: .euclidean, seed: 29)
        let graph = try build(block, 3000, .euclidean)
        let queries = makeQueries(.uniform, count: 100, dimension: 12, metric: .euclidean, seed: 29)
        let alone = queries.map { graph.search($0, k: 10, breadth: 20, allowed: nil, deleted: nil) }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    queries.map { graph.search($0, k: 10, breadth: 20, allowed: nil, deleted: nil) } == alone
                }
            }
            for try await same in group { #expect(same) }
        }
    }

    @Test("Six hundred searches in one scratch do not affect each other")
    func epochsWrapAround() throws {
        let block = makeBlock(.uniform, rows: 2000, dimension: 8, metric: .euclidean, seed: 30)
        let graph = try build(block, 2000, .euclidean)
        let query = [Float](repeating: 0.1, count: 8)
        let first = graph.search(query, k: 10, breadth: 20, allowed: nil, deleted: nil)
        for _ in 0..<600 {
            #expect(graph.search(query, k: 10, breadth: 20, allowed: nil, deleted: nil) == first)
        }
    }
}
