import Foundation

/// How a text index cuts text into tokens; the same for documents and queries.
package struct TextAnalyzer: Sendable {
    package enum Tokenizer: String, Sendable { case word, whitespace, prefix, multilingual }

    package var tokenizer: Tokenizer = .word
    package var lowercases = true
    package var foldsToASCII = false
    /// Characters of a token; shorter and longer ones are left out.
    package var minimumLength = 0
    package var maximumLength = Int.max
    package var stopWords: Set<String> = []
    /// nil leaves tokens as they are.
    package var stem: (@Sendable (String) -> String)?
    package var matchesPhrases = false

    package init() {}

    /// Tokens of a stored text, in their order. The `prefix` tokenizer gives every beginning of every word.
    package func tokens(ofDocument text: String) -> [String] {
        let words = words(text)
        guard tokenizer == .prefix else { return words }
        return words.flatMap { word -> [String] in
            let longest = min(word.count, maximumLength)
            guard longest >= max(1, minimumLength) else { return [] }
            return (max(1, minimumLength)...longest).map { String(word.prefix($0)) }
        }
    }

    /// Tokens of a question; with the `prefix` tokenizer each word as it is, cut to the longest beginning kept.
    package func tokens(ofQuery text: String) -> [String] {
        let words = words(text)
        guard tokenizer == .prefix else { return words }
        return words.map { String($0.prefix(maximumLength)) }
    }

    private func words(_ text: String) -> [String] {
        var text = text
        if foldsToASCII { text = text.folding(options: .diacriticInsensitive, locale: nil) }
        if lowercases { text = text.lowercased() }
        let parts: [Substring] =
            tokenizer == .whitespace
            ? text.split(whereSeparator: \.isWhitespace)
            : text.split { character in !character.unicodeScalars.allSatisfy(\.properties.isAlphanumeric) }
        return parts.compactMap { part in
            var word = String(part)
            guard !stopWords.contains(lowercases ? word : word.lowercased()) else { return nil }
            if let stem { word = stem(word) }
            guard tokenizer == .prefix || (minimumLength...maximumLength).contains(word.count) else { return nil }
            return word
        }
    }

    /// Whether `text` holds every token of `query` (and has any).
    package func matches(_ text: String, all query: [String]) -> Bool {
        guard !query.isEmpty else { return false }
        let tokens = Set(tokens(ofDocument: text))
        return query.allSatisfy(tokens.contains)
    }

    package func matches(_ text: String, any query: [String]) -> Bool {
        let tokens = Set(tokens(ofDocument: text))
        return query.contains(where: tokens.contains)
    }

    /// Whether the tokens of `query` stand one after another in `text`.
    package func matches(_ text: String, phrase query: [String]) -> Bool {
        let tokens = tokens(ofDocument: text)
        guard !query.isEmpty, tokens.count >= query.count else { return false }
        return (0...tokens.count - query.count).contains { tokens[$0..<$0 + query.count].elementsEqual(query) }
    }
}

extension Unicode.Scalar.Properties {
    fileprivate var isAlphanumeric: Bool {
        if isAlphabetic { return true }
        switch generalCategory {
        case .decimalNumber, .letterNumber, .otherNumber, .nonspacingMark, .spacingMark: return true
        default: return false
        }
    }
}
