import Foundation
import JSON

/// The front matter of a Markdown text: YAML members between two lines of `---`.
///
/// A memory is exported with one line `name: JSON` for each member, which YAML reads too. Of YAML as people write it in
/// front of notes this reads plain and quoted values, lists in both forms, blocks of text (`|`, `>`) and comments;
/// anything else is kept as text.
package enum FrontMatter {
    private static let fence = "---"
    /// The member that says which field of `data` the text below is; a memory without content shows that field there.
    private static let textField = "text_field"

    /// A memory as Markdown: its content as the text, all else in front of it.
    static func markdown(of item: JSONValue) -> String {
        var members = item.objectValue ?? [:]
        var text = members.removeValue(forKey: "content")?.stringValue
        if text == nil, var data = members["data"]?.objectValue,
            let name = BodyField.name(in: data),
            let value = data.removeValue(forKey: name)?.stringValue
        {
            text = value
            members["data"] = .object(data)
            members[textField] = .string(name)
        }
        let lines = members.map { "\($0.key): \(JSONWriter.text($0.value))" }
        return ([fence] + lines + [fence]).joined(separator: "\n") + "\n" + (text ?? "")
    }

    /// The members and the content of a Markdown text; nil when nothing is in front of it.
    static func item(of text: String) -> JSONObject? {
        guard let (front, rest) = parts(of: text) else { return nil }
        var members = front
        let content = String(rest)
        if let name = members.removeValue(forKey: textField)?.stringValue {
            var data = members["data"]?.objectValue ?? [:]
            data[name] = .string(content)
            members["data"] = .object(data)
        } else if !content.isEmpty {
            members["content"] = .string(content)
        }
        return members
    }

    /// The members and the text behind them; nil when nothing is in front of the text.
    static func parts(of text: String) -> (members: JSONObject, content: Substring)? {
        guard text.hasPrefix(fence + "\n") else { return nil }
        var lines: [Substring] = []
        var rest = text.dropFirst(fence.count + 1)
        while true {
            let line = rest.prefix { $0 != "\n" }
            let isEnd = line == fence || line == "..."
            if !isEnd, line.endIndex == rest.endIndex { return nil }
            rest = rest[line.endIndex...].dropFirst()
            if isEnd { break }
            lines.append(line)
        }
        // A line across the page begins many texts; front matter has a name in its first line.
        if let first = lines.first(where: { !$0.allSatisfy(\.isWhitespace) && !$0.hasPrefix("#") }),
            member(first) == nil
        {
            return nil
        }
        return (members(lines), rest)
    }

    private static func members(_ lines: [Substring]) -> JSONObject {
        var members = JSONObject()
        var i = 0
        while i < lines.count {
            let line = lines[i]
            i += 1
            guard let (name, value) = member(line) else { continue }
            // What is indented, or a list's dash, belongs to the name above.
            var block: [Substring] = []
            while i < lines.count, isContinuation(lines[i]) || (value.isEmpty && lines[i].hasPrefix("- ")) {
                block.append(lines[i])
                i += 1
            }
            members[name] = self.value(value, block)
        }
        return members
    }

    private static func isContinuation(_ line: Substring) -> Bool { line.first == " " || line.first == "\t" }

    private static func member(_ line: Substring) -> (name: String, value: String)? {
        guard !isContinuation(line), line.first != "#", line.first != "-", let colon = line.firstIndex(of: ":") else {
            return nil
        }
        let after = line.index(after: colon)
        guard after == line.endIndex || line[after] == " " else { return nil }
        let name = line[..<colon].trimmingCharacters(in: .whitespaces.union(["\"", "'"]))
        return name.isEmpty ? nil : (name, line[after...].trimmingCharacters(in: .whitespaces))
    }

    private static func value(_ text: String, _ block: [Substring]) -> JSONValue {
        if text.isEmpty, !block.isEmpty {
            let items = block.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
            if items.allSatisfy({ $0.hasPrefix("-") }) {
                return .array(items.map { scalar($0.dropFirst().trimmingCharacters(in: .whitespaces)) })
            }
            return .string(items.joined(separator: "\n"))
        }
        if let style = text.first, style == "|" || style == ">", text.count <= 2 {
            let lines = block.map { $0.trimmingCharacters(in: .whitespaces) }
            return .string(lines.joined(separator: style == "|" ? "\n" : " "))
        }
        return scalar(text)
    }

    private static func scalar(_ text: String) -> JSONValue {
        do {
            return try JSONParser.parse(text)
        } catch {
            // Not JSON: as people write it.
        }
        if text.isEmpty || text == "~" { return .null }
        if text.hasPrefix("["), text.hasSuffix("]") {
            let parts = text.dropFirst().dropLast().split(separator: ",")
            return .array(parts.map { scalar($0.trimmingCharacters(in: .whitespaces)) })
        }
        if text.count >= 2, text.first == "'", text.last == "'" {
            return .string(String(text.dropFirst().dropLast()).replacing("''", with: "'"))
        }
        guard let comment = text.range(of: " #") else { return .string(text) }
        return scalar(text[..<comment.lowerBound].trimmingCharacters(in: .whitespaces))
    }
}
