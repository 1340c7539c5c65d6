import Foundation

/// One file of the house, with its comments and literals masked, so that a rule about code reads code alone.
///
/// Masked bytes are blanks; lines stay where they are.
struct SourceFile: Sendable {
    /// Relative to the repository, for example `Sources/HNSW/Search/HNSWGraph.swift`.
    let path: String
    let text: String
    /// Without comments and without what stands inside string and regular-expression literals.
    let code: String
    /// Without comments, literals kept: what a rule about SQL reads.
    let uncommented: String

    init(path: String, text: String) {
        self.path = path
        self.text = text
        var masker = SourceMasker(text, isC: Self.fileExtension(of: path) != "swift")
        masker.run()
        code = masker.codeText
        uncommented = masker.uncommentedText
    }

    var isSwift: Bool { Self.fileExtension(of: path) == "swift" }
    var isC: Bool { !isSwift }
    var name: String { path.split(separator: "/").last.map(String.init) ?? path }
    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

    /// The target whose folder this file is in, when it stands under Sources.
    var room: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
    }

    /// Where `pattern` (ICU syntax, `^` and `$` at line ends) matches in `text`: line number from 1, and the match's
    /// groups from 0, an absent group empty.
    static func matches(of pattern: String, in text: String) throws -> [(line: Int, groups: [String])] {
        let expression = try NSRegularExpression(pattern: pattern, options: [.anchorsMatchLines])
        let whole = NSRange(text.startIndex..., in: text)
        return expression.matches(in: text, range: whole).map { match in
            let groups = (0..<match.numberOfRanges).map { group in
                Range(match.range(at: group), in: text).map { String(text[$0]) } ?? ""
            }
            let start = Range(match.range, in: text)?.lowerBound ?? text.startIndex
            return (text[..<start].utf8.count { $0 == UInt8(ascii: "\n") } + 1, groups)
        }
    }

    private static func fileExtension(of path: String) -> String {
        path.split(separator: ".").last.map(String.init) ?? ""
    }
}

/// What breaks a rule, where: printed as `path:line: message`, which editors open.
struct Finding: CustomStringConvertible, Equatable {
    let path: String
    let line: Int
    let message: String

    var description: String { "\(path):\(line): \(message)" }
}
