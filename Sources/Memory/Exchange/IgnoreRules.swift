import Foundation

/// Git's ignore rules (gitignore(5)): which files below a root are not to be read.
///
/// The rules are in the order in which git ranks them: the user's own file, `.git/info/exclude`, then the `.gitignore`
/// of each folder from the root down. The last rule that matches decides.
struct IgnoreRules {
    /// One line of a file of rules.
    private struct Rule {
        /// The folder of the rule's file, as components below the root.
        let base: [Substring]
        let isNegated: Bool
        let matchesFoldersOnly: Bool
        let components: [[UInt8]]
    }

    private static let anyFolders = Array("**".utf8)

    private var rules: [Rule] = []

    /// Adds the rules of a file's text; `folder` is where that file is, relative to the root and empty for the root.
    mutating func add(_ text: String, in folder: String = "") {
        let base = folder.split(separator: "/")
        // As in git a line feed alone ends a line, with a carriage return before it or without.
        for bytes in text.utf8.split(separator: 0x0A) {
            let line = Substring(bytes.last == 0x0D ? bytes.dropLast() : bytes)
            if let rule = Self.rule(line, base) { rules.append(rule) }
        }
    }

    /// Whether the rules leave out the file or folder at `path`, relative to the root. Who walks does not enter a
    /// folder that is left out, so that nothing below it can come back.
    func leavesOut(_ path: String, isFolder: Bool) -> Bool {
        let components = path.split(separator: "/")
        for rule in rules.reversed() {
            if rule.matchesFoldersOnly, !isFolder { continue }
            guard components.starts(with: rule.base) else { continue }
            let rest = components.dropFirst(rule.base.count).map { Array($0.utf8) }
            if Self.matches(rule.components, rest) { return !rule.isNegated }
        }
        return false
    }

    private static func rule(_ line: Substring, _ base: [Substring]) -> Rule? {
        var text = line
        // Blanks at the end do not count, unless a backslash is before them.
        while text.last == " ", !text.dropLast().hasSuffix("\\") { text.removeLast() }
        if text.last == "\t" { text.removeLast() }
        guard !text.isEmpty, text.first != "#" else { return nil }
        let isNegated = text.first == "!"
        if isNegated { text.removeFirst() }
        let isFolder = text.last == "/"
        if isFolder { text.removeLast() }
        let isAnchored = text.contains("/")
        if text.first == "/" { text.removeFirst() }
        guard !text.isEmpty else { return nil }
        let components = text.split(separator: "/").map { Array($0.utf8) }
        return Rule(
            base: base, isNegated: isNegated, matchesFoldersOnly: isFolder,
            components: isAnchored ? components : [anyFolders] + components)
    }

    /// Component by component; `**` stands for any number of folders, at the end for at least one name.
    ///
    /// Cost is the components of the pattern times those of the path, whatever the pattern is.
    private static func matches(_ pattern: [[UInt8]], _ path: [[UInt8]]) -> Bool {
        // How many components of the path the pattern so far can take.
        var taken = Array(repeating: false, count: path.count + 1)
        taken[0] = true
        for (place, component) in pattern.enumerated() {
            var next = Array(repeating: false, count: path.count + 1)
            if component == anyFolders {
                let isLast = place == pattern.count - 1
                var isWithinReach = false
                for count in taken.indices {
                    next[count] = isWithinReach || (taken[count] && !isLast)
                    isWithinReach = isWithinReach || taken[count]
                }
            } else {
                for (count, name) in path.enumerated() where taken[count] {
                    next[count + 1] = matches(component[...], name[...])
                }
            }
            taken = next
        }
        return taken[path.count]
    }

    /// One name against one component: `*`, `?`, `[a-z]`, `[!a]`, `\` before a character that stands for itself.
    private static func matches(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        var (p, n) = (pattern.startIndex, name.startIndex)
        // Where to go on when a star has to take one more byte.
        var retry: (p: Int, n: Int)?
        while n < name.endIndex {
            if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
                retry = (p + 1, n)
                p += 1
                continue
            }
            if p < pattern.endIndex, let next = afterMatch(pattern, p, name[n]) {
                (p, n) = (next, n + 1)
                continue
            }
            guard let again = retry else { return false }
            retry = (again.p, again.n + 1)
            (p, n) = (again.p, again.n + 1)
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    /// Where the pattern goes on when what is at `at` takes `byte`; nil when it does not.
    private static func afterMatch(_ pattern: ArraySlice<UInt8>, _ at: Int, _ byte: UInt8) -> Int? {
        switch pattern[at] {
        case UInt8(ascii: "?"): return at + 1
        case UInt8(ascii: "\\") where at + 1 < pattern.endIndex: return pattern[at + 1] == byte ? at + 2 : nil
        case UInt8(ascii: "["):
            var i = at + 1
            let isNegated = i < pattern.endIndex && (pattern[i] == UInt8(ascii: "!") || pattern[i] == UInt8(ascii: "^"))
            if isNegated { i += 1 }
            var isFound = false
            let start = i
            while i < pattern.endIndex, pattern[i] != UInt8(ascii: "]") || i == start {
                if i + 2 < pattern.endIndex, pattern[i + 1] == UInt8(ascii: "-"), pattern[i + 2] != UInt8(ascii: "]") {
                    if pattern[i] <= byte, byte <= pattern[i + 2] { isFound = true }
                    i += 3
                } else {
                    if pattern[i] == byte { isFound = true }
                    i += 1
                }
            }
            // A bracket that does not close stands for itself.
            guard i < pattern.endIndex else { return byte == UInt8(ascii: "[") ? at + 1 : nil }
            return isFound != isNegated ? i + 1 : nil
        default: return pattern[at] == byte ? at + 1 : nil
        }
    }
}
