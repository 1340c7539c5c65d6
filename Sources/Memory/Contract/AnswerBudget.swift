import JSON

/// Keeps an answer within the characters that a client takes: its text and its structured content together.
struct AnswerBudget {
    /// For the frame of the answer: summary, notes and facts about the call.
    private static let frame = 2_000
    /// For an item's head in the text: its id, kind, project, dates and score.
    private static let head = 160

    /// Characters that are left.
    private(set) var left: Int

    /// - Parameter limit: nil for as many as there are.
    init(_ limit: Int?) { left = limit.map { max(1, $0 - Self.frame) } ?? .max / 4 }

    /// The characters of `item` in the structured content and, of the members that the text shows, once more.
    static func cost(of item: JSONObject, shown: (String) -> Bool) -> Int {
        var total = head
        for (name, value) in item {
            let size = characters(.object([name: value]))
            total += shown(name) ? 2 * size : size
        }
        return total
    }

    /// The characters of a value's JSON text.
    static func characters(_ value: JSONValue) -> Int {
        JSONWriter.bytes(value).reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
    }

    /// Takes what an item costs; false, with nothing taken, where there is not enough left.
    mutating func take(_ cost: Int) -> Bool {
        guard cost <= left else { return false }
        left -= cost
        return true
    }

    // MARK: One item that is too large

    /// Members that may be left out of an item, each of which can be read by itself.
    private static let removable = [
        "explanation", "relations", "highlight", "metadata", "data", "tags", "source", "match", "versions", "chunks",
        "merge_history",
    ]

    /// `item` within the characters that are left: large members are left out and named, then the text is cut.
    func fitted(_ item: JSONObject, shown: (String) -> Bool) -> JSONObject {
        var item = item
        var omitted: [JSONValue] = []
        func excess() -> Int { Self.cost(of: item, shown: shown) - left }
        while excess() > 0 {
            let sizes = Self.removable.compactMap { name in item[name].map { (name, Self.characters($0)) } }
            guard let largest = sizes.max(by: { $0.1 < $1.1 }), largest.1 > 200 else { break }
            item[largest.0] = nil
            omitted.append(.string(largest.0))
            item["omitted"] = .array(omitted)
        }
        if let content = item["content"]?.stringValue, excess() > 0 {
            let length = item["content_length"] ?? .integer(Int64(content.unicodeScalars.count))
            item["content_length"] = length
            item["content"] = .string(Self.prefix(of: content, costing: Self.contentCost(content) - excess()) + "…")
        }
        return item
    }

    private static func contentCost(_ text: String) -> Int { 2 * characters(.string(text)) }

    /// The longest beginning of `text` whose JSON text, written twice, has at most so many characters.
    static func prefix(of text: String, costing limit: Int) -> String {
        let scalars = text.unicodeScalars
        var used = 8
        var end = scalars.startIndex
        while end < scalars.endIndex {
            used += 2 * escapedLength(scalars[end])
            if used > limit { break }
            end = scalars.index(after: end)
        }
        return String(scalars[..<end])
    }

    private static func escapedLength(_ scalar: Unicode.Scalar) -> Int {
        switch scalar {
        case "\"", "\\", "\n", "\r", "\t": 2
        case "\u{0}"..<" ": 6
        default: 1
        }
    }
}

extension JSONValue {
    /// The answer with the notes on how its arguments were read.
    func noting(_ notes: [String]) -> JSONValue {
        guard !notes.isEmpty, case .object(var members) = self else { return self }
        members["notes"] = .array((members["notes"]?.arrayValue ?? []) + notes.map { .string($0) })
        return .object(members)
    }
}
