import JSON
import VectorEngine

/// `memory_find` as a call: where a page begins, and where it stops.
extension MemoryStore {
    /// The last place at which a page may begin.
    private static let lastOffset = 1_000

    /// A page's place in a search: how many hits come before it, and which search it is.
    private struct Cursor {
        static let digits = 8
        let offset: Int
        let search: String

        init(offset: Int, search: String) { (self.offset, self.search) = (offset, search) }

        init?(_ text: String) {
            let parts = text.split(separator: "-")
            guard parts.count == 2, parts[1].count == Self.digits, parts[0].hasPrefix("f"),
                let offset = Int(parts[0].dropFirst())
            else { return nil }
            self.init(offset: offset, search: String(parts[1]))
        }

        var text: String { "f\(offset)-\(search)" }
    }

    /// The checked call, and a digest of all of it but the page.
    func findRequest(
        _ members: JSONObject, _ context: CallContext
    ) throws(MemoryError) -> (request: FindRequest, search: String) {
        var request = FindRequest(checked: members)
        let search = members.filter { !["cursor", "limit", "offset"].contains($0.key) }
        let digest = ContentHash.hex(of: .object(search))
        guard let text = members["cursor"]?.stringValue else { return (request, digest) }
        guard let cursor = Cursor(text), digest.hasPrefix(cursor.search), let offset = Offset(cursor.offset) else {
            throw MemoryError(
                .invalidArgument,
                "no page of this search gave this cursor; send the query, scope and filters of the page before with "
                    + "its cursor, or none",
                field: "cursor")
        }
        request.offset = offset
        return (request, digest)
    }

    /// What the search did otherwise than its arguments say.
    func notes(on request: FindRequest) -> [String] {
        let length = request.query.unicodeScalars.count
        guard request.strategy != .fast, embedder != nil, length > settings.embeddedQueryCharacters else { return [] }
        return [
            "query: of its \(length) characters the first \(settings.embeddedQueryCharacters) are searched by meaning; "
                + "all of them are searched by words"
        ]
    }

    /// The page as far as it fits, with a cursor where hits were left over.
    func answer(
        _ result: FindResult, _ request: FindRequest, _ search: String, _ context: CallContext
    ) -> JSONValue {
        guard case .object(var members) = result.json(request) else { return .null }
        var budget = AnswerBudget(context.maximumCharacters)
        func isShown(_ name: String) -> Bool { ["content", "data", "highlight", "explanation"].contains(name) }
        if let graph = members["graph"], !budget.take(AnswerBudget.characters(graph)) || budget.left < 10_000 {
            members["graph"] = ["truncated": true, "cycles": graph["cycles"] ?? 0]
            budget = AnswerBudget(context.maximumCharacters)
        }
        var shown: [JSONValue] = []
        let items = members["items"]?.arrayValue ?? []
        for item in items {
            guard var object = item.objectValue else { continue }
            if shown.isEmpty { object = budget.fitted(object, shown: isShown) }
            guard budget.take(AnswerBudget.cost(of: object, shown: isShown)) || shown.isEmpty else { break }
            shown.append(.object(object))
        }
        members["items"] = .array(shown)
        let place = Limit(within: shown.count).with(request.offset.count).count
        if shown.count < items.count, place <= Self.lastOffset {
            let next = Cursor(offset: place, search: String(search.prefix(Cursor.digits)))
            members["next_cursor"] = .string(next.text)
        }
        return .object(members)
    }
}
