import Foundation

/// How a text index cuts text into tokens.
///
/// What Qdrant's own core does, as its released library (`qdrant-edge-py` 0.9) shows it: the tokenizer `prefix` gives
/// every beginning of a word, keeps stop words in questions and leaves phrases to whole words; `multilingual` always
/// folds case and accents and leaves numbers out. Chinese and Japanese are cut into characters, not into words.
package struct TextAnalyzer: Sendable {
    package enum Tokenizer: String, Sendable { case word, whitespace, prefix, multilingual }

    package var tokenizer: Tokenizer = .word
    package var lowercases = true
    package var foldsToASCII = false
    /// Characters of a token; shorter and longer ones are left out.
    package var minimumLength = 0
    package var maximumLength = Int.max
    /// Compared with words as they are after folding.
    package var stopWords: Set<String> = []
    /// nil leaves tokens as they are.
    package var stem: (@Sendable (String) -> String)?
    package var matchesPhrases = false

    package init() {}

    /// Tokens of a stored text, in their order. The `prefix` tokenizer gives every beginning of every word.
    package func tokens(ofDocument text: String) -> [String] {
        let words = words(text, leavingOut: stopWords)
        guard tokenizer == .prefix else { return words }
        return words.flatMap { word -> [String] in
            let longest = min(word.count, maximumLength)
            guard longest >= max(1, minimumLength) else { return [] }
            return (max(1, minimumLength)...longest).map { String(word.prefix($0)) }
        }
    }

    /// Tokens of a question; with the `prefix` tokenizer each word as it is, cut to the longest beginning kept.
    package func tokens(ofQuery text: String) -> [String] {
        guard tokenizer == .prefix else { return words(text, leavingOut: stopWords) }
        return words(text, leavingOut: []).filter { $0.count >= minimumLength }.map { String($0.prefix(maximumLength)) }
    }

    private var folds: Bool { foldsToASCII || tokenizer == .multilingual }

    private func words(_ text: String, leavingOut stopWords: Set<String>) -> [String] {
        var text = text
        if folds { text = Self.folded(text) }
        if lowercases || tokenizer == .multilingual { text = text.lowercased() }
        return parts(text).compactMap { part in
            var word = String(part)
            guard !stopWords.contains(word) else { return nil }
            if let stem { word = stem(word) }
            // Two comparisons: the least length may be beyond the greatest, and then no word is kept.
            guard tokenizer == .prefix || (word.count >= minimumLength && word.count <= maximumLength) else {
                return nil
            }
            return word
        }
    }

    private func parts(_ text: String) -> [Substring] {
        guard tokenizer != .whitespace else { return text.split(whereSeparator: \.isWhitespace) }
        let words = text.split { character in !character.unicodeScalars.allSatisfy(\.properties.isAlphanumeric) }
        guard tokenizer == .multilingual else { return words }
        return words.flatMap { word -> [Substring] in
            if word.allSatisfy(\.isNumber) { return [] }
            guard word.contains(where: \.isUnspaced) else { return [word] }
            return word.indices.map { word[$0...$0] }
        }
    }

    /// Letters without their accents, and the letters that are no accented ones spelled out.
    private static func folded(_ text: String) -> String {
        let text = text.folding(options: .diacriticInsensitive, locale: nil)
        guard text.contains(where: { spelled[$0] != nil }) else { return text }
        return text.reduce(into: "") { $0 += spelled[$1] ?? String($1) }
    }

    private static let spelled: [Character: String] = [
        "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ł": "l",
        "Ł": "L", "þ": "th", "Þ": "TH", "ð": "d", "Ð": "D", "ı": "i",
    ]

    /// Whether the texts of a document together hold every token of `query` (and there is any).
    package func matches(_ texts: [String], all query: [String]) -> Bool {
        guard !query.isEmpty else { return false }
        let tokens = Set(texts.flatMap(tokens(ofDocument:)))
        return query.allSatisfy(tokens.contains)
    }

    package func matches(_ texts: [String], any query: [String]) -> Bool {
        let tokens = Set(texts.flatMap(tokens(ofDocument:)))
        return query.contains(where: tokens.contains)
    }

    /// The words of a phrase, or of a text that is asked for one; of the `prefix` tokenizer as long as it keeps them.
    package func phraseWords(_ text: String) -> [String] {
        let words = words(text, leavingOut: stopWords)
        guard tokenizer == .prefix else { return words }
        return words.filter { $0.count >= minimumLength }.map { String($0.prefix(maximumLength)) }
    }

    /// Whether the words of `phrase` stand one after another in one of the texts.
    package func matches(_ texts: [String], phrase: String) -> Bool {
        let phrase = phraseWords(phrase)
        guard !phrase.isEmpty else { return false }
        return texts.contains { text in
            let words = phraseWords(text)
            guard words.count >= phrase.count else { return false }
            return (0...words.count - phrase.count).contains {
                words[$0..<$0 + phrase.count].elementsEqual(phrase)
            }
        }
    }
}

extension Character {
    /// Of a script that puts no spaces between words: Han, Hiragana, Katakana.
    fileprivate var isUnspaced: Bool {
        unicodeScalars.contains { scalar in
            scalar.properties.isIdeographic || (0x3040...0x30FF).contains(scalar.value)
        }
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
