import Foundation

/// The git checkout a directory stands in, read from its files: no git is started.
package struct GitCheckout: Sendable, Equatable {
    /// The checkout's folder name.
    package let project: String
    /// The branch that HEAD names; nil when it names a commit.
    package let branch: String?

    /// nil when neither `directory` nor a folder above it is a checkout.
    package init?(containing directory: String) {
        // Empty when the current directory was deleted.
        guard directory.hasPrefix("/") else { return nil }
        var folder = URL(fileURLWithPath: directory).standardizedFileURL
        while true {
            if let head = Self.head(of: folder) {
                project = folder.lastPathComponent
                let prefix = "ref: refs/heads/"
                branch = head.hasPrefix(prefix) ? String(head.dropFirst(prefix.count)) : nil
                return
            }
            if folder.path == "/" { return nil }
            folder.deleteLastPathComponent()
        }
    }

    /// The text of HEAD. In a linked worktree `.git` is a file that names the folder to look in.
    private static func head(of folder: URL) -> String? {
        let git = folder.appendingPathComponent(".git")
        if let head = firstLine(of: git.appendingPathComponent("HEAD")) { return head }
        guard let pointer = firstLine(of: git), pointer.hasPrefix("gitdir: ") else { return nil }
        let target = URL(fileURLWithPath: String(pointer.dropFirst("gitdir: ".count)), relativeTo: folder)
        return firstLine(of: target.appendingPathComponent("HEAD"))
    }

    private static func firstLine(of file: URL) -> String? {
        // Absent and unreadable files alike mean: not a checkout.
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return nil }
        return text.split(whereSeparator: \.isNewline).first.map(String.init)
    }
}
