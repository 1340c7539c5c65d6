import Files
import Foundation
import JSON

/// Texts to store from files: Markdown by headings, plain text whole (or by lines), JSONL as items.
package struct TextSource {
    /// Largest file that is read; a memory is no archive.
    static let maximumFileBytes = 256 << 20
    /// Longest piece of a file that becomes one memory, in characters; longer ones are cut between paragraphs.
    static let pieceCharacters = 2_400
    static let suffixes: Set<String> = ["md", "markdown", "txt", "text", "jsonl", "ndjson"]

    let kind: String
    let splitsLines: Bool
    /// Files that were passed over, and why.
    package private(set) var skipped: [String] = []

    package init(kind: String, splitsLines: Bool) {
        self.kind = kind
        self.splitsLines = splitsLines
    }

    /// Memory items, as `memory_store` takes them, of a file or of every text file below a folder, by path.
    ///
    /// - Throws: `MemoryError` for what is not there or cannot be read.
    package mutating func items(at path: String) throws -> [JSONValue] {
        let url = URL(fileURLWithPath: path).standardizedFileURL
        guard let place = PathKind(of: url.path) else {
            throw MemoryError(.invalidArgument, "there is no file or folder \(url.path)")
        }
        guard place == .folder else { return try items(of: url, named: url.lastPathComponent) }
        guard let walk = FileManager.default.enumerator(atPath: url.path) else {
            throw MemoryError(.invalidArgument, "cannot read the folder \(url.path)")
        }
        let names = walk.compactMap { $0 as? String }.filter { name in
            Self.suffixes.contains((name as NSString).pathExtension.lowercased())
                && !name.split(separator: "/").contains { $0.hasPrefix(".") }
        }
        var all: [JSONValue] = []
        for name in names.sorted() {
            do {
                all += try items(of: url.appendingPathComponent(name), named: name)
            } catch let error as MemoryError {
                skipped.append(error.message)
            }
        }
        return all
    }

    private func items(of file: URL, named name: String) throws -> [JSONValue] {
        let size = try file.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
        guard size <= Self.maximumFileBytes else {
            throw MemoryError(
                .invalidArgument, "\(name) has \(size) bytes; files up to \(Self.maximumFileBytes) are read")
        }
        let data: Data
        do {
            data = try Data(contentsOf: file)
        } catch {
            throw MemoryError(.invalidArgument, "cannot read \(file.path); check its owner and mode")
        }
        guard let decoded = String(bytes: data, encoding: .utf8) else {
            throw MemoryError(.invalidArgument, "\(name) is not UTF-8 text")
        }
        // A carriage return with its line feed is one Character, which no search for a line feed finds.
        let text = decoded.replacing("\r\n", with: "\n")
        switch file.pathExtension.lowercased() {
        case "jsonl", "ndjson": return try jsonLines(text, named: name)
        case "md", "markdown": return markdown(text, named: name)
        default:
            let title = (name as NSString).deletingPathExtension
            return splitsLines ? lines(text) : section(text, title: title, heading: title, document: name)
        }
    }

    /// One item for each line that is not blank.
    package func lines(_ text: String) -> [JSONValue] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            let content = line.trimmingCharacters(in: .whitespaces)
            return content.isEmpty ? nil : ["kind": .string(kind), "content": .string(content)]
        }
    }

    private func jsonLines(_ text: String, named name: String) throws -> [JSONValue] {
        try text.split(whereSeparator: \.isNewline).enumerated().compactMap { number, line in
            if line.allSatisfy(\.isWhitespace) { return nil }
            do {
                return try JSONParser.parse(String(line))
            } catch {
                throw MemoryError(.invalidArgument, "\(name), line \(number + 1), is \(error)")
            }
        }
    }

    /// A section for each heading, its text down to the next one; a fenced block's `#` is no heading.
    private func markdown(_ text: String, named name: String) -> [JSONValue] {
        var title = (name as NSString).deletingPathExtension
        var hasTitle = false
        var heading = title
        var body: [Substring] = []
        var fence: Character?
        var items: [JSONValue] = []
        func flush() -> [JSONValue] {
            section(body.joined(separator: "\n"), title: title, heading: heading, document: name)
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let start = line.drop { $0 == " " }
            if let mark = ["```", "~~~"].first(where: { start.hasPrefix($0) })?.first {
                // Only its own mark ends a block.
                if fence == nil { fence = mark } else if fence == mark { fence = nil }
            }
            let level = line.prefix { $0 == "#" }.count
            guard fence == nil, (1...6).contains(level), line.dropFirst(level).first == " " else {
                body.append(line)
                continue
            }
            items += flush()
            body = []
            heading = line.dropFirst(level).trimmingCharacters(in: .whitespaces)
            if level == 1, !hasTitle { (title, hasTitle) = (heading, true) }
        }
        return items + flush()
    }

    private func section(_ text: String, title: String, heading: String, document: String) -> [JSONValue] {
        Self.pieces(text.trimmingCharacters(in: .whitespacesAndNewlines)).map { piece in
            [
                "kind": "section",
                "data": [
                    "title": .string(title), "heading": .string(heading), "body_md": .string(piece),
                    "document_id": .string(document),
                ],
            ]
        }
    }

    /// The text whole, or cut between paragraphs, sentences or words so that each piece is short enough.
    static func pieces(_ text: String) -> [String] {
        var chunker = Chunker()
        chunker.size = pieceCharacters
        chunker.overlap = 0
        return chunker.ranges(of: text).map { text.atUTF8($0).trimmingCharacters(in: .whitespacesAndNewlines) }
            .filter { !$0.isEmpty }
    }
}
