import Foundation

/// The repository as it stands on disk, found from where this file was compiled.
enum SourceTree {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Every Swift and C file (also `.inc`, which C includes) under `folder` (`Sources` or `Tests`), by path.
    static func files(in folder: String) throws -> [SourceFile] {
        let base = root.appendingPathComponent(folder)
        guard let walk = FileManager.default.enumerator(atPath: base.path) else {
            throw SourceTreeError(missing: folder)
        }
        let paths = walk.compactMap { $0 as? String }.filter { path in
            [".swift", ".c", ".h", ".inc"].contains { path.hasSuffix($0) }
        }
        return try paths.sorted().map { try file("\(folder)/\($0)") }
    }

    static func file(_ path: String) throws -> SourceFile {
        let text = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
        return SourceFile(path: path, text: text)
    }

    /// The folders directly under `folder`.
    static func folders(in folder: String) throws -> Set<String> {
        let base = root.appendingPathComponent(folder)
        let entries = try FileManager.default.contentsOfDirectory(
            at: base, includingPropertiesForKeys: [.isDirectoryKey], options: [.skipsHiddenFiles])
        let folders = try entries.filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
        return Set(folders.map(\.lastPathComponent))
    }
}

struct SourceTreeError: Error, CustomStringConvertible {
    let description: String

    init(missing folder: String) { description = "No folder \(folder) in \(SourceTree.root.path)." }
}
