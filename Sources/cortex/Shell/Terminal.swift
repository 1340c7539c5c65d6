import Files
import Foundation
import JSON
import Memory
import Operations

/// What a person at a terminal is shown: bold and dim text there, plain text in a pipe.
enum Terminal {
    static let isInteractive = isatty(STDOUT_FILENO) == 1 && !Environment.current.isPlain
    static let showsProgress = isatty(STDERR_FILENO) == 1

    static func bold(_ text: String) -> String { isInteractive ? "\u{1B}[1m\(text)\u{1B}[0m" : text }
    static func dim(_ text: String) -> String { isInteractive ? "\u{1B}[2m\(text)\u{1B}[0m" : text }

    static func note(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    /// Columns of the terminal; nil where standard output is none, and lines are as long as they are.
    static var width: Int? { TerminalFacts.columns }

    /// A memory as a person reads it: a line of facts, its text, its address.
    ///
    /// - Parameter query: Of a text with more lines those around its words are shown.
    static func show(_ item: JSONValue, lineLimit: Int, query: String? = nil) {
        let shown = ShownMemory(
            item, now: WallClock.microseconds(), folder: FileManager.default.currentDirectoryPath)
        let (first, rest) = (shown.facts.first ?? "", shown.facts.dropFirst())
        print(bold(safe(first)), dim(safe(rest.joined(separator: " · "))))
        for line in shown.lines(width: width.map { $0 - 2 }, limit: lineLimit, query: query) {
            print("  " + safe(line))
        }
        print(dim("  memory://\(shown.id)"))
    }

    /// Whether the person agrees; an empty line means `unlessSaid`. Nil in a pipe, where there is nobody to ask.
    static func confirms(_ question: String, unlessSaid: Bool) -> Bool? {
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else { return nil }
        print("\(question) \(unlessSaid ? "[Y/n]" : "[y/N]") ", terminator: "")
        TerminalFacts.flush()
        guard let answer = readLine() else { return false }
        return answer.isEmpty ? unlessSaid : ["y", "yes"].contains(answer.lowercased())
    }

    /// Text from a memory on its way to a terminal: control characters must not reach it.
    static func safe(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    scalar == "\n" || scalar == "\t" || scalar.properties.generalCategory != .control
                        ? scalar : "\u{FFFD}"
                }))
    }
}

/// A line on stderr that fills up; silent when stderr is no terminal.
struct ProgressBar {
    private let label: String
    private var lastShown = -1

    init(_ label: String) { self.label = label }

    mutating func show(_ done: Int, of total: Int) {
        guard Terminal.showsProgress, total > 0 else { return }
        let permille = min(1000, done * 1000 / total)
        guard permille != lastShown else { return }
        lastShown = permille
        let filled = permille * 30 / 1000
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 30 - filled)
        FileHandle.standardError.write(Data("\r\(label) \(bar) \(done)/\(total)".utf8))
    }

    func finish() {
        if Terminal.showsProgress, lastShown >= 0 { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
    }
}
