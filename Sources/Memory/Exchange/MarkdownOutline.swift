import Foundation
import JSON

/// A Markdown text as its sections: one for each heading, with the headings above it.
///
/// Headings are read as CommonMark 0.31 has them: one to six number signs, or a line of text with a line of `=` or `-`
/// under it. Inside a fenced block there are none. Front matter is read and is no part of the text.
package struct MarkdownOutline: Sendable {
    /// The text from one heading to the next.
    package struct Section: Sendable, Equatable {
        /// The headings above it and its own, outermost first; empty before the first heading.
        package let path: [String]
        package let text: String

        package var heading: String? { path.last }
    }

    package private(set) var sections: [Section] = []
    /// The first heading of the first level; nil where there is none.
    package private(set) var title: String?
    /// Members of the front matter, in order; nil where the text has none.
    package let frontMatter: JSONObject?

    private var stack: [(level: Int, heading: String)] = []
    private var body: [Substring] = []
    private var fence: Fence?

    private struct Fence {
        let mark: Character
        let length: Int
    }

    /// - Parameter text: with line feeds alone between its lines.
    package init(_ text: String) {
        let parts = FrontMatter.parts(of: text)
        frontMatter = parts?.members
        for line in (parts?.content ?? text[...]).split(separator: "\n", omittingEmptySubsequences: false) {
            take(line)
        }
        flush()
    }

    private mutating func take(_ line: Substring) {
        let indent = line.prefix { $0 == " " }.count
        let start = line.dropFirst(indent)
        if let open = fence {
            let count = start.prefix { $0 == open.mark }.count
            let ends = indent < 4 && count >= open.length && start.dropFirst(count).allSatisfy(\.isWhitespace)
            if ends { fence = nil }
            body.append(line)
            return
        }
        guard indent < 4 else {
            body.append(line)
            return
        }
        if let mark = start.first, mark == "`" || mark == "~" {
            let length = start.prefix { $0 == mark }.count
            let isFence = length >= 3 && !(mark == "`" && start.dropFirst(length).contains("`"))
            if isFence { fence = Fence(mark: mark, length: length) }
        } else if let heading = Self.numbered(start) {
            open(heading.text, level: heading.level)
            return
        } else if let level = underlineLevel(start), let heading = takeParagraph() {
            open(heading, level: level)
            return
        }
        body.append(line)
    }

    /// `## Heading ##`.
    private static func numbered(_ line: Substring) -> (level: Int, text: String)? {
        let level = line.prefix { $0 == "#" }.count
        let rest = line.dropFirst(level)
        guard (1...6).contains(level), rest.isEmpty || rest.first == " " || rest.first == "\t" else { return nil }
        var text = rest.trimmingCharacters(in: .whitespaces)[...]
        let closing = text.reversed().prefix { $0 == "#" }.count
        if closing > 0 {
            let before = text.dropLast(closing)
            // Number signs close a heading only behind a blank.
            if before.isEmpty || before.last == " " || before.last == "\t" { text = before }
        }
        return (level, text.trimmingCharacters(in: .whitespaces))
    }

    private func underlineLevel(_ line: Substring) -> Int? {
        guard let mark = line.first, mark == "=" || mark == "-" else { return nil }
        let rest = line.drop { $0 == mark }
        guard rest.allSatisfy(\.isWhitespace) else { return nil }
        return mark == "=" ? 1 : 2
    }

    /// Longest heading of this kind, in lines; longer paragraphs with a line under them are text.
    private static let maximumHeadingLines = 3

    /// Takes the paragraph that ends the text so far; nil where the text does not end with one.
    private mutating func takeParagraph() -> String? {
        var lines: [Substring] = []
        for line in body.reversed() {
            if line.allSatisfy(\.isWhitespace) { break }
            lines.insert(line, at: 0)
        }
        guard (1...Self.maximumHeadingLines).contains(lines.count), lines.allSatisfy(Self.isParagraph) else {
            return nil
        }
        body.removeLast(lines.count)
        return lines.map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: " ")
    }

    private static func isParagraph(_ line: Substring) -> Bool {
        let start = line.drop { $0 == " " }
        guard let first = start.first, line.prefix(4) != "    " else { return false }
        if first == ">" || first == "|" || first == "<" || start.hasPrefix("```") || start.hasPrefix("~~~") {
            return false
        }
        if "-*+".contains(first), start.dropFirst().first == " " { return false }
        let digits = start.prefix { $0.isASCII && $0.isNumber }
        let mark = start.dropFirst(digits.count)
        return digits.isEmpty || !((mark.first == "." || mark.first == ")") && mark.dropFirst().first == " ")
    }

    private mutating func open(_ heading: String, level: Int) {
        flush()
        while let last = stack.last, last.level >= level { stack.removeLast() }
        stack.append((level, heading))
        if level == 1, title == nil { title = heading }
    }

    private mutating func flush() {
        let text = body.joined(separator: "\n").trimmingCharacters(in: .whitespacesAndNewlines)
        body = []
        if !text.isEmpty { sections.append(Section(path: stack.map(\.heading), text: text)) }
    }
}
