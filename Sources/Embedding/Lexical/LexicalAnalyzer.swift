/// Splits texts into search terms; items and queries in the same way.
///
/// Lower-case, without apostrophes, sequences of Unicode letters and digits, without the words of Snowball's English
/// stop list, stemmed by Porter2. Latin letters also lose their accents, composed or not, so that "Zurich" finds
/// "Zürich". Other scripts are not stemmed. If a script does not separate words (Chinese, Japanese, Thai, Lao, Khmer,
/// Burmese), a sequence becomes its pairs of adjacent letters. At most `mostTerms` terms are taken from a text, and the
/// first `longestTermBytes` bytes of a longer sequence.
package struct LexicalAnalyzer: Sendable {
    /// Changes whenever the same text may give other terms; a collection records it.
    package static let revision = "english-porter2-1"
    package static let mostTerms = 100_000
    static let longestTermBytes = 128

    private let folding = BertFolding()

    package init() {}

    /// The terms of an item's text, in order, with repetitions.
    package func terms(ofItem text: String) -> [String] { terms(text, isQuery: false) }

    /// The terms of a query. A stop word that is capitalised inside the query ("did Will call") is a name and stays.
    /// Empty if no term is left; then only the dense half can answer.
    package func terms(ofQuery text: String) -> [String] { terms(text, isQuery: true) }

    private enum Script { case latin, unseparated, other }

    /// The state of the sequence that is being read.
    private struct Run {
        var bytes: [UInt8] = []
        var scalars: [Unicode.Scalar] = []
        var script = Script.other
        var hasApostrophe = false
        var isCapitalised = false
        var count = 0
    }

    private func terms(_ text: String, isQuery: Bool) -> [String] {
        var terms: [String] = []
        var run = Run()
        var opensSentence = true
        func flush() {
            guard run.count > 0 else { return }
            let keepsStopWord = isQuery && !opensSentence && run.isCapitalised && run.count > 1
            append(run, keepsStopWord: keepsStopWord, to: &terms)
            opensSentence = false
            run = Run()
        }
        for scalar in text.unicodeScalars {
            if terms.count >= Self.mostTerms { break }
            switch Self.role(of: scalar) {
            case .apostrophe:
                if run.count > 0 {
                    run.bytes.append(UInt8(ascii: "'"))
                    run.hasApostrophe = true
                }
            case .mark:
                if run.script != .latin, run.count > 0 { add(scalar, script: run.script, to: &run) }
            case .word(let script):
                if run.count > 0, (script == .unseparated) != (run.script == .unseparated) { flush() }
                add(scalar, script: script, to: &run)
            case .boundary:
                flush()
                if scalar == "." || scalar == "?" || scalar == "!" { opensSentence = true }
            }
        }
        flush()
        return terms
    }

    private func add(_ scalar: Unicode.Scalar, script: Script, to run: inout Run) {
        let isUpper = scalar.properties.isUppercase
        run.isCapitalised = run.count == 0 ? isUpper : run.isCapitalised && !isUpper
        run.count += 1
        run.script = script == .other && run.script == .latin ? .latin : script
        if script == .unseparated {
            run.scalars.append(scalar)
        } else if run.bytes.count < Self.longestTermBytes {
            if scalar.isASCII {
                run.bytes.append(UInt8(ascii: scalar) | (isUpper ? 0x20 : 0))
            } else if script == .latin {
                _ = folding.appendFolded(scalar.value, to: &run.bytes)
            } else {
                run.bytes.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
            }
        }
    }

    private func append(_ run: Run, keepsStopWord: Bool, to terms: inout [String]) {
        if run.script == .unseparated {
            guard run.scalars.count > 1 else {
                terms.append(String(String.UnicodeScalarView(run.scalars)))
                return
            }
            for index in 1..<run.scalars.count {
                terms.append(String(String.UnicodeScalarView(run.scalars[index - 1...index])))
            }
            return
        }
        var word = run.bytes
        while word.last == UInt8(ascii: "'") { word.removeLast() }
        if run.hasApostrophe {
            if StopWords.contractions.contains(word) { return }
            word.removeAll { $0 == UInt8(ascii: "'") }
        }
        if !keepsStopWord, StopWords.plain.contains(word) { return }
        terms.append(String(decoding: run.script == .latin ? Porter2.stem(word) : word, as: UTF8.self))
    }

    private enum Role {
        case apostrophe, mark, boundary
        case word(Script)
    }

    private static func role(of scalar: Unicode.Scalar) -> Role {
        switch scalar.value {
        case 0x27, 0x2018, 0x2019, 0x02BC, 0xFF07: return .apostrophe
        case 0x30...0x39: return .word(.other)
        case 0x41...0x5A, 0x61...0x7A: return .word(.latin)
        case 0..<0x80: return .boundary
        default: break
        }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber:
            return .word(script(of: scalar.value))
        case .nonspacingMark, .spacingMark, .enclosingMark:
            return isUnseparated(scalar.value) ? .word(.unseparated) : .mark
        default:
            return .boundary
        }
    }

    private static func script(of value: UInt32) -> Script {
        switch value {
        case 0xAA, 0xBA, 0xC0...0x24F, 0x1E00...0x1EFF: .latin
        default: isUnseparated(value) ? .unseparated : .other
        }
    }

    /// Scripts written without spaces between words.
    private static func isUnseparated(_ value: UInt32) -> Bool {
        switch value {
        case 0x0E00...0x0EFF,  // Thai, Lao
            0x1000...0x109F,  // Myanmar
            0x1780...0x17FF,  // Khmer
            0x3005...0x3007, 0x3021...0x3029, 0x3031...0x3035, 0x3038...0x303C,  // ideographic marks
            0x3041...0x30FF, 0x31F0...0x31FF, 0xFF66...0xFF9F,  // kana
            0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x3FFFF:  // Chinese characters
            true
        default: false
        }
    }
}
