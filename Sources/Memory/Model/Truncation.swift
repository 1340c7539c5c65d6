import JSON

/// How a text that is too long is cut before it is stored (`truncation_config`).
struct Truncation: Sendable, Equatable {
    enum Mode: String, Sendable {
        /// At the limit.
        case hard
        /// At the last word that fits.
        case soft
        /// At the last paragraph or sentence that fits, where that keeps at least half.
        case intelligent
    }

    /// Characters of a token of English on average; the model's own count is not needed for a limit.
    static let charactersPerToken = 4

    var isEnabled = true
    var maximumCharacters = 10_000
    var maximumTokens: Int?
    var mode = Mode.intelligent
    var preservesStructure = true
    var addsIndicator = true
    var indicator = "…"

    /// nil when the call says nothing.
    init?(_ members: JSONObject?) {
        guard let members else { return nil }
        func whole(_ name: String) -> Int? { members[name]?.integerValue.flatMap { Int(exactly: $0) } }
        isEnabled = members["enabled"]?.boolValue ?? true
        maximumCharacters = whole("max_chars") ?? maximumCharacters
        maximumTokens = whole("max_tokens")
        mode = members["mode"]?.stringValue.flatMap(Mode.init) ?? mode
        preservesStructure = members["preserve_structure"]?.boolValue ?? true
        addsIndicator = members["add_indicators"]?.boolValue ?? true
        indicator = members["indicator"]?.stringValue ?? indicator
    }

    /// The text, or its beginning with the indicator, no longer than the limit; nil when it fits as it is.
    func cut(_ text: String) -> String? {
        guard isEnabled else { return nil }
        let limit = min(maximumCharacters, maximumTokens.map { $0 * Self.charactersPerToken } ?? .max)
        let scalars = text.unicodeScalars
        guard scalars.count > limit else { return nil }
        let mark = addsIndicator ? indicator : ""
        let room = max(0, limit - mark.unicodeScalars.count)
        let whole = String(String.UnicodeScalarView(scalars.prefix(room)))
        return end(of: whole) + mark
    }

    private func end(of text: String) -> Substring {
        switch mode {
        case .hard: return Substring(text)
        case .soft: return upToLast(in: text) { $0.isWhitespace } ?? Substring(text)
        case .intelligent:
            let half = text.index(text.startIndex, offsetBy: text.count / 2)
            let ends: [Character] = preservesStructure ? ["\n"] : []
            for marks in [ends, [".", "!", "?", "。", "！", "？"]] where !marks.isEmpty {
                if let kept = upToLast(in: text, keeping: true, where: { marks.contains($0) }), kept.endIndex > half {
                    return kept
                }
            }
            return upToLast(in: text) { $0.isWhitespace } ?? Substring(text)
        }
    }

    private func upToLast(
        in text: String, keeping: Bool = false, where isEnd: (Character) -> Bool
    ) -> Substring? {
        guard let last = text.lastIndex(where: isEnd), last > text.startIndex else { return nil }
        return keeping ? text[...last] : text[..<last]
    }
}
