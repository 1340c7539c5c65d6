import JSON
import VectorEngine

/// `system_status` within the characters that an answer may have.
extension MemoryStore {
    /// The answer as it was, or as much of it as fits: a page of an export ends sooner, a document goes on at its
    /// cursor, and of other lists the end is left out, which the notes say.
    func limited(_ answer: JSONObject, _ arguments: JSONObject, _ context: CallContext) throws(MemoryError)
        -> JSONObject
    {
        guard context.maximumCharacters != nil else { return answer }
        var answer = answer
        if let items = answer["items"]?.arrayValue { answer.merge(page(items, answer["next_cursor"], context)) { $1 } }
        if let document = answer["document"]?.objectValue {
            answer.merge(try part(of: document, arguments, context)) { $1 }
        }
        var notes: [JSONValue] = []
        func excess() -> Int { 2 * AnswerBudget.characters(.object(answer)) - (context.maximumCharacters ?? 0) }
        let lists = ["reports", "trends", "versions", "merge_history", "chunks", "diagnostics"]
        for name in lists where answer["items"] == nil {
            guard let elements = answer[name]?.arrayValue else { continue }
            var kept = elements
            while excess() > 0, !kept.isEmpty {
                kept.removeLast((kept.count + 1) / 2)
                answer[name] = .array(kept)
            }
            if kept.count < elements.count { notes.append(.string("\(name): \(elements.count - kept.count) left out")) }
        }
        if !notes.isEmpty { answer["notes"] = .array(notes) }
        return answer
    }

    /// The exported items that fit, and where the next page begins.
    private func page(_ items: [JSONValue], _ next: JSONValue?, _ context: CallContext) -> JSONObject {
        var budget = AnswerBudget(context.maximumCharacters)
        var shown: [JSONValue] = []
        for item in items {
            guard var object = item.objectValue else { continue }
            if shown.isEmpty { object = budget.fitted(object) { _ in true } }
            guard budget.take(AnswerBudget.cost(of: object) { _ in true }) || shown.isEmpty else { break }
            shown.append(.object(object))
        }
        var page: JSONObject = ["items": .array(shown)]
        if shown.count < items.count, let id = items[shown.count]["id"] { page["next_cursor"] = id }
        return page
    }

    /// A document from the cursor's character on.
    private func part(
        of document: JSONObject, _ arguments: JSONObject, _ context: CallContext
    ) throws(MemoryError) -> JSONObject {
        let from = try arguments["cursor"]?.stringValue.map { text throws(MemoryError) in
            guard let from = Int(text), from >= 0 else {
                throw MemoryError(.invalidArgument, "no page gave this cursor; start without one", field: "cursor")
            }
            return from
        }
        let budget = AnswerBudget(context.maximumCharacters)
        var document = document
        let text = document["content"]?.stringValue ?? ""
        if let from {
            let rest = String(String.UnicodeScalarView(text.unicodeScalars.dropFirst(from)))
            document = document.filter { !["data", "metadata", "tags", "source"].contains($0.key) }
            document["content"] = .string(rest)
            document["content_from"] = .integer(Int64(from))
        }
        guard AnswerBudget.cost(of: document, shown: { _ in true }) > budget.left || from != nil else { return [:] }
        let length = text.unicodeScalars.count
        document["content_length"] = .integer(Int64(length))
        let rest = document["content"]?.stringValue ?? ""
        document["content"] = ""
        var fitted = budget.fitted(document) { _ in true }
        let room = budget.left - AnswerBudget.cost(of: fitted) { _ in true }
        let piece = AnswerBudget.prefix(of: rest, costing: room)
        fitted["content"] = .string(piece)
        let end = Limit(within: from ?? 0).with(piece.unicodeScalars.count).count
        var members: JSONObject = ["document": .object(fitted)]
        // The chunks are places in the text, which is there itself.
        if end < length { members["next_cursor"] = .string(String(end)) }
        return members
    }
}
