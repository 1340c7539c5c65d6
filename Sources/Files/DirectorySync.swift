import Foundation

/// Syncs a directory, so that a new name in it survives a power cut.
package enum DirectorySync {
    /// Writes the names in the directory at `path` to disk.
    package static func sync(_ path: String) throws(FileError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(errno: errno, path: path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError(errno: errno, path: path) }
    }

    /// Writes the name of the file at `path` to disk.
    package static func syncParent(of path: String) throws(FileError) {
        try sync((path as NSString).deletingLastPathComponent)
    }
}
