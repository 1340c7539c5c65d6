import ArgumentParser
import Embedding
import Foundation

/// Embeds texts into a file of vectors, so that a search benchmark runs on real ones.
struct VectorsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vectors", abstract: "Embed the lines of a text file into a .npy array.",
        discussion: "Writes float32, lines × 384, each of length 1, by the built-in model.")

    @Option(help: "UTF-8 text, one line a vector.") var texts: String
    @Option(help: "The .npy file to write.") var out: String
    @Option(help: "Threads.") var threads = ProcessInfo.processInfo.activeProcessorCount

    /// Texts embedded between two lines of progress.
    private static let batchSize = 4096

    func validate() throws {
        guard (1...256).contains(threads) else { throw ValidationError("--threads must be 1 to 256.") }
    }

    func run() throws {
        let lines = try String(contentsOfFile: texts, encoding: .utf8).split(separator: "\n").map(String.init)
        let model = MiniLM(threads: threads)
        let dimension = try model.embedBlocking([""])[0].count
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(lines.count), \(dimension)), }"
        // The header ends on a multiple of 64 bytes (numpy.lib.format, version 1).
        header += String(repeating: " ", count: (64 - (10 + header.utf8.count + 1) % 64) % 64) + "\n"
        var bytes = Data([0x93] + Array("NUMPY".utf8) + [1, 0])
        withUnsafeBytes(of: UInt16(header.utf8.count).littleEndian) { bytes.append(contentsOf: $0) }
        bytes += Data(header.utf8)
        for first in stride(from: 0, to: lines.count, by: Self.batchSize) {
            let batch = Array(lines[first..<min(lines.count, first + Self.batchSize)])
            for vector in try model.embedBlocking(batch) { vector.withUnsafeBytes { bytes.append(contentsOf: $0) } }
            FileHandle.standardError.write(Data("vectors: \(first + batch.count) of \(lines.count)\n".utf8))
        }
        try bytes.write(to: URL(fileURLWithPath: out), options: .atomic)
    }
}
