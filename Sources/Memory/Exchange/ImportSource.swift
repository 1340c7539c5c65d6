import Files
import Foundation
import JSON

/// What a path holds: exported rows with ids, and items that become new memories.
package struct ImportSource {
    package private(set) var exported: [JSONObject] = []
    package private(set) var new: [JSONValue] = []

    /// Reads lines that were handed in; `name` says in an error whose they are.
    package init(lines data: Data, named name: String) throws { try read(lines: Self.text(data, name)) }

    /// Reads a file, or the Markdown files of a folder.
    package init(_ path: String) throws {
        guard let kind = PathKind(of: path) else {
            throw MemoryError(.invalidArgument, "there is no file or folder \(path)")
        }
        guard kind == .folder else {
            try read(file: path)
            return
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: path).sorted() where name.hasSuffix(".md") {
            try read(file: path + "/" + name)
        }
    }

    private static func text(_ data: Data, _ name: String) throws -> String {
        guard let text = String(bytes: data, encoding: .utf8) else {
            throw MemoryError(.invalidArgument, "\(name) is not UTF-8 text")
        }
        return text.replacing("\r\n", with: "\n")
    }

    private mutating func read(file path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw MemoryError(.invalidArgument, "cannot read \(path); check its owner and mode")
        }
        let text = try Self.text(data, path)
        guard path.hasSuffix(".md") else { return try read(lines: text) }
        if let item = FrontMatter.item(of: text) {
            take(item)
        } else {
            new.append(["kind": "section", "content": .string(text)])
        }
    }

    /// With an id and a date it is an export, else a new memory.
    private mutating func take(_ item: JSONObject) {
        if item["id"] != nil, item["created_at"] != nil {
            exported.append(item)
        } else {
            var item = item
            if item["kind"] == nil { item["kind"] = "observation" }
            new.append(.object(item))
        }
    }

    private mutating func read(lines text: String) throws {
        var graph = KnowledgeGraph()
        for (number, line) in text.split(separator: "\n").enumerated() where !line.allSatisfy(\.isWhitespace) {
            let value: JSONValue
            do {
                value = try JSONParser.parse(String(line))
            } catch {
                throw MemoryError(.invalidArgument, "line \(number + 1) is \(error)")
            }
            guard let members = value.objectValue else {
                throw MemoryError(.invalidArgument, "line \(number + 1) is no JSON object")
            }
            if !graph.take(members) { take(members) }
        }
        new += graph.items
    }
}
