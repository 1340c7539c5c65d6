import CTransformer
import Dispatch
import Synchronization

/// Reads the layout that scripts/convert-model.py writes, in place: a section is a range of the mapped bytes.
///
/// Every offset and size is checked against the file before it is used, and every section against its CRC-32 before it
/// is given out, so a damaged model is an error and never gives a vector.
package struct ModelFile: @unchecked Sendable {
    static let formatVersion: UInt32 = 1
    private static let headerSize = 64
    private static let entrySize = 48
    private static let mostSections = 1_000
    private static let alignment = 64

    /// The first 12 hexadecimal digits of the SHA-256 that the converter recorded.
    package let revision: String
    private let sections: [String: UnsafeRawBufferPointer]

    /// Reads and checks the whole file.
    ///
    /// - Parameters:
    ///   - bytes: must outlive the value; 64-byte aligned.
    ///   - work: runs at the same time as the check, on another processor if there is one; the bytes that it reads have
    ///     not been checked yet.
    package init(
        _ bytes: UnsafeRawBufferPointer, beside work: @Sendable (ModelFile) -> Void = { _ in }
    ) throws(EmbeddingError) {
        revision = try Self.revision(of: bytes)
        let version = bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
        guard version == Self.formatVersion else { throw Self.damaged("has format version \(version)") }
        guard bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self) == UInt64(bytes.count) else {
            throw Self.damaged("is cut short")
        }
        let count = Int(bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
        guard count <= Self.mostSections, Self.headerSize + count * Self.entrySize <= bytes.count else {
            throw Self.damaged("has a broken table")
        }
        var sections: [String: UnsafeRawBufferPointer] = [:]
        var pieces: [Piece] = []
        for index in 0..<count {
            let entry = Self.headerSize + index * Self.entrySize
            let name = bytes[entry..<entry + 24].prefix { $0 != 0 }
            let offset = bytes.loadUnaligned(fromByteOffset: entry + 24, as: UInt64.self)
            let size = bytes.loadUnaligned(fromByteOffset: entry + 32, as: UInt64.self)
            guard offset <= UInt64(bytes.count), size <= UInt64(bytes.count) - offset,
                offset % UInt64(Self.alignment) == 0
            else { throw Self.damaged("has a broken table") }
            let body = UnsafeRawBufferPointer(rebasing: bytes[Int(offset)..<Int(offset) + Int(size)])
            let crc = bytes.loadUnaligned(fromByteOffset: entry + 40, as: UInt32.self)
            pieces.append(Piece(body: body, crc: crc))
            sections[String(decoding: name, as: UTF8.self)] = body
        }
        self.sections = sections
        guard check(pieces, beside: work) else {
            throw Self.damaged("does not match its checksum in one section")
        }
    }

    /// A section and the checksum it must have.
    private struct Piece: @unchecked Sendable {
        let body: UnsafeRawBufferPointer
        let crc: UInt32

        var isWhole: Bool { ctransformer_crc32(body.bindMemory(to: UInt8.self).baseAddress, body.count) == crc }
    }

    /// Checks all sections, the large ones first, and runs `work`, on as many threads as there are processors.
    private func check(_ pieces: [Piece], beside work: @Sendable (ModelFile) -> Void) -> Bool {
        let sorted = pieces.sorted { $0.body.count > $1.body.count }
        let next = Atomic<Int>(0)
        let isWhole = Atomic<Bool>(true)
        let jobs = sorted.count + 1
        DispatchQueue.concurrentPerform(iterations: min(jobs, Int(ctransformer_processor_count()))) { _ in
            while true {
                let job = next.add(1, ordering: .relaxed).oldValue
                guard job < jobs else { return }
                if job == 0 {
                    work(self)
                } else if !sorted[job - 1].isWhole {
                    isWhole.store(false, ordering: .relaxed)
                }
            }
        }
        return isWhole.load(ordering: .relaxed)
    }

    /// Only the revision, from the first 64 bytes.
    package static func revision(of bytes: UnsafeRawBufferPointer) throws(EmbeddingError) -> String {
        guard bytes.count >= headerSize, bytes[0..<8].elementsEqual("CTXMODEL".utf8) else {
            throw damaged("does not begin with the bytes of a model")
        }
        let digits = Array("0123456789abcdef")
        return bytes[24..<30].reduce(into: "") { $0 += "\(digits[Int($1 >> 4)])\(digits[Int($1 & 15)])" }
    }

    /// A section of `count` numbers.
    func numbers<Number: BitwiseCopyable>(
        _ name: String, _ type: Number.Type, count: Int
    ) throws(EmbeddingError) -> UnsafePointer<Number> {
        guard let body = sections[name], body.count == count * MemoryLayout<Number>.stride,
            let base = body.bindMemory(to: Number.self).baseAddress
        else { throw Self.damaged("lacks a section") }
        return base
    }

    package func bytes(_ name: String) throws(EmbeddingError) -> [UInt8] {
        guard let body = sections[name] else { throw Self.damaged("lacks a section") }
        return Array(body)
    }

    private static func damaged(_ what: String) -> EmbeddingError {
        EmbeddingError(.damagedModel, "The model inside this binary \(what); install the binary again.")
    }
}
