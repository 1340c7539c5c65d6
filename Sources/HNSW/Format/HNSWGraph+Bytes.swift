import CKernels
import Synchronization
import Vectors

extension HNSWGraph {
    /// Bytes of rows in one part; 50 000 rows already make a few parts to read at the same time.
    private static let partBytes = 8 << 20

    fileprivate static func rowsPerPart(_ rows: GraphRows, width: Int) -> Int {
        var widest = width * MemoryLayout<UInt32>.stride
        if case .codes(let block) = rows { widest = max(widest, block.stride + 8) }
        return max(1, partBytes / widest)
    }

    private var rowsPerPart: Int { Self.rowsPerPart(rows, width: storage.width) }

    /// The number of parts of the graph as bytes: a head, then links, then codes.
    package var partCount: Int {
        let pieces = (rowCount + rowsPerPart - 1) / rowsPerPart
        return 1 + pieces * (codeBlock == nil ? 1 : 2)
    }

    private var codeBlock: CodeBlock? { if case .codes(let block) = rows { block } else { nil } }

    /// One part as bytes; `GraphReader` reads them. The links must have been read.
    package func part(_ index: Int) -> [UInt8] {
        precondition((0..<partCount).contains(index) && hasLinks)
        if index == 0 { return headPart() }
        let pieces = (rowCount + rowsPerPart - 1) / rowsPerPart
        let first = (index - 1) % pieces * rowsPerPart
        let count = min(rowsPerPart, rowCount - first)
        var writer = PartWriter(index <= pieces ? .links : .codes, capacity: Self.partBytes)
        writer.put(UInt32(first))
        writer.put(UInt32(count))
        if index <= pieces {
            writer.put(storage.base, rows: first..<first + count)
        } else if let block = codeBlock {
            writer.put(block.codes + first * block.stride, count: count * block.stride)
            writer.put(block.scales + first, count: count)
            if let biases = block.biases { writer.put(biases + first, count: count) }
        }
        return writer.finish()
    }

    private func headPart() -> [UInt8] {
        let upperCount = storage.upper.blocks * storage.connections
        var writer = PartWriter(.head, capacity: rowCount + 4 * upperCount + 4 * rows.dimension)
        writer.put(UInt32(GraphFormat.metrics.firstIndex(of: metric) ?? 0))
        writer.put(UInt32(codeBlock?.kind.rawValue ?? 0))
        for number in [
            rowCount, rows.dimension, parameters.connections, storage.width, parameters.buildBreadth,
            parameters.searchBreadth,
        ] { writer.put(UInt32(number)) }
        writer.put(parameters.spread.bitPattern)
        writer.put(UInt32(parameters.baseConnections == nil ? 0 : 1))
        writer.put(parameters.seed)
        writer.put(entry)
        writer.put(UInt32(topLevel))
        writer.put(storage.upper.levels, count: rowCount)
        writer.put(storage.upper.links, count: upperCount)
        codeBlock?.mean.withUnsafeBufferPointer { mean in
            if let start = mean.baseAddress { writer.put(start, count: mean.count) }
        }
        return writer.finish()
    }
}

/// Assembles a graph from its parts, several of which may be read at the same time.
package final class GraphReader: @unchecked Sendable {
    private let storage: GraphStorage
    private let rows: GraphRows
    private let parameters: HNSWParameters
    private let entry: UInt32
    private let topLevel: Int
    /// How many rows' links, and how many rows' codes, have been read.
    private let linksRead = Atomic<Int>(0)
    private let codesRead = Atomic<Int>(0)

    /// Begins with the head.
    ///
    /// - Parameters:
    ///   - block: the floats of the same rows, for a graph that scores by floats.
    /// - Throws: `GraphFormatError` unless the bytes are what `part(0)` wrote for rows of this shape.
    package init(
        head bytes: UnsafeRawBufferPointer, metric: Metric, dimension: Int, rowCount: Int, block: VectorBlock?
    ) throws {
        func fail(_ reason: String) -> GraphFormatError { GraphFormatError(reason: reason) }
        var (kind, body) = try GraphFormat.open(bytes)
        guard kind == .head else { throw fail("it does not begin with its head") }
        let head = try GraphHead(&body)
        guard head.metric == metric else { throw fail("its metric is not \(metric)") }
        guard head.dimension == dimension else { throw fail("its dimension is \(head.dimension), not \(dimension)") }
        guard head.rowCount == rowCount else { throw fail("it has \(head.rowCount) rows, not \(rowCount)") }
        var levels = [UInt8](repeating: 0, count: rowCount)
        try levels.withUnsafeMutableBufferPointer { levels in
            if let start = levels.baseAddress { try body.copy(to: start, count: rowCount) }
        }
        try head.check(levels)
        storage = GraphStorage(
            levels: levels, width: head.parameters.baseWidth, connections: head.parameters.connections)
        let upper = storage.upper
        try body.copy(to: upper.links, count: upper.blocks * upper.connections)
        if let kind = head.codes {
            guard CodeBlock.supports(metric, dimension: dimension) else { throw fail("its rows cannot have codes") }
            var mean = [Float](repeating: 0, count: dimension)
            try mean.withUnsafeMutableBufferPointer { mean in
                if let start = mean.baseAddress { try body.copy(to: start, count: dimension) }
            }
            rows = .codes(
                CodeBlock(kind: kind, metric: metric, dimension: dimension, count: rowCount, mean: mean))
        } else {
            guard let block, block.dimension == dimension, block.capacity >= rowCount else {
                throw fail("it needs the floats of its rows")
            }
            rows = .floats(block, metric)
        }
        try body.checkEnd()
        parameters = head.parameters
        entry = head.entry
        topLevel = head.topLevel
        if let fault = upper.firstFault() { throw fail(fault) }
    }

    /// Reads one part of links or codes.
    package func add(_ bytes: UnsafeRawBufferPointer) throws {
        func fail(_ reason: String) -> GraphFormatError { GraphFormatError(reason: reason) }
        var (kind, body) = try GraphFormat.open(bytes)
        let first = Int(try body.word()), count = Int(try body.word())
        guard first <= storage.rowCount, count <= storage.rowCount - first else {
            throw fail("a part has rows \(first)..<\(first + count) of \(storage.rowCount)")
        }
        switch (kind, rows) {
        case (.links, _):
            try body.copy(to: storage.base, rows: first..<first + count)
            linksRead.add(count, ordering: .releasing)
        case (.codes, .codes(let block)):
            try body.copy(to: block.codes + first * block.stride, count: count * block.stride)
            try body.copy(to: block.scales + first, count: count)
            if let biases = block.biases { try body.copy(to: biases + first, count: count) }
            codesRead.add(count, ordering: .releasing)
        default: throw fail("a part does not belong to this graph")
        }
        try body.checkEnd()
    }

    /// The numbers of the parts that hold links, and of those that hold codes.
    package var linkParts: Range<Int> { 1..<1 + pieces }
    package var codeParts: Range<Int> {
        guard case .codes = rows else { return 1 + pieces..<1 + pieces }
        return 1 + pieces..<1 + 2 * pieces
    }

    private var pieces: Int {
        let each = HNSWGraph.rowsPerPart(rows, width: storage.width)
        return (storage.rowCount + each - 1) / each
    }

    /// The graph, once every part has been read.
    package func finish() throws -> HNSWGraph {
        try checkCodes()
        try checkLinks()
        return graph(links: .there)
    }

    /// The graph, once every part of its codes has been read. It scores all rows until its links have been read and
    /// `finishLinks` was called.
    package func finishCodes() throws -> HNSWGraph {
        guard case .codes = rows else { throw GraphFormatError(reason: "it has no codes") }
        try checkCodes()
        return graph(links: .coming)
    }

    /// Tells a graph of `finishCodes` that its links have been read, or that they could not be read.
    package func finishLinks(of graph: HNSWGraph, areWhole: Bool) {
        graph.linksCame(
            areWhole && linksRead.load(ordering: .acquiring) == storage.rowCount ? .there : .damaged)
    }

    private func checkCodes() throws {
        let wanted = if case .codes = rows { storage.rowCount } else { 0 }
        guard codesRead.load(ordering: .acquiring) == wanted else {
            throw GraphFormatError(reason: "parts of its codes are missing")
        }
    }

    private func checkLinks() throws {
        guard linksRead.load(ordering: .acquiring) == storage.rowCount else {
            throw GraphFormatError(reason: "parts of its links are missing")
        }
    }

    private func graph(links: HNSWGraph.LinkState) -> HNSWGraph {
        let sketches: SketchBlock? =
            if links == .there, case .codes(let block) = rows { .paying(for: block) } else { nil }
        return HNSWGraph(
            rows: rows, storage: storage, entry: entry, topLevel: topLevel, parameters: parameters, links: links,
            sketches: sketches)
    }
}

extension PartWriter {
    fileprivate mutating func put(_ links: PackedLinks, rows: Range<Int>) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: links.width + PackedLayer.slack) { own in
            guard let own = own.baseAddress else { return }
            for row in rows {
                links.copy(row, to: own)
                put(own, count: links.width)
            }
        }
    }
}

extension PartReader {
    /// - Throws: `GraphFormatError` for a link out of the graph: a walk does not check links.
    fileprivate mutating func copy(to links: PackedLinks, rows: Range<Int>) throws {
        try withUnsafeTemporaryAllocation(of: UInt32.self, capacity: links.width) { own in
            guard let start = own.baseAddress else { return }
            for row in rows {
                try copy(to: start, count: links.width)
                let largest = own.max() ?? 0
                guard Int(largest) < links.rowCount else {
                    throw GraphFormatError(reason: "a row links to \(largest) of \(links.rowCount) rows")
                }
                links.set(row, start)
            }
        }
    }
}

/// The numbers of the head; each is within its limits.
private struct GraphHead {
    let metric: Metric
    let codes: CodeKind?
    let rowCount: Int
    let dimension: Int
    let parameters: HNSWParameters
    let entry: UInt32
    let topLevel: Int

    init(_ body: inout PartReader) throws(GraphFormatError) {
        func fail(_ reason: String) -> GraphFormatError { GraphFormatError(reason: reason) }
        let number = Int(try body.word())
        guard GraphFormat.metrics.indices.contains(number) else { throw fail("it has no known metric") }
        metric = GraphFormat.metrics[number]
        let bits = try body.word()
        codes = bits == 0 ? nil : CodeKind(rawValue: UInt8(truncatingIfNeeded: bits))
        guard bits == 0 || (codes != nil && bits <= 8) else { throw fail("its codes have \(bits) bits") }
        rowCount = Int(try body.word())
        dimension = Int(try body.word())
        guard rowCount <= maximumRowCount else { throw fail("it has \(rowCount) rows") }
        var read = HNSWParameters()
        read.connections = Int(try body.word())
        let width = Int(try body.word())
        read.buildBreadth = Int(try body.word())
        read.searchBreadth = Int(try body.word())
        read.spread = Float(bitPattern: try body.word())
        read.baseConnections = try body.word() == 0 ? nil : width
        read.seed = try body.number(UInt64.self)
        do { try read.check() } catch { throw fail(error.message) }
        guard read.baseWidth == width else { throw fail("its level 0 is \(width) wide") }
        parameters = read
        entry = try body.word()
        topLevel = Int(try body.word())
        guard topLevel <= Int(GraphLevels.maximum) else { throw fail("its highest level is \(topLevel)") }
    }

    func check(_ levels: [UInt8]) throws(GraphFormatError) {
        guard levels.allSatisfy({ $0 <= topLevel }) else {
            throw GraphFormatError(reason: "a row is above the highest level")
        }
        if rowCount == 0 {
            guard entry == 0, topLevel == 0 else { throw GraphFormatError(reason: "it is empty but has an entry") }
        } else {
            guard Int(entry) < rowCount, Int(levels[Int(entry)]) == topLevel else {
                throw GraphFormatError(reason: "its entry is not on the highest level")
            }
        }
    }
}
