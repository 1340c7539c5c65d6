import Files
import Foundation

/// A settings file of another program: read, and written after a copy has been made.
package struct SettingsFile: Sendable {
    /// Where the file really is: people keep their settings elsewhere and link to them.
    package let path: String
    /// The text as it is; empty where there is no file.
    package let text: String
    package let exists: Bool

    /// Settings are small; what is larger is something else.
    private static let maximumBytes = 64 << 20

    /// - Throws: `SettingsError` for a file that cannot be read or is no UTF-8 text.
    package init(_ path: String) throws(SettingsError) {
        self.path = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let kind = PathKind(of: self.path)
        exists = kind != nil
        guard kind != .folder else { throw SettingsError("\(path) is a folder; a file was expected") }
        guard exists else {
            text = ""
            return
        }
        guard let data = FileManager.default.contents(atPath: self.path), data.count <= Self.maximumBytes else {
            throw SettingsError("cannot read \(path); check its owner and mode")
        }
        guard let text = String(bytes: data, encoding: .utf8) else { throw SettingsError("\(path) is not UTF-8 text") }
        self.text = text
    }

    /// Writes the new text in one step and keeps a copy of the old one beside it.
    ///
    /// - Returns: the path of the copy; nil where there was no file.
    package func replace(with new: String) throws -> String? {
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        var copy: String?
        var mode: NSNumber?
        if exists {
            mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber
            var name = path + ".before-cortex"
            var number = 1
            while FileManager.default.fileExists(atPath: name) {
                number += 1
                name = path + ".before-cortex-\(number)"
            }
            try FileManager.default.copyItem(atPath: path, toPath: name)
            copy = name
        }
        try DurableFile.write(Array(new.utf8), to: path)
        if let mode { try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path) }
        return copy
    }

    /// The lines that differ, as `diff` shows them: three lines around, `-` before what goes and `+` before what comes.
    package static func difference(_ old: String, _ new: String) -> [String] {
        let before = lines(old)
        let after = lines(new)
        let head = zip(before, after).prefix { $0 == $1 }.count
        let most = min(before.count, after.count) - head
        let tail = zip(before.reversed(), after.reversed()).prefix(most).prefix { $0 == $1 }.count
        let context = 3
        return before[max(0, head - context)..<head].map { "  " + $0 }
            + before[head..<(before.count - tail)].map { "- " + $0 }
            + after[head..<(after.count - tail)].map { "+ " + $0 }
            + after[(after.count - tail)...].prefix(context).map { "  " + $0 }
    }

    private static func lines(_ text: String) -> [String] {
        var lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }.map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }
}
