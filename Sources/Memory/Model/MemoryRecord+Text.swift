import JSON
import VectorEngine

/// Which text of a memory is embedded and indexed.
extension MemoryRecord {
    /// Members of `data` that name the item, in the order they are looked for.
    private static let titles = ["title", "name", "heading"]

    /// The item's title; nil when its data has none.
    var title: String? {
        Self.titles.lazy.compactMap { data?[$0]?.stringValue }.first { !$0.isEmpty }
    }

    /// A short name for lists: the title, or the beginning of the text.
    var displayTitle: String {
        if let title { return String(title.prefix(80)) }
        let line = text.split(maxSplits: 1, whereSeparator: { $0 == "\n" || $0 == "\r\n" }).first ?? ""
        return line.count > 80 ? String(line.prefix(79)) + "…" : String(line)
    }

    /// What a person would read: the content, or else the text members of the data, one a line, the title first.
    var text: String {
        if let content { return content }
        let lines = dataLines(withTitle: true)
        return lines.isEmpty ? kind.rawValue : lines.joined(separator: "\n")
    }

    /// The fields of the sparse vector; words that only `data` holds are found too.
    var lexicalFields: LexicalFields {
        let lines = (content.map { [$0] } ?? []) + dataLines(withTitle: false)
        var fields = LexicalFields(body: lines.joined(separator: "\n"))
        fields.title = title ?? ""
        fields.author = source.actor ?? ""
        fields.date = Timestamp.spokenDate(source.timestamp ?? createdAt)
        return fields
    }

    /// The strings and numbers of `data` at every depth, in the order written.
    private func dataLines(withTitle: Bool) -> [String] {
        guard var rest = data else { return [] }
        var lines: [String] = []
        if let key = Self.titles.first(where: { !(rest[$0]?.stringValue ?? "").isEmpty }) {
            if withTitle, let title = rest[key]?.stringValue { lines.append(title) }
            rest[key] = nil
        }
        Self.collect(.object(rest), into: &lines)
        return lines
    }

    /// Recursion is bounded by the JSON reader's depth.
    private static func collect(_ value: JSONValue, into lines: inout [String]) {
        switch value {
        case .string(let text): if !text.isEmpty { lines.append(text) }
        case .integer, .unsigned, .number: lines.append(JSONWriter.text(value))
        case .array(let elements): for element in elements { collect(element, into: &lines) }
        case .object(let members): for member in members.values { collect(member, into: &lines) }
        case .null, .bool: break
        }
    }
}

/// How a memory is shown.
extension MemoryRecord {
    /// The item's members in an answer: no nulls, no vectors, text beyond `maximumLength` scalars cut with its
    /// length said, and so the data beyond as many bytes.
    func json(includesContent: Bool = true, includesMetadata: Bool = true, maximumLength: Int = .max) -> JSONObject {
        var members: JSONObject = ["id": .string(id.description), "kind": .string(kind.rawValue)]
        members["scope"] = .object(scope.json)
        if includesContent {
            if let content { Self.add(content, cutAt: maximumLength, to: &members) }
            if let data {
                let size = JSONWriter.bytes(.object(data)).count
                if size <= maximumLength {
                    members["data"] = .object(data)
                } else {
                    members["data"] = .object(Self.cut(data, to: maximumLength))
                    members["data_length"] = .integer(Int64(size))
                }
            }
        }
        if includesMetadata {
            let source = sourceJSON
            if !source.isEmpty { members["source"] = .object(source) }
            if let metadata { members["metadata"] = .object(metadata) }
            if let tags { members["tags"] = tags }
        }
        members["created_at"] = .string(Timestamp.format(createdAt))
        members["updated_at"] = .string(Timestamp.format(updatedAt))
        if let expiresAt { members["expires_at"] = .string(Timestamp.format(expiresAt)) }
        return members
    }

    /// Bytes of a member of data that counts as short.
    private static let shortMemberBytes = 200
    /// Bytes of a text below which its beginning says nothing.
    private static let leastTextBytes = 40

    /// Data in about so many bytes: the short members, which say what it is about, then the long texts as far as there
    /// is room. What does not fit is left out.
    private static func cut(_ data: JSONObject, to limit: Int) -> JSONObject {
        let members = data.map { (name: $0.key, value: $0.value, size: JSONWriter.bytes($0.value).count) }
        var room = limit
        var kept = JSONObject()
        let short = members.filter { $0.size <= shortMemberBytes }
        for (name, value, size) in short + members.filter({ $0.size > shortMemberBytes }) {
            let cost = name.utf8.count + size
            if cost <= room {
                kept[name] = value
                room -= cost
            } else if let text = value.stringValue, room >= leastTextBytes {
                kept[name] = .string(text.beginning(bytes: room) + "…")
                room = 0
            }
        }
        var result = JSONObject()
        for name in data.keys { result[name] = kept[name] }
        return result
    }

    private static func add(_ content: String, cutAt limit: Int, to members: inout JSONObject) {
        let length = content.unicodeScalars.count
        guard length > limit else {
            members["content"] = .string(content)
            return
        }
        members["content"] = .string(String(String.UnicodeScalarView(content.unicodeScalars.prefix(limit))) + "…")
        members["content_length"] = .integer(Int64(length))
    }

    private var sourceJSON: JSONObject {
        var members = JSONObject()
        if let actor = source.actor { members["actor"] = .string(actor) }
        if let tool = source.tool { members["tool"] = .string(tool) }
        if let session = source.session { members["session"] = .string(session) }
        if let timestamp = source.timestamp { members["timestamp"] = .string(Timestamp.format(timestamp)) }
        return members
    }
}

extension String {
    /// As many whole scalars from the start as fit into so many bytes of UTF-8.
    fileprivate func beginning(bytes limit: Int) -> String {
        var end = unicodeScalars.startIndex
        var used = 0
        while end < unicodeScalars.endIndex {
            used += UTF8.width(unicodeScalars[end])
            if used > limit { break }
            end = unicodeScalars.index(after: end)
        }
        return String(unicodeScalars[..<end])
    }
}
