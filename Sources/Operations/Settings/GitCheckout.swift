import Foundation

/// The git repository that holds a directory, read from its files: no git is started.
///
/// A project is the repository, in whichever of its worktrees or folders the user is. In a linked worktree, and with
/// `--separate-git-dir`, `.git` is a file with `gitdir:` and the path of the worktree's own folder; the file
/// `commondir` in that folder leads to the repository's (gitrepository-layout(5)).
package struct GitCheckout: Sendable, Equatable {
    /// The repository's name: that of the main checkout's folder, or of the git directory without `.git`.
    package let project: String
    /// The branch that HEAD names; nil when it names a commit.
    package let branch: String?

    /// nil when neither `directory` nor a folder above it is a checkout.
    package init?(containing directory: String) {
        // Empty when the current directory was deleted.
        guard directory.hasPrefix("/") else { return nil }
        var folder = URL(fileURLWithPath: directory).standardizedFileURL
        while true {
            if let git = Self.gitDirectory(of: folder),
                let head = Self.firstLine(of: git.appendingPathComponent("HEAD"))
            {
                project = Self.name(of: Self.common(git), checkout: folder)
                let prefix = "ref: refs/heads/"
                branch = head.hasPrefix(prefix) ? String(head.dropFirst(prefix.count)) : nil
                return
            }
            if folder.pathComponents.count <= 1 { return nil }
            folder.deleteLastPathComponent()
        }
    }

    /// The folder that HEAD lies in; nil when `folder` is no checkout.
    private static func gitDirectory(of folder: URL) -> URL? {
        let git = folder.appendingPathComponent(".git")
        guard let pointer = firstLine(of: git) else { return git }
        let prefix = "gitdir: "
        return pointer.hasPrefix(prefix) ? resolved(String(pointer.dropFirst(prefix.count)), in: folder) : nil
    }

    /// The folder that all worktrees of a repository share.
    private static func common(_ git: URL) -> URL {
        guard let path = firstLine(of: git.appendingPathComponent("commondir")) else { return git }
        return resolved(path, in: git)
    }

    private static func name(of common: URL, checkout: URL) -> String {
        if common.lastPathComponent.hasPrefix(".") {
            let folder = common.deletingLastPathComponent()
            return folder.pathComponents.count > 1 ? folder.lastPathComponent : checkout.lastPathComponent
        }
        if let worktree = worktree(in: common.appendingPathComponent("config")) {
            return resolved(worktree, in: common).lastPathComponent
        }
        let name = common.lastPathComponent
        return name.hasSuffix(".git") && name.utf8.count > 4 ? String(name.dropLast(4)) : name
    }

    /// `core.worktree`, which a submodule's git directory has.
    private static func worktree(in config: URL) -> String? {
        // Absent and unreadable files alike say nothing.
        guard let text = try? String(contentsOf: config, encoding: .utf8) else { return nil }
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 2, parts[0].lowercased() == "worktree" { return parts[1] }
        }
        return nil
    }

    private static func resolved(_ path: String, in folder: URL) -> URL {
        let path = path.trimmingCharacters(in: .whitespaces)
        let url = path.hasPrefix("/") ? URL(fileURLWithPath: path) : URL(fileURLWithPath: folder.path + "/" + path)
        return url.standardizedFileURL
    }

    private static func firstLine(of file: URL) -> String? {
        // Absent and unreadable files alike mean: not a checkout.
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return nil }
        return text.split(whereSeparator: \.isNewline).first.map(String.init)
    }
}
