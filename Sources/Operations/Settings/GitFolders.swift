import Foundation

/// Where a checkout is, and the main worktree of its repository, read from files: no git is started.
package struct GitFolders: Sendable, Equatable {
    /// The folder that has `.git` in it.
    package let top: String
    /// The worktree that the repository was cloned or made with; `top` itself where that is this one. Of a bare
    /// repository it is the repository's own folder.
    package let main: String

    /// nil when neither `path` nor a folder above it is a checkout.
    package init?(containing path: String) {
        guard path.hasPrefix("/") else { return nil }
        var folder = URL(fileURLWithPath: path).standardizedFileURL.path
        while !FileManager.default.fileExists(atPath: folder + "/.git") {
            if folder == "/" { return nil }
            folder = (folder as NSString).deletingLastPathComponent
        }
        top = folder
        main =
            Self.commonFolder(of: folder).map { common in
                (common as NSString).lastPathComponent == ".git"
                    ? (common as NSString).deletingLastPathComponent : common
            } ?? folder
    }

    /// The folder that all worktrees share; nil where `.git` is that folder itself, or does not say.
    private static func commonFolder(of top: String) -> String? {
        guard let pointer = firstLine(top + "/.git"), pointer.hasPrefix("gitdir: ") else { return nil }
        let own = absolute(String(pointer.dropFirst("gitdir: ".count)), in: top)
        guard let common = firstLine(own + "/commondir") else { return nil }
        return absolute(common, in: own)
    }

    private static func absolute(_ path: String, in folder: String) -> String {
        URL(fileURLWithPath: path.hasPrefix("/") ? path : folder + "/" + path).standardizedFileURL.path
    }

    private static func firstLine(_ path: String) -> String? {
        // Absent and unreadable files alike mean: nothing is said.
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        return text.split(whereSeparator: \.isNewline).first.map { $0.trimmingCharacters(in: .whitespaces) }
    }
}
