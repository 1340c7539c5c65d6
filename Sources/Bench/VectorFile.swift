import Files
import Foundation
import Vectors

// Arrays as benchmarks publish them.
//
//     .npy    magic 93 "NUMPY", version major minor, header length (u16 in version 1, u32 in 2, little endian), a
//     Python
//             dictionary {'descr': '<f4', 'fortran_order': False, 'shape': (rows, columns), }, then the elements
//             (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html)
//     .fvecs  each row: its length as i32, then that many f32, little endian (http://corpus-texmex.irisa.fr)

/// A two-dimensional array, rows × columns, row-major.
struct Matrix<Element> {
    let rows: Int
    let columns: Int
    let elements: [Element]
}

/// A file that is not the array it should be: its path and what is wrong.
struct VectorFileError: Error, CustomStringConvertible {
    let path: String
    let reason: String
    var description: String { "\(path): \(reason)" }
}

enum VectorFile {
    /// Reads float32 vectors from `.npy` or `.fvecs`, told apart by the name.
    static func floats(_ path: String) throws -> Matrix<Float> {
        let data = try read(path)
        if path.hasSuffix(".fvecs") { return try fvecs(data, path) }
        let header = try NumpyHeader(data, path)
        guard header.type == "<f4" else {
            throw VectorFileError(path: path, reason: "holds \(header.type); float32 (<f4) is wanted")
        }
        return Matrix(rows: header.rows, columns: header.columns, elements: try header.elements(data, path))
    }

    /// The same in memory of its own, which goes back to the system with it: what a harness holds should not be counted
    /// as the engine's.
    static func block(_ path: String) throws -> VectorBlock {
        func block(_ bytes: UnsafeRawBufferPointer, rows: Int, columns: Int) -> VectorBlock {
            let block = VectorBlock(dimension: columns, capacity: rows)
            let size = columns * MemoryLayout<Float>.stride
            for row in 0..<rows {
                block.append(bytes: UnsafeRawBufferPointer(rebasing: bytes[row * size..<(row + 1) * size]))
            }
            return block
        }
        guard !path.hasSuffix(".fvecs") else {
            let read = try floats(path)
            return read.elements.withUnsafeBytes { block($0, rows: read.rows, columns: read.columns) }
        }
        let data = try read(path)
        let header = try NumpyHeader(data, path)
        guard header.type == "<f4", header.columns > 0 else {
            throw VectorFileError(path: path, reason: "holds \(header.type); float32 (<f4) is wanted")
        }
        return try header.withElements(data, path, of: Float.self) {
            block($0, rows: header.rows, columns: header.columns)
        }
    }

    /// Reads row numbers from `.npy`, int32 or int64; every one must be at least 0 and fit 31 bits.
    static func rowNumbers(_ path: String) throws -> Matrix<Int32> {
        let data = try read(path)
        let header = try NumpyHeader(data, path)
        switch header.type {
        case "<i4":
            let elements: [Int32] = try header.elements(data, path)
            guard elements.allSatisfy({ $0 >= 0 }) else {
                throw VectorFileError(path: path, reason: "holds a negative row number")
            }
            return Matrix(rows: header.rows, columns: header.columns, elements: elements)
        case "<i8":
            let wide: [Int64] = try header.elements(data, path)
            let elements = try wide.map {
                guard let row = Int32(exactly: $0), row >= 0 else {
                    throw VectorFileError(path: path, reason: "row number \($0) is out of range")
                }
                return row
            }
            return Matrix(rows: header.rows, columns: header.columns, elements: elements)
        default:
            throw VectorFileError(path: path, reason: "holds \(header.type); int32 or int64 is wanted")
        }
    }

    private static func read(_ path: String) throws -> Data {
        do {
            return try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
        } catch {
            throw VectorFileError(path: path, reason: "cannot be read: \(error.localizedDescription)")
        }
    }

    private static func fvecs(_ data: Data, _ path: String) throws -> Matrix<Float> {
        guard data.count >= 4 else { throw VectorFileError(path: path, reason: "is shorter than one row's length") }
        let columns = Int(data.withUnsafeBytes { $0.loadUnaligned(as: Int32.self) })
        guard columns > 0, columns <= 1 << 20 else {
            throw VectorFileError(path: path, reason: "says a row has \(columns) components")
        }
        let rowBytes = 4 + columns * 4
        guard data.count.isMultiple(of: rowBytes) else {
            throw VectorFileError(path: path, reason: "is not a whole number of rows of \(columns) components")
        }
        let rows = data.count / rowBytes
        var elements = [Float](repeating: 0, count: rows * columns)
        try data.withUnsafeBytes { bytes in
            try elements.withUnsafeMutableBytes { out in
                for row in 0..<rows {
                    let at = row * rowBytes
                    guard bytes.loadUnaligned(fromByteOffset: at, as: Int32.self) == Int32(columns) else {
                        throw VectorFileError(path: path, reason: "row \(row) is not as long as row 0")
                    }
                    let source = UnsafeRawBufferPointer(rebasing: bytes[(at + 4)..<(at + rowBytes)])
                    UnsafeMutableRawBufferPointer(rebasing: out[(row * columns * 4)..<((row + 1) * columns * 4)])
                        .copyMemory(from: source)
                }
            }
        }
        return Matrix(rows: rows, columns: columns, elements: elements)
    }
}

/// What the head of a `.npy` file says; only C order with one or two axes.
private struct NumpyHeader {
    let type: String
    let rows: Int
    let columns: Int
    private let start: Int

    init(_ data: Data, _ path: String) throws {
        func fail(_ reason: String) -> VectorFileError { VectorFileError(path: path, reason: reason) }
        let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
        guard data.count >= 12, Array(data.prefix(6)) == magic else { throw fail("is no .npy file") }
        let (length, from): (Int, Int) = try data.withUnsafeBytes { bytes in
            switch bytes[6] {
            case 1: (Int(bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)), 10)
            case 2: (Int(bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)), 12)
            default: throw fail("has .npy version \(bytes[6]); 1 and 2 are read")
            }
        }
        guard from + length <= data.count else { throw fail("ends inside its header") }
        let header = String(decoding: data[from..<(from + length)], as: UTF8.self)
        guard let type = header.firstMatch(of: /'descr': *'([^']*)'/)?.1 else { throw fail("names no element type") }
        guard header.contains(/'fortran_order': *False/) else { throw fail("is not in C order") }
        guard let shape = header.firstMatch(of: /'shape': *\(([0-9, ]*)\)/)?.1 else { throw fail("names no shape") }
        let axes = shape.split(separator: ",").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
        guard axes.count == 1 || axes.count == 2, axes.allSatisfy({ $0 >= 0 && $0 < 1 << 40 }) else {
            throw fail("has the shape (\(shape)); one or two axes are read")
        }
        self.type = String(type)
        rows = axes[0]
        columns = axes.count == 2 ? axes[1] : 1
        start = from + length
    }

    func elements<Element: BitwiseCopyable>(_ data: Data, _ path: String) throws -> [Element] {
        try withElements(data, path, of: Element.self) { bytes in
            Array(unsafeUninitializedCapacity: rows * columns) { out, initialized in
                UnsafeMutableRawBufferPointer(out).copyMemory(from: bytes)
                initialized = rows * columns
            }
        }
    }

    /// Lends the bytes of the elements, of which the file must hold exactly `rows × columns`.
    func withElements<Element: BitwiseCopyable, Result>(
        _ data: Data, _ path: String, of _: Element.Type, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
        let (bytes, tooMany) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        guard !overflow, !tooMany, data.count - start == bytes else {
            throw VectorFileError(
                path: path, reason: "holds \(data.count - start) bytes of elements; \(rows) × \(columns) are promised")
        }
        return try data.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[start...])) }
    }
}
