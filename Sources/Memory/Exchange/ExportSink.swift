import Files
import Foundation
import JSON
import VectorEngine

/// Where an export goes.
package struct ExportSink {
    private let handle: FileHandle
    private let output: FileHandle
    private let folder: URL?

    /// - Parameters:
    ///   - file: Where the lines go; nil writes them to `output`.
    ///   - folder: Where a Markdown file for each item goes instead.
    package init(file: String?, folder: String?, output: FileHandle) throws {
        self.output = output
        self.folder = folder.map { URL(fileURLWithPath: $0) }
        if let folder = self.folder {
            try PrivateFile.makeFolder(folder.path)
        }
        guard let file else {
            handle = output
            return
        }
        do {
            handle = try PrivateFile.handle(file)
        } catch {
            throw MemoryError(.failed, error.message)
        }
    }

    package func write(_ item: JSONValue) throws {
        guard let folder else { return try handle.write(contentsOf: JSONWriter.bytes(item) + [0x0A]) }
        let name = (item["id"]?.stringValue ?? "memory") + ".md"
        let path = folder.appendingPathComponent(name).path
        try EngineError.wrapping(path) { try PrivateFile.write(Array(FrontMatter.markdown(of: item).utf8), to: path) }
    }

    package func close() throws { if handle !== output { try handle.close() } }
}
