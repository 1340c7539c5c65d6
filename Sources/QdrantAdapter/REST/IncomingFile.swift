import Files
import Foundation
import VectorEngine

/// A file that comes over the network: written as it arrives, while the disk keeps its reserve. The caller
/// removes the file when something goes wrong.
struct IncomingFile: Sendable {
    private let path: String
    private let handle: FileHandle

    /// Makes the file at `path`, runs `body`, which fills it, and syncs it. It is closed in any case.
    ///
    /// - Throws: when there is something at `path`.
    static func write(_ path: String, _ body: (IncomingFile) async throws -> Void) async throws {
        let file = try await EmbeddedStore.blocking {
            try EngineError.wrapping(path) {
                try PrivateFile.create(path)
                return IncomingFile(path: path, handle: try PrivateFile.handle(path))
            }
        }
        do {
            try await body(file)
        } catch {
            // Nobody reads a part of a file: it does not matter how its closing ends.
            try await EmbeddedStore.blocking { try? file.handle.close() }  // the error of `body` is thrown
            throw error
        }
        try await EmbeddedStore.blocking {
            try file.handle.synchronize()
            try file.handle.close()
        }
    }

    /// - Throws: `diskFull` when the reserve would be touched.
    func append(_ bytes: Data) async throws {
        guard !bytes.isEmpty else { return }
        try await EmbeddedStore.blocking {
            let folder = (path as NSString).deletingLastPathComponent
            try EngineError.wrapping(path) { try FreeSpace.require(bytes.count, at: folder) }
            try handle.write(contentsOf: bytes)
        }
    }

    private static let partBytes = 1 << 20

    /// Appends the bytes of another file, a part at a time.
    func append(contentsOf path: String) async throws {
        let source = try await EmbeddedStore.blocking { try FileHandle(forReadingFrom: URL(fileURLWithPath: path)) }
        while true {
            let part = try await EmbeddedStore.blocking { try source.read(upToCount: Self.partBytes) ?? Data() }
            if part.isEmpty { break }
            try await append(part)
        }
        try await EmbeddedStore.blocking { try source.close() }
    }
}
