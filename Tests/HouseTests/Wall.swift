import Foundation
import Testing

/// One rule of the house, with a file that breaks it and a file beside it that does not: the rule's own test.
struct Wall: Sendable, CustomTestStringConvertible {
    /// A sentence that is true while the wall stands.
    let sentence: String
    let check: @Sendable (SourceFile) throws -> [Finding]
    /// Files which this wall must not let through.
    let trespasses: [SourceFile]
    /// Files that look alike and must pass.
    let passes: [SourceFile]

    var testDescription: String { sentence }

    init(
        _ sentence: String, trespasses: [SourceFile], passes: [SourceFile] = [],
        check: @escaping @Sendable (SourceFile) throws -> [Finding]
    ) {
        self.sentence = sentence
        self.trespasses = trespasses
        self.passes = passes
        self.check = check
    }

    static let all = imports + contents + style + numbers
}

/// Which masking of the text a pattern reads.
enum Reading: Sendable { case code, uncommented, text }

extension SourceFile {
    /// A finding for each place where `pattern` matches.
    func findings(_ pattern: String, in reading: Reading = .code, _ message: String) throws -> [Finding] {
        let text =
            switch reading {
            case .code: code
            case .uncommented: uncommented
            case .text: text
            }
        return try Self.matches(of: pattern, in: text).map { match in
            let found = match.groups[0].trimmingCharacters(in: .whitespacesAndNewlines)
            return Finding(path: path, line: match.line, message: "\(message): \(found)")
        }
    }
}
