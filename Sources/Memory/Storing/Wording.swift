import JSON

/// A text as it is compared with a near copy of it: its words and signs, one by one.
///
/// Two texts are one memory only if nothing that could tell two facts apart differs. Vectors cannot decide that:
/// "A reviews B" and "B reviews A" have a cosine of .95 and more, and texts without a word of the model's vocabulary
/// have 1. The full list of stop words cannot either, since "before" and "after", "was" and "will" are in it, and a
/// stem hides the tense. So everything counts, in its order: each word in its form, each number, sign, emoji and
/// character of a script without spaces. What does not count: case, the amount of white space, the shape of quotation
/// marks, punctuation at the end, whether a negation is contracted ("isn't", "is not"), and the article "the". Texts
/// that differ in more are both kept, and the answer names the one that the other resembles.
struct Wording: Equatable {
    /// Words and signs; a sign that follows without a space begins with U+2060.
    private let tokens: [ByteText]

    init(_ text: String) {
        tokens = Self.tokens(ExactCopy.folded(text)).map { ByteText($0) }
    }

    /// - Parameter text: folded.
    private static func tokens(_ text: String) -> [String] {
        var tokens: [String] = []
        var word = String.UnicodeScalarView()
        func flush() {
            if !word.isEmpty { tokens += expanded(String(word)) }
            word = String.UnicodeScalarView()
        }
        var isAfterSpace = true
        for scalar in text.unicodeScalars {
            defer { isAfterSpace = scalar == " " }
            if scalar == " " {
                flush()
                continue
            }
            let sign = quotationMarks[scalar] ?? scalar
            let isApostrophe = sign == "'" && !word.isEmpty
            if isApostrophe || isPartOfWord(scalar) {
                word.append(sign)
                continue
            }
            flush()
            tokens.append((isAfterSpace ? "" : "\u{2060}") + String(sign))
        }
        flush()
        return tokens
    }

    /// Letters, digits and the marks on them.
    static func isPartOfWord(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            return (0x30...0x39).contains(scalar.value) || (0x61...0x7A).contains(scalar.value | 0x20)
                || scalar == "_"
        }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber, .nonspacingMark, .spacingMark, .enclosingMark:
            return true
        default: return false
        }
    }

    private static let quotationMarks: [Unicode.Scalar: Unicode.Scalar] = [
        "’": "'", "‘": "'", "ʼ": "'", "＇": "'", "“": "\"", "”": "\"", "„": "\"",
    ]

    /// A contraction as the words it stands for; nothing for the article.
    private static func expanded(_ word: String) -> [String] {
        if word.hasSameBytes(as: "the") { return [] }
        if let irregular = contractions[word] { return irregular }
        if word.hasSuffix("n't") { return [String(word.dropLast(3)), "not"] }
        return [word]
    }

    private static let contractions = [
        "cannot": ["can", "not"], "can't": ["can", "not"], "won't": ["will", "not"],
        "shan't": ["shall", "not"], "ain't": ["ain't"],
    ]
}
