import JSON
import Memory

/// Puts answers into words for a model: what it needs to go on, and no JSON syntax, which costs tokens.
enum Telling {
    /// An answer as text; `tool` is the tool's name.
    static func text(of answer: JSONValue, from tool: String) -> String {
        var lines: [String] =
            switch tool {
            case "memory_store": stored(answer)
            case "memory_find": found(answer)
            case "memory_get": read(answer)
            case "memory_update": updated(answer)
            case "memory_delete": deleted(answer)
            case "memory_list": listed(answer)
            default: status(answer)
            }
        let notes = strings(answer["notes"])
        if !notes.isEmpty { lines.append("read as meant: " + notes.joined(separator: "; ")) }
        let text = lines.joined(separator: "\n")
        return text.isEmpty ? "nothing to report" : text
    }

    /// An error as text: every fault with its place and its remedy.
    static func text(of error: MemoryError) -> String {
        var text = error.description
        if let wait = error.retryAfterMilliseconds {
            text += "\nTry again in \(wait) ms."
        } else if error.isRetryable {
            text += "\nThe same call may succeed later."
        }
        return text
    }

    /// The faults of a store of which no item could be taken, a line for each; nil where one was.
    static func faults(ifAllIn answer: JSONValue) -> String? {
        guard let items = answer["items"]?.arrayValue, !items.isEmpty,
            items.allSatisfy({ $0["status"]?.stringValue == "validation_error" })
        else { return nil }
        return items.compactMap { item in
            guard let error = item["error"], let code = error["code"]?.stringValue else { return nil }
            let place = error["field"]?.stringValue.map { "\($0): " } ?? ""
            return "\(code) \(place)\(error["message"]?.stringValue ?? "")"
        }
        .joined(separator: "\n")
    }

    static func strings(_ value: JSONValue?) -> [String] { (value?.arrayValue ?? []).compactMap(\.stringValue) }

    // MARK: Memories

    private static func found(_ answer: JSONValue) -> [String] {
        let items = answer["items"]?.arrayValue ?? []
        var lines: [String] = []
        if let notice = answer["note"]?.stringValue { lines.append(notice) }
        if items.isEmpty {
            lines.append("nothing found")
            let projects = strings(answer["projects"])
            if !projects.isEmpty { lines.append("projects with memories: " + projects.joined(separator: ", ")) }
        }
        lines += blocks(items)
        lines += graph(answer["graph"])
        if let cursor = answer["next_cursor"]?.stringValue { lines.append("more with cursor \(cursor)") }
        if let reason = answer["meta"]?["degraded_reason"]?.stringValue { lines.append("degraded: \(reason)") }
        return lines
    }

    private static func graph(_ graph: JSONValue?) -> [String] {
        (graph?["edges"]?.arrayValue ?? []).map { "relation: \(edge($0))" }
    }

    private static func edge(_ edge: JSONValue) -> String {
        ["from", "type", "to"].compactMap { edge[$0]?.stringValue }.joined(separator: " ")
    }

    private static func read(_ answer: JSONValue) -> [String] {
        var lines = blocks(answer["items"]?.arrayValue ?? [])
        let missing = strings(answer["missing"])
        if !missing.isEmpty { lines.append("not there (deleted or expired): " + missing.joined(separator: ", ")) }
        if let cursor = answer["next_cursor"]?.stringValue { lines.append("continues with cursor \(cursor)") }
        if let reason = answer["degraded_reason"]?.stringValue { lines.append("degraded: \(reason)") }
        return lines
    }

    private static func listed(_ answer: JSONValue) -> [String] {
        var lines: [String] = []
        let total = answer["total"]?.integerValue ?? 0
        for name in ["projects", "tags"] {
            guard let values = answer[name]?.arrayValue else { continue }
            if values.isEmpty { lines.append("no \(name)") }
            lines += values.map { "\($0["name"]?.stringValue ?? "") \($0["count"]?.integerValue ?? 0)" }
        }
        if let items = answer["items"]?.arrayValue {
            lines.append(items.isEmpty ? "no memories match" : "\(items.count) of \(total)")
            lines += blocks(items)
        }
        if let cursor = answer["next_cursor"]?.stringValue { lines.append("more with cursor \(cursor)") }
        if let reason = answer["degraded_reason"]?.stringValue { lines.append("degraded: \(reason)") }
        return lines
    }

    /// A block for each memory, with an empty line between two.
    static func blocks(_ items: [JSONValue]) -> [String] {
        items.enumerated().flatMap { i, item in (i > 0 ? [""] : []) + block(item) }
    }

    /// One memory: id, kind, project, date and score in a line, then what it says.
    static func block(_ item: JSONValue) -> [String] {
        var lines = ["\(item["id"]?.stringValue ?? "") \(head(item).joined(separator: ", "))"]
        lines += saying(item)
        if let data = item["data"]?.objectValue {
            for (name, value) in data where name != "observation_type" { lines.append("\(name): \(plain(value))") }
        }
        if let length = item["data_length"]?.integerValue {
            lines.append("(the fields are cut, of \(length) bytes; memory_get gives all)")
        }
        if let part = item["part"], let member = part["member"]?.stringValue {
            lines.append("\(member), as JSON, \(span(part, part["text"])):")
            lines.append(part["text"]?.stringValue ?? "")
        }
        for name in ["tags", "metadata", "source"] where item["version"] != nil {
            if let value = item[name] { lines.append("\(name): \(plain(value))") }
        }
        lines += (item["contradictions"]?.arrayValue ?? []).compactMap { $0["note"]?.stringValue }
        if let highlight = item["highlight"]?.stringValue { lines.append("match: \(highlight)") }
        if let parts = item["explanation"] { lines.append("score: \(plain(parts))") }
        lines += (item["relations"]?.arrayValue ?? []).map { "relation: \(edge($0))" }
        for version in item["versions"]?.arrayValue ?? [] {
            lines.append(
                "version \(version["version"]?.integerValue ?? 0), until \(day(version["valid_until"]) ?? ""): "
                    + (version["content"]?.stringValue ?? version["data"].map(plain) ?? ""))
        }
        let chunks = item["chunks"]?.arrayValue ?? []
        if !chunks.isEmpty {
            let places = chunks.map { "\($0["start"]?.integerValue ?? 0)-\($0["end"]?.integerValue ?? 0)" }
            lines.append("chunks at bytes \(places.joined(separator: ", "))")
        }
        let omitted = strings(item["omitted"])
        if !omitted.isEmpty { lines.append("left out for length: \(omitted.joined(separator: ", ")); see memory_get") }
        return lines
    }

    private static func head(_ item: JSONValue) -> [String] {
        var kind = item["kind"]?.stringValue ?? ""
        if let name = item["data"]?["observation_type"]?.stringValue, !name.isEmpty, name.count <= 64 {
            kind += " (\(name))"
        }
        var facts = [kind]
        if let project = item["scope"]?["project"]?.stringValue { facts.append(project) }
        if let day = day(item["created_at"]) { facts.append(day) }
        if let version = item["version"]?.integerValue, version > 1 { facts.append("version \(version)") }
        if let end = day(item["expires_at"]) { facts.append("expires \(end)") }
        if let end = day(item["retired_at"]) { facts.append("retired \(end)") }
        if let score = item["score"]?.doubleValue {
            let hundredths = (score * 100).rounded() / 100
            facts.append(
                [JSONWriter.text(.number(hundredths)), item["relevance"]?.stringValue].compactMap { $0 }
                    .joined(separator: " "))
        }
        return facts
    }

    /// The text, or of a long one the passage that was found, with what is missing.
    private static func saying(_ item: JSONValue) -> [String] {
        guard let content = item["content"]?.stringValue else { return [] }
        guard let length = item["content_length"]?.integerValue else { return [content] }
        if let passage = item["match"]?["text"]?.stringValue, !content.contains(passage) {
            return [passage, "(a passage of \(length) characters; memory_get gives all)"]
        }
        if item["version"] != nil { return [content, "(\(span(item, item["content"])) characters)"] }
        return [content, "(the beginning of \(length) characters; memory_get gives all)"]
    }

    /// Which characters of how many a part has.
    private static func span(_ place: JSONValue, _ text: JSONValue?) -> String {
        let from = (place["from"] ?? place["content_from"])?.integerValue ?? 0
        let length = (place["length"] ?? place["content_length"])?.integerValue ?? 0
        let count = Int64(text?.stringValue?.unicodeScalars.count ?? 0)
        return "\(from) to \(from &+ count) of \(length)"
    }

    static func day(_ moment: JSONValue?) -> String? { moment?.stringValue.map { String($0.prefix(10)) } }

    /// A value without JSON syntax: lists with semicolons, members with colons.
    static func plain(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): text
        case .array(let elements): elements.map(plain).joined(separator: "; ")
        case .object(let members): members.map { "\($0.key): \(plain($0.value))" }.joined(separator: ", ")
        default: JSONWriter.text(value)
        }
    }
}
