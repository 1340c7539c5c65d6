import Foundation
import JSON

/// A note of basic-memory: an entity, what was observed of it (`- [category] text #tag (context)`), its relations
/// (`- type [[Target]]`), and text.
struct BasicMemoryNote {
    /// The entity, its observations and its relations.
    private(set) var items: [JSONObject] = []
    /// The note without the lines that became observations and relations.
    private(set) var text: String

    private let title: String
    private let type: String

    /// nil for a note of another program: only basic-memory writes a permalink.
    init?(_ text: String, name: String) {
        guard let (front, content) = FrontMatter.parts(of: text), let permalink = front["permalink"]?.stringValue else {
            return nil
        }
        title = front["title"]?.stringValue ?? name
        type = front["type"]?.stringValue ?? "note"
        self.text = ""
        items = [
            [
                "kind": "entity",
                "data": [
                    "entity_type": .string(type), "name": .string(title), "data": ["permalink": .string(permalink)],
                ],
            ]
        ]
        var kept: [Substring] = []
        var isInFence = false
        for line in content.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") { isInFence.toggle() }
            if !isInFence, let item = relation(line) ?? observation(line) {
                items.append(item)
            } else {
                kept.append(line)
            }
        }
        let head = text.prefix(text.utf8.count - content.utf8.count)
        self.text = head + kept.joined(separator: "\n")
    }

    private func observation(_ line: Substring) -> JSONObject? {
        guard line.hasPrefix("- ["), let end = line.firstIndex(of: "]") else { return nil }
        let category = line[line.index(line.startIndex, offsetBy: 3)..<end].trimmingCharacters(in: .whitespaces)
        let rest = line[line.index(after: end)...]
        // A box to tick and a link are no categories.
        guard category.count > 1, !category.contains("["), rest.first == " " else { return nil }
        let content = rest.trimmingCharacters(in: .whitespaces)
        guard !content.isEmpty else { return nil }
        let tags = content.split(separator: " ").filter { $0.hasPrefix("#") && $0.count > 1 }.map {
            String($0.dropFirst())
        }
        return KnowledgeGraph.observation(content, of: title, type, type: category.lowercased(), tags: tags)
    }

    private func relation(_ line: Substring) -> JSONObject? {
        guard line.hasPrefix("- "), let open = line.range(of: "[["), let close = line.range(of: "]]"),
            open.upperBound < close.lowerBound
        else { return nil }
        let type = line[line.index(line.startIndex, offsetBy: 2)..<open.lowerBound].trimmingCharacters(in: .whitespaces)
        let behind = line[close.upperBound...].trimmingCharacters(in: .whitespaces)
        guard !type.hasPrefix("["), behind.isEmpty || behind.hasPrefix("(") else { return nil }
        let target = line[open.upperBound..<close.lowerBound].split(separator: "|").first.map(String.init) ?? ""
        return KnowledgeGraph.relation(
            from: title, self.type, to: target, nil, type.isEmpty ? "relates_to" : type.replacing(" ", with: "_"))
    }
}
