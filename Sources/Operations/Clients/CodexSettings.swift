import JSON

/// The server's table in Codex's `config.toml`; everything else in the file keeps its bytes.
enum CodexSettings {
    private static let header = "[mcp_servers.cortex]"
    private static let headers: Set<String> = [header, #"[mcp_servers."cortex"]"#, "[mcp_servers.'cortex']"]

    /// - Throws: where the servers are written in a form in which no table can be added.
    static func text(_ text: String, command: String, arguments: [String]) throws(SettingsText.Fault) -> String {
        let wanted = [
            ("command", JSONWriter.text(.string(command))),
            ("args", "[" + arguments.map { JSONWriter.text(.string($0)) }.joined(separator: ", ") + "]"),
        ]
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let statements = Self.statements(lines)
        for statement in statements where statement.isInlineServer {
            throw SettingsText.Fault(
                message: "line \(statement.first + 1): the servers are written as an inline table; write them as "
                    + "[mcp_servers.NAME], or add the lines that --print prints")
        }
        guard let start = statements.firstIndex(where: { headers.contains($0.head) }) else {
            let separator = text.isEmpty ? "" : text.hasSuffix("\n") ? "\n" : "\n\n"
            return text + separator + header + "\n" + wanted.map { "\($0.0) = \($0.1)\n" }.joined()
        }
        let table = statements[(start + 1)...].prefix { !$0.isHeader }
        var missing: [String] = []
        // From the last line up, so that the numbers of the lines above hold.
        for (key, value) in wanted.reversed() {
            guard let statement = table.first(where: { $0.key == key }) else {
                missing.insert("\(key) = \(value)", at: 0)
                continue
            }
            if lines[statement.first...statement.last].joined(separator: "\n") == "\(key) = \(value)" { continue }
            if statement.first == statement.last, Self.value(of: lines[statement.first]) == value { continue }
            lines.replaceSubrange(statement.first...statement.last, with: ["\(key) = \(value)"])
            // Only the last of the table is several lines long where one is; the order of both is known below.
            if statement.first != statement.last {
                return try Self.text(lines.joined(separator: "\n"), command: command, arguments: arguments)
            }
        }
        lines.insert(contentsOf: missing, at: statements[start].last + 1)
        return lines.joined(separator: "\n")
    }

    /// One header or one `key = value`, over the lines that its brackets span.
    private struct Statement {
        let first: Int
        let last: Int
        /// Without blanks around and the comment behind.
        let head: String

        var isHeader: Bool { head.hasPrefix("[") }
        var key: String { String(head.prefix { $0 != "=" }).filter { !$0.isWhitespace } }
        /// `mcp_servers = { … }` and `mcp_servers.cortex = { … }`.
        var isInlineServer: Bool { !isHeader && (key == "mcp_servers" || key == "mcp_servers.cortex") }
    }

    private static func statements(_ lines: [String]) -> [Statement] {
        var statements: [Statement] = []
        var i = 0
        while i < lines.count {
            let head = withoutComment(lines[i])
            let first = i
            if !head.isEmpty, !head.hasPrefix("[") {
                var depth = Self.depth(head)
                while depth > 0, i + 1 < lines.count {
                    i += 1
                    depth += Self.depth(withoutComment(lines[i]))
                }
            }
            if !head.isEmpty { statements.append(Statement(first: first, last: i, head: head)) }
            i += 1
        }
        return statements
    }

    private static func value(of line: String) -> String {
        let head = withoutComment(line)
        return String(head.drop { $0 != "=" }.dropFirst().drop { $0 == " " })
    }

    /// The line up to a comment that is in no quotes, without the blanks around it.
    private static func withoutComment(_ line: String) -> String {
        var quote: Character?
        var end = line.endIndex
        for i in line.indices {
            let character = line[i]
            if let open = quote {
                if character == open { quote = nil }
            } else if character == "\"" || character == "'" {
                quote = character
            } else if character == "#" {
                end = i
                break
            }
        }
        return line[..<end].trimming(while: \.isWhitespace)
    }

    private static func depth(_ text: String) -> Int {
        var quote: Character?
        var depth = 0
        for character in text {
            if let open = quote {
                if character == open { quote = nil }
            } else if character == "\"" || character == "'" {
                quote = character
            } else if character == "[" {
                depth += 1
            } else if character == "]" {
                depth -= 1
            }
        }
        return depth
    }
}

extension Substring {
    fileprivate func trimming(while isBlank: (Character) -> Bool) -> String {
        var rest = self
        while let first = rest.first, isBlank(first) { rest.removeFirst() }
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return String(rest)
    }
}
