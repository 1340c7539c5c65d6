import ArgumentParser
import Foundation
import JSON
import Memory
import Operations

/// `cortex import`: what `cortex export` wrote, the official knowledge-graph server's file, or Markdown with front
/// matter.
struct ImportMemoriesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memories",
        abstract: "Take memories from an export, a knowledge graph's JSONL, or Markdown files.",
        discussion: """
            JSON lines of `cortex export` keep their ids, dates and versions: importing twice changes nothing, and \
            `cortex export --data A | cortex import --data B -` merges two stores. Lines of the knowledge-graph memory \
            server (entities with observations, and relations) and Markdown become new memories.
            """)

    @OptionGroup var house: HouseOptions

    @ArgumentParser.Argument(help: "A JSONL file, a Markdown file or a folder of them; - reads lines from stdin.")
    var path: String

    @Flag(help: "Print one JSON object.")
    var json = false

    private static let batch = 100

    func run() async throws {
        let source = try ImportSource(path)
        try await House.visit(house) { house in
            var total = ImportResult()
            for start in stride(from: 0, to: source.exported.count, by: Self.batch) {
                let rows = source.exported[start..<min(source.exported.count, start + Self.batch)]
                let result = try await house.memory.importItems(Array(rows))
                total.added += result.added
                total.updated += result.updated
                total.unchanged += result.unchanged
                total.versions += result.versions
            }
            for start in stride(from: 0, to: source.new.count, by: Self.batch) {
                let items = source.new[start..<min(source.new.count, start + Self.batch)]
                let result = try await house.memory.callStore(
                    arguments: ["items": .array(Array(items))],
                    context: CallContext(clientName: "cortex import", defaultScope: house.scope))
                for item in result["items"]?.arrayValue ?? [] {
                    switch item["status"]?.stringValue {
                    case "stored": total.added += 1
                    case "updated", "merged": total.updated += 1
                    case "skipped_dedupe": total.unchanged += 1
                    default:
                        let message = item["error"]?["message"]?.stringValue ?? "was refused"
                        Terminal.note("an item \(message)")
                    }
                }
            }
            show(total)
        }
    }

    private func show(_ total: ImportResult) {
        if json {
            print(
                JSONWriter.text([
                    "added": .integer(Int64(total.added)), "updated": .integer(Int64(total.updated)),
                    "unchanged": .integer(Int64(total.unchanged)), "versions": .integer(Int64(total.versions)),
                ]))
        } else {
            print(
                "\(total.added) added, \(total.updated) updated, \(total.unchanged) unchanged, "
                    + "\(total.versions) former versions")
        }
    }
}

/// What a path holds: exported rows with ids, and items that become new memories.
private struct ImportSource {
    private(set) var exported: [JSONObject] = []
    private(set) var new: [JSONValue] = []

    init(_ path: String) throws {
        if path == "-" {
            try read(lines: Self.text(FileHandle.standardInput.readDataToEndOfFile(), "stdin"))
            return
        }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw ValidationError("there is no file or folder \(path)")
        }
        guard isFolder.boolValue else {
            try read(file: path)
            return
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: path).sorted() where name.hasSuffix(".md") {
            try read(file: path + "/" + name)
        }
    }

    private static func text(_ data: Data, _ name: String) throws -> String {
        guard let text = String(bytes: data, encoding: .utf8) else {
            throw ValidationError("\(name) is not UTF-8 text")
        }
        return text.replacing("\r\n", with: "\n")
    }

    private mutating func read(file path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ValidationError("cannot read \(path); check its owner and mode")
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
                throw ValidationError("line \(number + 1) is \(error)")
            }
            guard let members = value.objectValue else {
                throw ValidationError("line \(number + 1) is no JSON object")
            }
            if !graph.take(members) { take(members) }
        }
        new += graph.items
    }
}

/// The file of the official knowledge-graph memory server: a line for each entity and each relation.
private struct KnowledgeGraph {
    private var entities: [(name: String, type: String, observations: [String])] = []
    private var relations: [(from: String, to: String, type: String)] = []

    /// false when the line is of another kind.
    mutating func take(_ line: JSONObject) -> Bool {
        switch line["type"]?.stringValue {
        case "entity":
            guard let name = line["name"]?.stringValue else { return false }
            let observations = (line["observations"]?.arrayValue ?? []).compactMap(\.stringValue)
            entities.append((name, line["entityType"]?.stringValue ?? "entity", observations))
        case "relation":
            guard let from = line["from"]?.stringValue, let to = line["to"]?.stringValue else { return false }
            relations.append((from, to, line["relationType"]?.stringValue ?? "related_to"))
        default: return false
        }
        return true
    }

    /// Entities, then what was observed of them, then relations.
    var items: [JSONValue] {
        let types = Dictionary(entities.map { ($0.name, $0.type) }) { first, _ in first }
        var items: [JSONValue] = entities.map {
            ["kind": "entity", "data": ["entity_type": .string($0.type), "name": .string($0.name)]]
        }
        for entity in entities {
            items += entity.observations.map { text in
                [
                    "kind": "observation", "content": .string(text),
                    "data": [
                        "entity_type": .string(entity.type), "entity_id": .string(entity.name),
                        "observation": .string(text),
                    ],
                ]
            }
        }
        for relation in relations {
            items.append([
                "kind": "relation",
                "data": [
                    "from_entity_type": .string(types[relation.from] ?? "entity"),
                    "from_entity_id": .string(relation.from),
                    "to_entity_type": .string(types[relation.to] ?? "entity"), "to_entity_id": .string(relation.to),
                    "relation_type": .string(relation.type),
                ],
            ])
        }
        return items
    }
}
