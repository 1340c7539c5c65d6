import CKernels
import HNSW
import TestSupport
import Testing
import Vectors

@Suite struct GraphFormatTests {
    static let rows = 600
    /// A graph that walks over floats, and one that walks over codes.
    static let dimensions = [8, 70]

    func makeGraph(_ dimension: Int, _ metric: Metric = .euclidean) throws -> GraphIndex {
        let block = makeBlock(.clustered, rows: Self.rows, dimension: dimension, metric: metric, seed: 51)
        return try build(block, Self.rows, metric)
    }

    func read(
        _ parts: [[UInt8]], like index: GraphIndex, metric: Metric? = nil, dimension: Int? = nil, rows: Int? = nil
    )
        throws -> GraphIndex
    {
        let head = parts.first ?? []
        let reader = try head.withUnsafeBytes {
            try GraphReader(
                head: $0, metric: metric ?? index.graph.metric, dimension: dimension ?? index.block.dimension,
                rowCount: rows ?? index.rowCount, block: index.block)
        }
        for part in parts.dropFirst() { try part.withUnsafeBytes { try reader.add($0) } }
        return GraphIndex(graph: try reader.finish(), block: index.block)
    }

    /// The same bytes with a checksum that is right again.
    func resealed(_ bytes: [UInt8]) -> [UInt8] {
        let body = Array(bytes.dropLast(4))
        return body + withUnsafeBytes(of: ck_crc32c(0, body, body.count).littleEndian) { Array($0) }
    }

    @Test(
        "A graph that was written and read has the same links and finds the same rows", arguments: Metric.allCases,
        dimensions)
    func roundTrip(metric: Metric, dimension: Int) throws {
        let graph = try makeGraph(dimension, metric)
        let parts = graph.parts
        let copy = try read(parts, like: graph)
        copy.checkInvariants()
        #expect(copy.parts == parts)
        #expect(copy.graph.parameters == graph.graph.parameters && copy.rowCount == graph.rowCount)
        for query in makeQueries(.clustered, count: 30, dimension: dimension, metric: metric, seed: 51) {
            #expect(
                copy.search(query, k: 7, breadth: 12, allowed: nil, deleted: nil)
                    == graph.search(query, k: 7, breadth: 12, allowed: nil, deleted: nil))
        }
    }

    @Test("Graphs of no row and of one row can be written and read", arguments: [0, 1], [3, 70])
    func smallRoundTrip(rows: Int, dimension: Int) throws {
        let block = makeBlock(.uniform, rows: rows, dimension: dimension, metric: .dot, seed: 52)
        let graph = try build(block, rows, .dot)
        #expect(try read(graph.parts, like: graph).parts == graph.parts)
    }

    @Test("Three hundred damaged bytes are each refused", arguments: dimensions)
    func damagedBytes(dimension: Int) throws {
        let graph = try makeGraph(dimension)
        let parts = graph.parts
        var generator = SplitMix(seed: 53)
        for _ in 0..<300 {
            var damaged = parts
            let part = Int(generator.next() % UInt64(parts.count))
            let at = Int(generator.next() % UInt64(parts[part].count))
            damaged[part][at] ^= UInt8(1 + generator.next() % 255)
            #expect(throws: GraphFormatError.self, "part \(part), byte \(at)") { try read(damaged, like: graph) }
        }
    }

    @Test(
        "Damage with a right checksum is refused, or the graph only answers with rows that it has",
        arguments: dimensions)
    func damagedBytesWithFittingChecksum(dimension: Int) throws {
        let graph = try makeGraph(dimension)
        let parts = graph.parts
        var generator = SplitMix(seed: 54)
        let query = [Float](repeating: 0.2, count: dimension)
        var refused = 0
        for round in 0..<300 {
            var damaged = parts
            // Half of the damage is in the head, which has most of the checked numbers.
            let part = round.isMultiple(of: 2) ? 0 : 1 + Int(generator.next() % UInt64(parts.count - 1))
            let range = part == 0 ? 72 + Self.rows : parts[part].count - 4
            let at = Int(generator.next() % UInt64(range))
            damaged[part][at] ^= UInt8(1 + generator.next() % 255)
            damaged[part] = resealed(damaged[part])
            do {
                let read = try read(damaged, like: graph)
                let found = read.search(query, k: 10, breadth: 20, allowed: nil, deleted: nil)
                #expect(found.allSatisfy { Int($0.row) < Self.rows })
            } catch is GraphFormatError {
                refused += 1
            }
        }
        #expect(refused > 100)
    }

    @Test(
        "A part that is cut, lengthened, missing or given twice is refused, with any checksum", arguments: dimensions)
    func cutParts(dimension: Int) throws {
        let graph = try makeGraph(dimension)
        let parts = graph.parts
        for (index, bytes) in parts.enumerated() {
            func refused(_ changed: [UInt8]) {
                var damaged = parts
                damaged[index] = changed
                #expect(throws: GraphFormatError.self) { try read(damaged, like: graph) }
            }
            for count in Array(0...80) + [72 + Self.rows, bytes.count - 5, bytes.count - 4, bytes.count - 1] {
                let cut = Array(bytes.prefix(count))
                refused(cut)
                if count > 4, count < bytes.count { refused(resealed(cut)) }
            }
            refused(resealed(bytes + [0]))
            refused(resealed(bytes + [0, 0, 0, 0]))
            #expect(throws: GraphFormatError.self) {
                try read(parts.enumerated().filter { $0.offset != index }.map(\.element), like: graph)
            }
            #expect(throws: GraphFormatError.self) { try read(parts + [bytes], like: graph) }
        }
    }

    @Test("A graph of other vectors is refused: metric, dimension, number of rows", arguments: dimensions)
    func otherVectors(dimension: Int) throws {
        let graph = try makeGraph(dimension)
        let parts = graph.parts
        #expect(throws: GraphFormatError.self) { try read(parts, like: graph, metric: .dot) }
        #expect(throws: GraphFormatError.self) { try read(parts, like: graph, dimension: dimension + 1) }
        #expect(throws: GraphFormatError.self) { try read(parts, like: graph, rows: Self.rows - 1) }
        _ = try read(parts, like: graph)
    }

    @Test(
        "A graph answers by its codes before its links have been read, and by a walk afterwards",
        arguments: [true, false])
    func linksComeLater(areWhole: Bool) throws {
        let index = try makeGraph(70)
        let parts = index.parts
        let reader = try parts[0].withUnsafeBytes {
            try GraphReader(
                head: $0, metric: .euclidean, dimension: 70, rowCount: Self.rows, block: nil)
        }
        #expect(reader.linkParts.count + reader.codeParts.count + 1 == parts.count)
        #expect(throws: GraphFormatError.self) { try reader.finishCodes() }
        for part in reader.codeParts { try parts[part].withUnsafeBytes { try reader.add($0) } }
        #expect(throws: GraphFormatError.self) { try reader.finish() }
        let graph = try reader.finishCodes()
        let early = GraphIndex(graph: graph, block: index.block)
        let queries = makeQueries(.clustered, count: 30, dimension: 70, metric: .euclidean, seed: 51)
        #expect(recall(early, queries, k: 10, breadth: 30) >= 0.99)
        if areWhole {
            for part in reader.linkParts { try parts[part].withUnsafeBytes { try reader.add($0) } }
        }
        // Links that were reported as complete but are not count as damaged.
        reader.finishLinks(of: graph, areWhole: true)
        #expect(graph.hasLinks == areWhole)
        #expect(graph.hasDamagedLinks != areWhole)
        #expect(recall(early, queries, k: 10, breadth: 30) >= 0.9)
        if areWhole {
            #expect(early.parts == parts)
        } else {
            #expect(throws: HNSWParameterError.self) {
                try build(index.block, Self.rows, .euclidean, extending: early)
            }
        }
    }
}
