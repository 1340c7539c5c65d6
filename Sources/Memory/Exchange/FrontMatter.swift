import Foundation
import JSON

/// A memory as Markdown: its content as the text, all else in front of it between two lines of `---`.
///
/// Each member is one line `name: JSON`, which YAML reads too. A line that is no JSON is text, as people write it.
enum FrontMatter {
    private static let fence = "---"

    static func markdown(of item: JSONValue) -> String {
        var lines = [fence]
        for (key, value) in item.objectValue ?? [:] where key != "content" {
            lines.append("\(key): \(JSONWriter.text(value))")
        }
        return lines.joined(separator: "\n") + "\n\(fence)\n" + (item["content"]?.stringValue ?? "")
    }

    /// The members and the content of a Markdown text; nil when nothing stands in front of it.
    static func item(of text: String) -> JSONObject? {
        guard text.hasPrefix(fence + "\n"),
            let end = text.range(of: "\n\(fence)\n", range: text.index(text.startIndex, offsetBy: 3)..<text.endIndex)
        else { return nil }
        var members = JSONObject()
        for line in text[text.index(text.startIndex, offsetBy: 4)...].prefix(upTo: end.lowerBound).split(
            separator: "\n")
        {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let key = line[..<colon].trimmingCharacters(in: .whitespaces)
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            do {
                members[key] = try JSONParser.parse(value)
            } catch {
                // Not JSON: the text itself, as people write front matter.
                members[key] = .string(value)
            }
        }
        let content = text[end.upperBound...]
        if !content.isEmpty { members["content"] = .string(String(content)) }
        return members
    }
}
