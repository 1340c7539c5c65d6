import JSON
import VectorEngine

/// A memory as a person reads it on a terminal: a line of facts, its text, its address.
///
/// It is made of an item as the tools answer it, so that a shell shows what an agent sees.
package struct ShownMemory: Sendable {
    /// The relevance and its word where it was found; kind, project, age and file.
    package let facts: [String]
    package let text: String
    package let id: String

    /// - Parameters:
    ///   - now: Microseconds since 1970.
    ///   - folder: A file below it is shown relative to it.
    package init(_ item: JSONValue, now: Int64, folder: String) {
        id = item["id"]?.stringValue ?? ""
        var facts: [String] = []
        if let score = item["score"]?.doubleValue {
            facts.append(Self.hundredths(score) + (item["relevance"]?.stringValue.map { " \($0)" } ?? ""))
        }
        let type = item["data"]?["observation_type"]?.stringValue
        facts.append((item["kind"]?.stringValue ?? "memory") + (type.map { " (\($0))" } ?? ""))
        if let project = item["scope"]?["project"]?.stringValue { facts.append(project) }
        if let status = item["data"]?["status"]?.stringValue { facts.append(status) }
        if let created = item["created_at"]?.stringValue.flatMap(Timestamp.parse) {
            facts.append(Self.age(of: created, now: now))
        }
        if let file = item["data"]?["document_id"]?.stringValue {
            facts.append(file.hasPrefix(folder + "/") ? String(file.dropFirst(folder.count + 1)) : file)
        }
        if let end = item["expires_at"]?.stringValue { facts.append("until \(end.prefix(10))") }
        self.facts = facts
        text = Self.text(of: item)
    }

    private static let titleFields = ["title", "name", "heading"]

    private static func text(of item: JSONValue) -> String {
        if let content = item["content"]?.stringValue {
            // Of a long memory what was found, not its beginning.
            guard let match = item["match"], let passage = match["text"]?.stringValue else { return content }
            let isBeginning = match["start"]?.integerValue == 0
            let isEnd = match["end"]?.integerValue == Int64(content.utf8.count)
            return (isBeginning ? "" : "…") + passage + (isEnd ? "" : "…")
        }
        guard let data = item["data"]?.objectValue else { return "" }
        let titles = titleFields.compactMap { data[$0]?.stringValue }.filter { !$0.isEmpty }.uniqueByBytes()
        let body = BodyField.name(in: data).flatMap { data[$0]?.stringValue }.flatMap { $0.isEmpty ? nil : $0 }
        let lines = (titles.isEmpty ? [] : [titles.joined(separator: " · ")]) + (body.map { [$0] } ?? [])
        return lines.isEmpty ? JSONWriter.text(.object(data)) : lines.joined(separator: "\n")
    }

    private static func hundredths(_ score: Double) -> String {
        guard let number = Int(exactly: (min(1, max(0, score)) * 100).rounded()) else { return "0.00" }
        return number >= 100 ? "1.00" : "0." + (number < 10 ? "0" : "") + String(number)
    }

    /// `just now`, `5 minutes ago`, `3 days ago`, and the date itself after 60 days.
    package static func age(of moment: Int64, now: Int64) -> String {
        let (past, isBeyond) = now.subtractingReportingOverflow(moment)
        let minutes = isBeyond ? Int64.max : past / 60_000_000
        func ago(_ count: Int64, _ unit: String) -> String { "\(count) \(unit)\(count == 1 ? "" : "s") ago" }
        switch minutes {
        case ..<1: return "just now"
        case ..<60: return ago(minutes, "minute")
        case ..<(48 * 60): return ago(minutes / 60, "hour")
        case ..<(60 * 24 * 60): return ago(minutes / (24 * 60), "day")
        default: return String(Timestamp.format(moment).prefix(10))
        }
    }

    /// The text in lines of at most `width` columns, `limit` of them; nil keeps lines as they are.
    ///
    /// - Parameter query: The lines around the one with most of these words are shown; without one the first lines.
    package func lines(width: Int?, limit: Int, query: String? = nil) -> [String] {
        if let query, limit > 2, limit < .max { return window(self.lines(width: width, limit: .max), limit, query) }
        var lines: [String] = []
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }) {
            lines += width.map { Self.wrapped(line, width: $0) } ?? [String(line)]
            if lines.count > limit { return Array(lines.prefix(limit - 1)) + ["…"] }
        }
        return lines
    }

    /// `limit` of the lines, with the line before the one that holds most of the query; a word that fewer lines have
    /// counts more.
    private func window(_ lines: [String], _ limit: Int, _ query: String) -> [String] {
        guard lines.count > limit else { return lines }
        func words(_ text: String) -> Set<Substring> {
            Set(text.lowercased().split { !$0.isLetter && !$0.isNumber })
        }
        let wanted = words(query)
        let held = lines.map { words($0).intersection(wanted) }
        var frequencies: [Substring: Int] = [:]
        for word in held.joined() { frequencies[word, default: 0] += 1 }
        let worth = held.map { $0.map { 1 / Double(frequencies[$0] ?? 1) }.sorted().reduce(0, +) }
        // The first of equal lines.
        let best = worth.indices.max { (worth[$0], $1) < (worth[$1], $0) } ?? 0
        // One line more is taken for each end that is cut.
        let start = best < limit - 1 ? 0 : min(best - 1, lines.count - limit + 1)
        let head = start > 0 ? ["…"] : []
        let end = start + limit - head.count
        guard end < lines.count else { return head + lines[start...] }
        return head + lines[start..<end - 1] + ["…"]
    }

    private static func wrapped(_ line: Substring, width: Int) -> [String] {
        let width = max(10, width)
        var lines: [String] = []
        var rest = line
        while true {
            var (end, used) = (rest.startIndex, 0)
            var blank: Substring.Index?
            while end < rest.endIndex {
                let columns = rest[end].columns
                if used + columns > width { break }
                if rest[end] == " " { blank = end }
                used += columns
                end = rest.index(after: end)
            }
            if end == rest.endIndex { return lines + [String(rest)] }
            // At the last blank, or inside a word that is longer than the line.
            let cut = rest[end] == " " ? end : blank.flatMap { $0 > rest.startIndex ? $0 : nil } ?? end
            lines.append(String(rest[..<cut]))
            rest = rest[cut...]
            if rest.first == " " { rest = rest.dropFirst() }
        }
    }
}

extension Character {
    /// How many columns of a terminal it takes: two for East Asian and most emoji, by the blocks they are in.
    fileprivate var columns: Int {
        guard let first = unicodeScalars.first?.value, first >= 0x1100 else { return 1 }
        switch first {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1FAFF, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }
}
