import Foundation
import JSON

/// What a path holds: exported rows with ids, items that become new memories, and notes that own theirs.
///
/// The contents decide how a file is read: lines or Markdown files of `cortex export`, lines of the knowledge-graph
/// server, the JSON of other memories (``ForeignExport``), notes of basic-memory, and other notes (an Obsidian vault,
/// or any folder of Markdown). What cannot be read is kept with its place and reason, and the rest is read.
package struct ImportSource: Sendable {
    /// One memory to be, and where it is from.
    package struct Row: Sendable {
        package let item: JSONObject
        package let file: String
        /// From 1 on; of a JSON file the number of the entry, and 0 for a whole file.
        package let line: Int
    }

    package private(set) var exported: [Row] = []
    package private(set) var new: [Row] = []
    package private(set) var documents: [OwnedDocument] = []
    package private(set) var faults: [TextSource.Fault] = []
    package private(set) var skipped: [FolderWalk.Skipped] = []

    /// Everything that is to be taken.
    package var count: Int { exported.count + new.count + documents.reduce(0) { $0 + $1.parts.count } }

    private static let suffixes: Set<String> = ["md", "markdown", "jsonl", "ndjson", "json"]
    /// What a memory in front matter may have; other members of a note are its metadata.
    private static let members: Set<String> = [
        "kind", "content", "data", "scope", "source", "metadata", "tags", "idempotency_key", "ttl_config",
    ]

    /// Reads lines that were handed in; `name` says in an error whose they are.
    package init(lines data: Data, named name: String) throws(MemoryError) {
        take(text: try TextFile.jsonLines(of: Array(data), named: name, faults: &faults), named: name)
    }

    /// Reads a file, or the files of a folder.
    ///
    /// - Throws: `MemoryError` when the path does not exist, or is a single file that cannot be read at all.
    package init(_ path: String) throws(MemoryError) {
        let path = URL(fileURLWithPath: path).standardizedFileURL.path
        switch TextFile.sort(path, named: path) {
        case .missing(let sentence), .unreadable(let sentence): throw MemoryError(.invalidArgument, sentence)
        case .file: try read(file: path, named: (path as NSString).lastPathComponent)
        case .folder:
            let walk = try FolderWalk(path, suffixes: Self.suffixes)
            skipped = walk.skipped
            for name in walk.files {
                do throws(MemoryError) {
                    try read(file: path + "/" + name, named: name)
                } catch {
                    faults.append(TextSource.Fault(file: name, line: 0, reason: error.message))
                }
            }
        }
    }

    private mutating func read(file path: String, named name: String) throws(MemoryError) {
        guard TextSource.markdownSuffixes.contains((name as NSString).pathExtension.lowercased()) else {
            return take(text: try TextFile.jsonLines(at: path, named: name, faults: &faults), named: name)
        }
        let text = try TextFile.text(at: path, named: name)
        guard let item = FrontMatter.item(of: text) else { return take(note: text, at: path, named: name) }
        if item["id"] != nil, item["created_at"] != nil {
            exported.append(Row(item: item, file: name, line: 0))
        } else if let kind = item["kind"]?.stringValue, MemoryKind(rawValue: kind) != nil {
            new.append(Row(item: Self.memory(item), file: name, line: 0))
        } else if let note = BasicMemoryNote(
            text, name: ((name as NSString).lastPathComponent as NSString).deletingPathExtension)
        {
            new += note.items.map { Row(item: $0, file: name, line: 0) }
            take(note: note.text, at: path, named: name)
        } else {
            take(note: text, at: path, named: name)
        }
    }

    private mutating func take(note text: String, at path: String, named name: String) {
        let document = OwnedDocument(id: path, formerID: nil, name: name, text: text, isMarkdown: true)
        if !document.parts.isEmpty { documents.append(document) }
    }

    /// The members that a memory has; the others become metadata.
    private static func memory(_ item: JSONObject) -> JSONObject {
        var memory = item.filter { members.contains($0.key) }
        let rest = item.filter { !members.contains($0.key) && !$0.value.isNull }
        guard !rest.isEmpty else { return memory }
        var metadata = memory["metadata"]?.objectValue ?? [:]
        metadata.merge(rest) { own, _ in own }
        memory["metadata"] = .object(metadata)
        return memory
    }

    /// One JSON value over the whole text, or one on each line.
    private mutating func take(text: String, named name: String) {
        if let start = text.first(where: { !$0.isWhitespace }), start == "{" || start == "[",
            let whole = try? JSONParser.parse(text)  // lines are no JSON as a whole
        {
            if let entries = ForeignExport.entries(of: whole) {
                for (i, entry) in entries.enumerated() {
                    switch entry {
                    case .success(let item): new.append(Row(item: item, file: name, line: i + 1))
                    case .failure(let error):
                        faults.append(TextSource.Fault(file: name, line: i + 1, reason: error.message))
                    }
                }
                return
            }
            if let lines = KnowledgeGraph.lines(of: whole) {
                take(lines.enumerated().map { ($0 + 1, $1) }, named: name)
                return
            }
            if let list = whole.arrayValue {
                for (i, value) in list.enumerated() { take(value, KnowledgeGraph.Place(file: name, line: i + 1)) }
                return
            }
        }
        var values: [(Int, JSONValue)] = []
        for (number, line) in TextSource.lines(text) {
            do {
                values.append((number, try JSONParser.parse(line)))
            } catch {
                faults.append(TextSource.Fault(file: name, line: number, reason: "is \(error)"))
            }
        }
        take(values, named: name)
    }

    /// Lines by their numbers: of a knowledge graph, of an export, or items.
    private mutating func take(_ values: [(number: Int, value: JSONValue)], named name: String) {
        var graph = KnowledgeGraph()
        for (number, value) in values {
            let place = KnowledgeGraph.Place(file: name, line: number)
            do throws(MemoryError) {
                if let members = value.objectValue, try graph.take(members, at: place) { continue }
                take(value, place)
            } catch {
                faults.append(TextSource.Fault(file: name, line: number, reason: error.message))
            }
        }
        new += graph.rows
    }

    /// With an id and a date it is an export, else a new memory.
    private mutating func take(_ value: JSONValue, _ place: KnowledgeGraph.Place) {
        guard var item = value.objectValue else {
            faults.append(TextSource.Fault(file: place.file, line: place.line, reason: "is no JSON object"))
            return
        }
        if item["id"] != nil, item["created_at"] != nil {
            exported.append(Row(item: item, file: place.file, line: place.line))
            return
        }
        if item["kind"] == nil { item["kind"] = "observation" }
        new.append(Row(item: item, file: place.file, line: place.line))
    }
}
