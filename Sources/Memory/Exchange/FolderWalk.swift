import Foundation

/// The files below a folder that are worth reading, and why the others are passed over.
package struct FolderWalk: Sendable {
    /// What was passed over.
    package struct Skipped: Sendable, Equatable {
        /// Relative to the folder.
        package let path: String
        package let reason: String
    }

    /// Folders of other people's code, by name, and of what programs make.
    private static let foreign: Set<String> = [
        "node_modules", "bower_components", "jspm_packages", "__pycache__", "site-packages", "venv", "Pods", "Carthage",
        "DerivedData",
    ]
    /// Deeper folders are no notes.
    private static let maximumDepth = 64

    /// Paths relative to the folder, in order.
    package private(set) var files: [String] = []
    package private(set) var skipped: [Skipped] = []

    private let root: String
    private let suffixes: Set<String>
    private var rules: IgnoreRules
    /// The folder relative to the root of its checkout, where the rules begin.
    private let prefix: String

    /// - Parameters:
    ///   - folder: absolute path.
    ///   - suffixes: of files that are read, in lower case.
    ///   - userRules: the file of the user's own ignore rules, as git has them; nil for none.
    package init(_ folder: String, suffixes: Set<String>, userRules: String? = nil) throws(MemoryError) {
        root = folder
        self.suffixes = suffixes
        (rules, prefix) = Self.rules(above: folder, userRules)
        try enter("", depth: 0)
    }

    /// The rules of the checkout that the folder is in, from its root down to the folder's parent.
    private static func rules(above folder: String, _ userRules: String?) -> (IgnoreRules, prefix: String) {
        var rules = IgnoreRules()
        if let userRules, let text = text(userRules) { rules.add(text) }
        let components = folder.split(separator: "/")
        guard
            let depth = (0...components.count).last(where: { count in
                FileManager.default.fileExists(
                    atPath: "/" + (components.prefix(count) + [".git"]).joined(separator: "/"))
            })
        else { return (rules, "") }
        let top = "/" + components.prefix(depth).joined(separator: "/")
        if let text = text(commonFolder(of: top) + "/info/exclude") { rules.add(text) }
        for count in depth..<max(depth, components.count) {
            let inner = components[depth..<count].joined(separator: "/")
            if let text = text(top + "/" + inner + "/.gitignore") { rules.add(text, in: inner) }
        }
        return (rules, components.dropFirst(depth).joined(separator: "/"))
    }

    /// The git folder that all worktrees of a checkout share: in a linked one `.git` is a file that leads to it
    /// (gitrepository-layout(5)).
    private static func commonFolder(of top: String) -> String {
        func line(_ path: String) -> Substring? { text(path)?.split(whereSeparator: \.isNewline).first }
        func absolute(_ path: Substring, in folder: String) -> String {
            path.hasPrefix("/") ? String(path) : folder + "/" + path
        }
        let mark = "gitdir: "
        guard let pointer = line(top + "/.git"), pointer.hasPrefix(mark) else { return top + "/.git" }
        let own = absolute(pointer.dropFirst(mark.count), in: top)
        return line(own + "/commondir").map { absolute($0, in: own) } ?? own
    }

    /// The text of a file of rules; nil where there is none that can be read.
    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    private mutating func enter(_ folder: String, depth: Int) throws(MemoryError) {
        let path = folder.isEmpty ? root : root + "/" + folder
        guard depth < Self.maximumDepth else {
            skipped.append(Skipped(path: folder, reason: "the folders are nested too deeply"))
            return
        }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            if folder.isEmpty {
                throw MemoryError(.invalidArgument, "cannot read the folder \(path); check its owner and mode")
            }
            skipped.append(Skipped(path: folder, reason: "cannot be read; check its owner and mode"))
            return
        }
        if let text = Self.text(path + "/.gitignore") { rules.add(text, in: Self.joined(prefix, folder)) }
        for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) where !name.hasPrefix(".") {
            try look(at: Self.joined(folder, name), name, depth: depth)
        }
    }

    private mutating func look(at path: String, _ name: String, depth: Int) throws(MemoryError) {
        let full = root + "/" + path
        let sort = TextFile.sort(full, named: path)
        if rules.leavesOut(Self.joined(prefix, path), isFolder: sort == .folder) {
            skipped.append(Skipped(path: path, reason: "git ignores it"))
            return
        }
        switch sort {
        case .folder:
            // A link to a folder may lead up again.
            if (try? FileManager.default.destinationOfSymbolicLink(atPath: full)) != nil {
                skipped.append(Skipped(path: path, reason: "is a link to a folder"))
            } else if Self.foreign.contains(name) {
                skipped.append(Skipped(path: path, reason: "holds other people's files"))
            } else {
                try enter(path, depth: depth + 1)
            }
        case .missing(let sentence), .unreadable(let sentence):
            skipped.append(Skipped(path: path, reason: Self.withoutName(sentence, path)))
        case .file:
            if suffixes.contains((name as NSString).pathExtension.lowercased()) {
                files.append(path)
            } else {
                let isBinary = Self.isBinary(full)
                skipped.append(Skipped(path: path, reason: isBinary ? "is a binary file" : "is no text for people"))
            }
        }
    }

    private static func joined(_ folder: String, _ name: String) -> String {
        folder.isEmpty ? name : name.isEmpty ? folder : folder + "/" + name
    }

    private static func withoutName(_ sentence: String, _ name: String) -> String {
        sentence.hasPrefix(name + " ") ? String(sentence.dropFirst(name.count + 1)) : sentence
    }

    /// Whether the beginning has a zero byte, as in git.
    private static func isBinary(_ path: String) -> Bool {
        guard let handle = FileHandle(forReadingAtPath: path) else { return false }
        defer { try? handle.close() }  // it was only read
        // What cannot be read is reported as it would be otherwise.
        return ((try? handle.read(upToCount: 8_000)) ?? nil)?.contains(0) ?? false
    }
}
