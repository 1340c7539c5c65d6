import CKernels
import Vectors

// A graph as bytes, little endian, version 1:
//
//     0   "CXGRAPH\n"                    8
//     8   format version                 u32
//     12  metric                         u32    0 cosine, 1 dot, 2 euclidean, 3 manhattan
//     16  rowCount                       u32
//     20  dimension                      u32
//     24  connections                    u32
//     28  width of level 0               u32
//     32  buildBreadth                   u32
//     36  searchBreadth                  u32
//     40  spread                         f32
//     44  whether the width was given    u32    0: it is the default of `connections`
//     48  seed                           u64
//     56  entry row                      u32
//     60  highest level                  u32
//     64  levels                         u8  [rowCount]
//         links of level 0               u32 [rowCount][width]          unused slots: the row's own number
//         links of the upper levels      u32 [Σ levels][connections]    row by row, from level 1 up
//         CRC-32C of all before          u32
//
// The vectors are not part of it. Bytes come from disk: nothing of them is used before it has been checked.

/// Bytes that are no graph of this block: damaged, of another version, or made for other vectors. Rebuild the graph.
package struct GraphFormatError: Error, Equatable, CustomStringConvertible {
    package let reason: String
    package var description: String { "the graph cannot be read: \(reason); rebuild it" }
}

enum GraphFormat {
    static let magic: [UInt8] = Array("CXGRAPH\n".utf8)
    static let version: UInt32 = 1
    static let headerBytes = 64
    static let metrics: [Metric] = [.cosine, .dot, .euclidean, .manhattan]
}

extension HNSWGraph {
    /// The graph as bytes, without the vectors; `init(bytes:block:metric:)` reads them.
    package func serialized() -> [UInt8] {
        let linkCount = rowCount * storage.width
        let upperCount = storage.upperBlocks * storage.connections
        var out: [UInt8] = []
        out.reserveCapacity(GraphFormat.headerBytes + rowCount + (linkCount + upperCount + 1) * 4)
        out += GraphFormat.magic
        out.append(littleEndian: GraphFormat.version)
        out.append(littleEndian: UInt32(GraphFormat.metrics.firstIndex(of: metric) ?? 0))
        out.append(littleEndian: UInt32(rowCount))
        out.append(littleEndian: UInt32(block.dimension))
        out.append(littleEndian: UInt32(parameters.connections))
        out.append(littleEndian: UInt32(storage.width))
        out.append(littleEndian: UInt32(parameters.buildBreadth))
        out.append(littleEndian: UInt32(parameters.searchBreadth))
        out.append(littleEndian: parameters.spread.bitPattern)
        out.append(littleEndian: UInt32(parameters.baseConnections == nil ? 0 : 1))
        out.append(littleEndian: parameters.seed)
        out.append(littleEndian: entry)
        out.append(littleEndian: UInt32(topLevel))
        out.append(contentsOf: UnsafeBufferPointer(start: storage.levels, count: rowCount))
        out.append(words: storage.base, count: linkCount)
        out.append(words: storage.upper, count: upperCount)
        out.append(littleEndian: ck_crc32c(0, out, out.count))
        return out
    }

    /// Reads what `serialized()` wrote, for the vectors it was made of: `block` must hold them in the same rows.
    ///
    /// - Throws: `GraphFormatError` for anything else; bytes are never trusted.
    package convenience init(bytes: UnsafeRawBufferPointer, block: VectorBlock, metric: Metric) throws {
        let header = try GraphHeader(bytes, block: block, metric: metric)
        let levels = Array(bytes[GraphFormat.headerBytes..<(GraphFormat.headerBytes + header.rowCount)])
        try header.check(levels: levels, byteCount: bytes.count)
        let storage = GraphStorage(
            levels: levels, width: header.parameters.baseWidth, connections: header.parameters.connections)
        var at = GraphFormat.headerBytes + header.rowCount
        bytes.read(into: storage.base, count: header.rowCount * storage.width, at: &at)
        bytes.read(into: storage.upper, count: storage.upperBlocks * storage.connections, at: &at)
        if let fault = storage.firstFault() { throw GraphFormatError(reason: fault) }
        self.init(
            storage: storage, entry: header.entry, topLevel: header.topLevel, block: block, metric: metric,
            parameters: header.parameters, kernels: .best)
    }
}

/// The first 64 bytes, checked against the block and against the checksum of all.
private struct GraphHeader {
    let rowCount: Int
    let parameters: HNSWParameters
    let entry: UInt32
    let topLevel: Int

    init(_ bytes: UnsafeRawBufferPointer, block: VectorBlock, metric: Metric) throws(GraphFormatError) {
        func fail(_ reason: String) -> GraphFormatError { GraphFormatError(reason: reason) }
        guard bytes.count >= GraphFormat.headerBytes + 4 else { throw fail("\(bytes.count) bytes are too few") }
        guard bytes.prefix(8).elementsEqual(GraphFormat.magic) else { throw fail("its first bytes are not a graph's") }
        func word(_ at: Int) -> UInt32 {
            UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
        }
        guard word(8) == GraphFormat.version else { throw fail("its format is version \(word(8))") }
        guard ck_crc32c(0, bytes.baseAddress ?? UnsafeRawPointer(block.base), bytes.count - 4) == word(bytes.count - 4)
        else { throw fail("its checksum does not match") }
        guard word(12) < UInt32(GraphFormat.metrics.count), GraphFormat.metrics[Int(word(12))] == metric else {
            throw fail("its metric is not \(metric)")
        }
        guard word(16) <= UInt32(maximumRowCount), Int(word(16)) <= block.capacity else {
            throw fail("its \(word(16)) rows are more than the block's \(block.capacity)")
        }
        guard Int(word(20)) == block.dimension else {
            throw fail("its dimension is \(word(20)), not \(block.dimension)")
        }
        rowCount = Int(word(16))
        var read = HNSWParameters()
        read.connections = Int(word(24))
        read.baseConnections = word(44) == 0 ? nil : Int(word(28))
        read.buildBreadth = Int(word(32))
        read.searchBreadth = Int(word(36))
        read.spread = Float(bitPattern: word(40))
        read.seed = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 48, as: UInt64.self))
        do { try read.check() } catch { throw fail(error.message) }
        guard read.baseWidth == Int(word(28)) else { throw fail("its level 0 is \(word(28)) wide") }
        parameters = read
        entry = word(56)
        guard Int(word(60)) <= GraphBuilder.maximumLevel else { throw fail("its highest level is \(word(60))") }
        topLevel = Int(word(60))
        guard bytes.count >= GraphFormat.headerBytes + rowCount + 4 else { throw fail("it ends inside its levels") }
    }

    /// Levels against the header, and the length they imply.
    func check(levels: [UInt8], byteCount: Int) throws(GraphFormatError) {
        guard levels.allSatisfy({ $0 <= topLevel }) else {
            throw GraphFormatError(reason: "a row stands above the highest level")
        }
        if rowCount == 0 {
            guard entry == 0, topLevel == 0 else { throw GraphFormatError(reason: "it is empty but has an entry") }
        } else {
            guard Int(entry) < rowCount, Int(levels[Int(entry)]) == topLevel else {
                throw GraphFormatError(reason: "its entry does not stand on the highest level")
            }
        }
        let blocks = levels.reduce(0) { $0 + Int($1) }
        let words = rowCount * parameters.baseWidth + blocks * parameters.connections + 1
        guard byteCount == GraphFormat.headerBytes + rowCount + words * 4 else {
            throw GraphFormatError(reason: "it is \(byteCount) bytes long, which its levels contradict")
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append<Word: FixedWidthInteger>(littleEndian word: Word) {
        Swift.withUnsafeBytes(of: word.littleEndian) { append(contentsOf: $0) }
    }

    fileprivate mutating func append(words: UnsafePointer<UInt32>, count: Int) {
        #if _endian(little)
            append(contentsOf: UnsafeRawBufferPointer(start: words, count: count * 4))
        #else
            for i in 0..<count { append(littleEndian: words[i]) }
        #endif
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func read(into words: UnsafeMutablePointer<UInt32>, count: Int, at offset: inout Int) {
        for i in 0..<count {
            words[i] = UInt32(littleEndian: loadUnaligned(fromByteOffset: offset + i * 4, as: UInt32.self))
        }
        offset += count * 4
    }
}
