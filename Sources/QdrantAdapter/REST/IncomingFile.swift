import Files
import Foundation
import VectorEngine

/// A file that comes over the network: written as it arrives, while the disk keeps its reserve. The caller
/// removes the file when something goes wrong.
struct IncomingFile: Sendable {
    private let path: String
    private let handle: FileHandle

    /// - Throws: when there is something at `path`.
    init(_ path: String) throws {
        self.path = path
        handle = try EngineError.wrapping(path) {
            try PrivateFile.create(path)
            return try PrivateFile.handle(path)
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
        try source.close()
    }

    func finish() async throws {
        try await EmbeddedStore.blocking {
            try handle.synchronize()
            try handle.close()
        }
    }
}
