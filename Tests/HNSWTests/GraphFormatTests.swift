import CKernels
import HNSW
import Testing
import Vectors

@Suite struct GraphFormatTests {
    static let rows = 600
    static let dimension = 8

    func makeGraph(_ metric: Metric = .euclidean) throws -> HNSWGraph {
        let block = makeBlock(.clustered, rows: Self.rows, dimension: Self.dimension, metric: metric, seed: 51)
        return try build(block, Self.rows, metric)
    }

    func read(_ bytes: [UInt8], like graph: HNSWGraph) throws -> HNSWGraph {
        try bytes.withUnsafeBytes { try HNSWGraph(bytes: $0, block: graph.block, metric: graph.metric) }
    }

    /// The same bytes with a checksum that fits them again.
    func resealed(_ bytes: [UInt8]) -> [UInt8] {
        let body = Array(bytes.dropLast(4))
        return body + withUnsafeBytes(of: ck_crc32c(0, body, body.count).littleEndian) { Array($0) }
    }

    @Test("A graph read back is the same graph and finds the same rows", arguments: Metric.allCases)
    func roundTrip(metric: Metric) throws {
        let graph = try makeGraph(metric)
        let bytes = graph.serialized()
        let copy = try read(bytes, like: graph)
        copy.checkInvariants()
        #expect(copy.serialized() == bytes)
        #expect(copy.parameters == graph.parameters && copy.rowCount == graph.rowCount)
        for query in makeQueries(.clustered, count: 30, dimension: Self.dimension, metric: metric, seed: 51) {
            #expect(
                copy.search(query, k: 7, breadth: 12, allowed: nil, deleted: nil)
                    == graph.search(query, k: 7, breadth: 12, allowed: nil, deleted: nil))
        }
    }

    @Test("Graphs of no and one row survive the way to bytes and back", arguments: [0, 1])
    func smallRoundTrip(rows: Int) throws {
        let block = makeBlock(.uniform, rows: rows, dimension: 3, metric: .dot, seed: 52)
        let graph = try build(block, rows, .dot)
        #expect(try read(graph.serialized(), like: graph).serialized() == graph.serialized())
    }

    @Test("Three hundred damaged bytes are each refused")
    func damagedBytes() throws {
        let graph = try makeGraph()
        let bytes = graph.serialized()
        var generator = SplitMix(seed: 53)
        for _ in 0..<300 {
            var damaged = bytes
            let at = Int(generator.next() % UInt64(bytes.count))
            damaged[at] ^= UInt8(1 + generator.next() % 255)
            #expect(throws: GraphFormatError.self, "byte \(at)") { try read(damaged, like: graph) }
        }
    }

    @Test("Damage with a checksum that fits is refused, or the graph it makes is sound and answers with rows it has")
    func damagedBytesWithFittingChecksum() throws {
        let graph = try makeGraph()
        let bytes = graph.serialized()
        var generator = SplitMix(seed: 54)
        let query = [Float](repeating: 0.2, count: Self.dimension)
        var refused = 0
        for round in 0..<300 {
            var damaged = bytes
            // Half of the damage in the header and the levels, where most of what is checked stands.
            let range = round.isMultiple(of: 2) ? 64 + Self.rows : bytes.count - 4
            let at = Int(generator.next() % UInt64(range))
            damaged[at] ^= UInt8(1 + generator.next() % 255)
            do {
                let read = try read(resealed(damaged), like: graph)
                read.checkInvariants()
                let found = read.search(query, k: 10, breadth: 20, allowed: nil, deleted: nil)
                #expect(found.allSatisfy { Int($0.row) < Self.rows })
            } catch is GraphFormatError {
                refused += 1
            }
        }
        #expect(refused > 100)
    }

    @Test("Bytes cut short or lengthened anywhere are refused, whatever their checksum")
    func cutBytes() throws {
        let graph = try makeGraph()
        let bytes = graph.serialized()
        for count in Array(0...80) + [64 + Self.rows, bytes.count - 5, bytes.count - 4, bytes.count - 1] {
            let cut = Array(bytes.prefix(count))
            #expect(throws: GraphFormatError.self) { try read(cut, like: graph) }
            if count > 4 { #expect(throws: GraphFormatError.self) { try read(resealed(cut), like: graph) } }
        }
        #expect(throws: GraphFormatError.self) { try read(resealed(bytes + [0]), like: graph) }
        #expect(throws: GraphFormatError.self) { try read(resealed(bytes + [0, 0, 0, 0]), like: graph) }
    }

    @Test("A graph of other vectors is refused: metric, dimension, too few rows")
    func otherVectors() throws {
        let graph = try makeGraph()
        let bytes = graph.serialized()
        func read(dimension: Int, rows: Int, _ metric: Metric) throws {
            let block = VectorBlock(dimension: dimension, capacity: rows)
            _ = try bytes.withUnsafeBytes { try HNSWGraph(bytes: $0, block: block, metric: metric) }
        }
        #expect(throws: GraphFormatError.self) { try read(dimension: Self.dimension, rows: Self.rows, .dot) }
        #expect(throws: GraphFormatError.self) { try read(dimension: Self.dimension + 1, rows: Self.rows, .euclidean) }
        #expect(throws: GraphFormatError.self) { try read(dimension: Self.dimension, rows: Self.rows - 1, .euclidean) }
        try read(dimension: Self.dimension, rows: Self.rows, .euclidean)
    }
}
