/// Blanks comments and literals of Swift and C text, byte for byte, newlines kept.
///
/// It knows what the compiler's lexer knows of them: nested comments, raw and multi-line strings, code inside
/// interpolations, character constants in C. A regular-expression literal `/…/` is told from a division as Swift
/// does it: by the blank after the slash, and by the token before it.
struct SourceMasker {
    private let bytes: [UInt8]
    private let isC: Bool
    private var index = 0
    private var code: [UInt8] = []
    private var uncommented: [UInt8] = []

    init(_ text: String, isC: Bool) {
        bytes = Array(text.utf8)
        self.isC = isC
        code.reserveCapacity(bytes.count)
        uncommented.reserveCapacity(bytes.count)
    }

    var codeText: String { String(decoding: code, as: UTF8.self) }
    var uncommentedText: String { String(decoding: uncommented, as: UTF8.self) }

    mutating func run() { scanCode(endsAtParenthesis: false) }

    private enum Part { case code, literal, comment }

    private func peek(_ offset: Int = 0) -> UInt8? {
        let at = index + offset
        return at >= 0 && at < bytes.count ? bytes[at] : nil
    }

    private func stands(_ text: StaticString) -> Bool {
        (0..<text.utf8CodeUnitCount).allSatisfy { peek($0) == text.utf8Start[$0] }
    }

    private mutating func take(_ count: Int = 1, as part: Part) {
        for _ in 0..<count {
            guard let byte = peek() else { return }
            let blank = byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " ")
            code.append(part == .code ? byte : blank)
            uncommented.append(part == .comment ? blank : byte)
            index += 1
        }
    }

    /// Takes code until the text ends, or until the parenthesis that closes an interpolation.
    private mutating func scanCode(endsAtParenthesis: Bool) {
        var depth = 0
        while let byte = peek() {
            if stands("//") {
                takeLineComment()
            } else if stands("/*") {
                takeBlockComment()
            } else if let hashes = openingHashes(before: UInt8(ascii: "\"")) {
                takeString(hashes: hashes)
            } else if let hashes = openingHashes(before: UInt8(ascii: "/")), hashes > 0 || opensRegex() {
                takeRegex(hashes: hashes)
            } else if isC, byte == UInt8(ascii: "'") {
                takeCharacterConstant()
            } else {
                if byte == UInt8(ascii: "(") { depth += 1 }
                if byte == UInt8(ascii: ")") {
                    if depth == 0 && endsAtParenthesis { return }
                    depth -= 1
                }
                take(as: .code)
            }
        }
    }

    /// How many `#` stand here before `delimiter`; nil when something else does.
    private func openingHashes(before delimiter: UInt8) -> Int? {
        var count = 0
        while !isC, peek(count) == UInt8(ascii: "#") { count += 1 }
        return peek(count) == delimiter ? count : nil
    }

    /// Whether the slash here opens a literal: nothing or an opener before it, no blank after it, a slash later on.
    private func opensRegex() -> Bool {
        guard !isC, let next = peek(1), ![UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: ")")].contains(next)
        else { return false }
        var back = -1
        while peek(back) == UInt8(ascii: " ") { back -= 1 }
        guard let before = peek(back), Array("(,:=[{!&|?\n".utf8).contains(before) else { return false }
        var ahead = 1
        while let byte = peek(ahead), byte != UInt8(ascii: "\n") {
            if byte == UInt8(ascii: "/"), peek(ahead - 1) != UInt8(ascii: "\\") { return true }
            ahead += 1
        }
        return false
    }

    private mutating func takeLineComment() {
        while let byte = peek(), byte != UInt8(ascii: "\n") { take(as: .comment) }
    }

    private mutating func takeBlockComment() {
        take(2, as: .comment)
        var depth = 1
        while depth > 0, peek() != nil {
            if stands("*/") {
                take(2, as: .comment)
                depth -= 1
            } else if stands("/*"), !isC {
                take(2, as: .comment)
                depth += 1
            } else {
                take(as: .comment)
            }
        }
    }

    private mutating func takeString(hashes: Int) {
        take(hashes, as: .code)
        let quotes = !isC && stands("\"\"\"") ? 3 : 1
        take(quotes, as: .code)
        while let byte = peek() {
            if byte == UInt8(ascii: "\\"), hasHashes(hashes, at: 1) {
                let opensInterpolation = !isC && peek(1 + hashes) == UInt8(ascii: "(")
                take(2 + hashes, as: .literal)
                if opensInterpolation {
                    scanCode(endsAtParenthesis: true)
                    take(as: .literal)
                }
            } else if (0..<quotes).allSatisfy({ peek($0) == UInt8(ascii: "\"") }), hasHashes(hashes, at: quotes) {
                return take(quotes + hashes, as: .code)
            } else if byte == UInt8(ascii: "\n"), quotes == 1 {
                return
            } else {
                take(as: .literal)
            }
        }
    }

    private mutating func takeRegex(hashes: Int) {
        take(hashes + 1, as: .code)
        while let byte = peek() {
            if byte == UInt8(ascii: "\\") {
                take(2, as: .literal)
            } else if byte == UInt8(ascii: "/"), hasHashes(hashes, at: 1) {
                return take(1 + hashes, as: .code)
            } else if byte == UInt8(ascii: "\n"), hashes == 0 {
                return
            } else {
                take(as: .literal)
            }
        }
    }

    private mutating func takeCharacterConstant() {
        take(as: .code)
        while let byte = peek(), byte != UInt8(ascii: "'"), byte != UInt8(ascii: "\n") {
            take(byte == UInt8(ascii: "\\") ? 2 : 1, as: .literal)
        }
        take(as: .code)
    }

    private func hasHashes(_ count: Int, at offset: Int) -> Bool {
        (0..<count).allSatisfy { peek(offset + $0) == UInt8(ascii: "#") }
    }
}
