import Files
import Foundation
import JSON

/// What `cortex store --from` and `cortex sync` read: documents that own their memories, and items of their own.
package struct TextSource: Sendable {
    static let markdownSuffixes: Set<String> = ["md", "markdown", "mdx"]
    static let plainSuffixes: Set<String> = ["txt", "text"]
    static let lineSuffixes: Set<String> = ["jsonl", "ndjson"]
    package static let suffixes = markdownSuffixes.union(plainSuffixes).union(lineSuffixes)

    /// A line that could not be read.
    package struct Fault: Sendable, Equatable {
        /// The file's name, relative to what was asked for.
        package let file: String
        /// From 1 on.
        package let line: Int
        package let reason: String

        package init(file: String, line: Int, reason: String) {
            self.file = file
            self.line = line
            self.reason = reason
        }
    }

    /// An item that belongs to nobody, and where it came from.
    package struct Item: Sendable {
        package let value: JSONValue
        package let file: String
        package let line: Int
    }

    private let kind: String
    private let splitsLines: Bool
    private let tags: [String]
    private let userRules: String?
    /// The main worktree of the checkout that `root` is in, and where the checkout is; both nil where there is none.
    private let checkout: (top: String, main: String)?

    package private(set) var documents: [OwnedDocument] = []
    package private(set) var items: [Item] = []
    package private(set) var skipped: [FolderWalk.Skipped] = []
    package private(set) var faults: [Fault] = []
    /// Everything that is to be taken.
    package var count: Int { items.count + documents.reduce(0) { $0 + $1.parts.count } }
    /// The folder whose documents are owned, as their ids have it; nil where a single file was read.
    package private(set) var folder: String?

    /// - Parameters:
    ///   - kind: of a line, where lines are memories.
    ///   - splitsLines: whether each line of a plain text is a memory.
    ///   - tags: of every document's part.
    ///   - userRules: the file of the user's own ignore rules, as git has them.
    ///   - checkout: where the checkout of the files is, and its repository's main worktree.
    package init(
        kind: String, splitsLines: Bool, tags: [String] = [], userRules: String? = nil,
        checkout: (top: String, main: String)? = nil
    ) {
        self.kind = kind
        self.splitsLines = splitsLines
        self.tags = tags
        self.userRules = userRules
        self.checkout = checkout
    }

    /// Reads a file, or every text file below a folder.
    ///
    /// - Throws: `MemoryError` when the path does not exist, or is a single file that cannot be read.
    package mutating func read(_ path: String) throws(MemoryError) {
        let path = URL(fileURLWithPath: path).standardizedFileURL.path
        switch TextFile.sort(path, named: path) {
        case .missing(let sentence), .unreadable(let sentence): throw MemoryError(.invalidArgument, sentence)
        case .file: try read(file: path, named: (path as NSString).lastPathComponent, in: nil)
        case .folder:
            folder = id(of: path)
            let walk = try FolderWalk(path, suffixes: Self.suffixes, userRules: userRules)
            skipped = walk.skipped
            for name in walk.files {
                do throws(MemoryError) {
                    try read(file: path + "/" + name, named: name, in: path)
                } catch {
                    let start = name + " "
                    let reason =
                        error.message.hasPrefix(start) ? String(error.message.dropFirst(start.count)) : error.message
                    skipped.append(FolderWalk.Skipped(path: name, reason: reason))
                }
            }
        }
    }

    private mutating func read(file: String, named name: String, in folder: String?) throws(MemoryError) {
        let suffix = (name as NSString).pathExtension.lowercased()
        if Self.lineSuffixes.contains(suffix) {
            return readLines(try TextFile.jsonLines(at: file, named: name, faults: &faults), named: name)
        }
        let text = try TextFile.text(at: file, named: name)
        if splitsLines, !Self.markdownSuffixes.contains(suffix) {
            for (number, line) in Self.lines(text) {
                items.append(
                    Item(value: ["kind": .string(kind), "content": .string(line)], file: name, line: number))
            }
            return
        }
        let former = folder == nil ? (name as NSString).lastPathComponent : name
        documents.append(
            OwnedDocument(
                id: id(of: file), formerID: former, name: name, text: text,
                isMarkdown: Self.markdownSuffixes.contains(suffix), tags: tags))
    }

    /// Absolute; of a file in a worktree the path that it has in the main one.
    private func id(of path: String) -> String {
        guard let checkout, path == checkout.top || path.hasPrefix(checkout.top + "/") else { return path }
        return checkout.main + path.dropFirst(checkout.top.count)
    }

    /// Where the file of a document is now.
    package func path(ofDocument id: String) -> String {
        guard let checkout, id.hasPrefix(checkout.main + "/") else { return id }
        return checkout.top + id.dropFirst(checkout.main.count)
    }

    /// Whether nothing is left of a document's file. One that cannot be looked at is not gone, nor is a link that
    /// leads nowhere: what it led to may come back.
    package func isGone(_ id: String) -> Bool {
        do throws(FileFacts.Absence) {
            _ = try FileFacts(path(ofDocument: id))
            return false
        } catch {
            return error == .missing
        }
    }

    /// The lines that are not blank, with their numbers. Only a line feed ends one: other characters that begin a new
    /// line, such as U+2028, may be part of a JSON string as they are.
    package static func lines(_ text: String) -> [(number: Int, text: String)] {
        text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated().compactMap { i, line in
            let content = String(Substring(line)).trimmingCharacters(in: .whitespacesAndNewlines)
            return content.isEmpty ? nil : (i + 1, content)
        }
    }

    private mutating func readLines(_ text: String, named name: String) {
        for (number, line) in Self.lines(text) {
            do {
                items.append(Item(value: try JSONParser.parse(line), file: name, line: number))
            } catch {
                faults.append(Fault(file: name, line: number, reason: "is \(error)"))
            }
        }
    }
}
