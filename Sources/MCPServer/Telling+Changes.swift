import JSON
import Memory

/// What stores, updates and deletions did, in words.
extension Telling {
    static func stored(_ answer: JSONValue) -> [String] {
        let items = answer["items"]?.arrayValue ?? []
        var lines = [summary(items)]
        let showsEach = items.count > 1
        for item in items {
            let index = item["input_index"]?.integerValue ?? 0
            let told = outcome(item)
            lines.append(showsEach ? "\(index &+ 1). \(told)" : told)
            lines += (item["similar"]?.arrayValue ?? []).prefix(mostSimilar).map(similar)
            lines += warnings(item).map { "warning: \($0)" }
            lines += (item["insights"]?.arrayValue ?? []).map { "insight: \(plain($0))" }
        }
        if items.contains(where: { !($0["similar"]?.arrayValue ?? []).isEmpty }) {
            lines.append(
                "If a new text replaces a similar one: memory_update that id, or store it with data.supersedes.")
        }
        lines += (answer["autonomous_context"]?["contradictions"]?.arrayValue ?? []).map(contradiction)
        if let reason = answer["meta"]?["degraded_reason"]?.stringValue { lines.append("degraded: \(reason)") }
        return lines
    }

    /// Similar memories that are shown of one item.
    private static let mostSimilar = 3
    /// Characters of a similar text that are shown.
    private static let similarCharacters = 200

    /// `2 stored, 1 updated, 1 similar to …`
    private static func summary(_ items: [JSONValue]) -> String {
        let names = [
            ("stored", "stored"), ("updated", "updated"), ("merged", "merged"), ("skipped_dedupe", "skipped as a copy"),
            ("business_rule_blocked", "blocked by a rule"), ("validation_error", "refused"),
        ]
        var parts = names.compactMap { status, word -> String? in
            let count = items.count { $0["status"]?.stringValue == status }
            return count > 0 ? "\(count) \(word)" : nil
        }
        let similar = items.filter { !($0["similar"]?.arrayValue ?? []).isEmpty }
        if let id = similar.first?["similar"]?.arrayValue?.first?["id"]?.stringValue {
            parts.append("\(similar.count) similar to \(id)")
        }
        return parts.joined(separator: ", ")
    }

    private static func outcome(_ item: JSONValue) -> String {
        let id = item["id"]?.stringValue ?? ""
        let existing = item["existing_id"]?.stringValue ?? id
        var text: String
        switch item["status"]?.stringValue {
        case "stored": text = "stored \(id)"
        case "updated": text = "updated \(existing)"
        case "merged": text = "merged into \(existing), former version kept"
        case "skipped_dedupe": text = "a copy of \(existing)"
        default:
            let error = item["error"]
            let place = error?["field"]?.stringValue.map { "\($0): " } ?? ""
            return "not stored: \(place)\(error?["message"]?.stringValue ?? "refused")"
        }
        if let end = day(item["expires_at"]) { text += ", expires \(end)" }
        return text
    }

    private static func similar(_ other: JSONValue) -> String {
        let likeness = other["similarity"].map { " (\(plain($0)))" } ?? ""
        let text = other["text"]?.stringValue ?? ""
        let shown = text.count > similarCharacters ? String(text.prefix(similarCharacters)) + "…" : text
        return "   similar to \(other["id"]?.stringValue ?? "")\(likeness): \(shown)"
    }

    /// A text without the fields of its kind is as good as any: that it lacks them is not worth a model's attention.
    private static func warnings(_ item: JSONValue) -> [String] {
        strings(item["warnings"]).filter { !$0.contains(" wants ") }
    }

    private static func contradiction(_ found: JSONValue) -> String {
        let index = found["input_index"]?.integerValue ?? 0
        let reason = (found["type"]?.stringValue ?? "").replacing("_", with: " ")
        return "item \(index &+ 1) contradicts \(found["memory_id"]?.stringValue ?? "") (\(reason)): read it, then "
            + "memory_update the one that no longer holds, or delete it"
    }

    static func updated(_ answer: JSONValue) -> [String] {
        let id = answer["item"]?["id"]?.stringValue ?? ""
        guard let former = answer["former_version"]?.integerValue else {
            return ["unchanged: \(id) says this already"]
        }
        var line = "updated \(id) to version \(answer["version"]?.integerValue ?? 0)"
        if let end = day(answer["item"]?["expires_at"]) { line += ", expires \(end)" }
        return [line + "; restore \(former) brings the former one back"]
    }

    static func deleted(_ answer: JSONValue) -> [String] {
        let count = answer["count"]?.integerValue ?? 0
        let ids = strings(answer["ids"])
        guard answer["dry_run"] == true else {
            var line = "deleted \(count)"
            if ids.count > 1 || ids.isEmpty { line.append(count == 1 ? " memory" : " memories") }
            if ids.count == 1 { line += ": \(ids[0])" }
            if let erasure = answer["erasure"] { line += "; \(erased(erasure))" }
            let missing = strings(answer["missing"])
            return [line] + (missing.isEmpty ? [] : ["not there: " + missing.joined(separator: ", ")])
        }
        var lines = ["\(count) match; nothing is deleted yet"]
        if !ids.isEmpty { lines.append(ids.joined(separator: ", ")) }
        if let token = answer["token"]?.stringValue, count > 0 {
            let end = answer["token_expires_at"]?.stringValue.map { ", before \($0)" } ?? ""
            lines.append("to delete exactly these: the same filter with token \(token)\(end)")
        } else if count > 0 {
            lines.append("to delete them: the same ids without dry_run")
        }
        let missing = strings(answer["missing"])
        return lines + (missing.isEmpty ? [] : ["not there: " + missing.joined(separator: ", ")])
    }

    /// What an erasure left where.
    private static func erased(_ erasure: JSONValue) -> String {
        var parts = [
            erasure["incomplete"] == true
                ? "a process that is still reading keeps bytes of it in the log until it ends"
                : "no bytes of it are left in the store's files"
        ]
        for backup in erasure["backups"]?.arrayValue ?? [] {
            let end = day(backup["kept_until"]).map { " until \($0)" } ?? ""
            parts.append("the backup \(backup["name"]?.stringValue ?? "") holds it\(end)")
        }
        return parts.joined(separator: "; ")
    }

    /// `system_status`: memories as blocks, everything else as names and values.
    static func status(_ answer: JSONValue) -> [String] {
        var lines: [String] = []
        for (name, value) in answer.objectValue ?? [:] where name != "operation" && name != "notes" {
            switch (name, value) {
            case ("document", _): lines += block(value)
            case ("items", .array(let items)): lines += blocks(items)
            case (_, .object(let members)):
                lines += members.map { "\($0.key): \(plain($0.value))" }
            case (_, .array(let elements)):
                lines.append("\(name): \(elements.isEmpty ? "none" : "")")
                lines += elements.map { "  \(plain($0))" }
            default: lines.append("\(name): \(plain(value))")
            }
        }
        return lines
    }
}
