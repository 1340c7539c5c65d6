import Foundation

/// Size and time of a regular file.
package struct RegularFile: Sendable, Equatable {
    package let sizeBytes: Int
    /// The time of the last change of its bytes, since 1970.
    package let modifiedNanoseconds: Int64

    /// - Returns: nil where there is nothing, or something else: a folder, a link, a pipe, a device.
    package init?(at path: String) {
        var facts = stat()
        guard !path.utf8.contains(0), unsafe lstat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        #if canImport(Darwin)
            let time = facts.st_mtimespec
        #else
            let time = facts.st_mtim
        #endif
        sizeBytes = Int(clamping: facts.st_size)
        let (whole, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        modifiedNanoseconds = overflow ? .max : whole &+ Int64(time.tv_nsec)
    }

    package var modified: Date { Date(timeIntervalSince1970: Double(modifiedNanoseconds) / 1e9) }

    /// Removes the file at `path`, and never a folder.
    ///
    /// - Returns: false when there was none.
    /// - Throws: `refused`.
    package static func remove(_ path: String) throws(FileError) -> Bool {
        guard RegularFile(at: path) != nil else { return false }
        if unsafe unlink(path) == 0 { return true }
        if errno == ENOENT { return false }
        throw FileError(errno: errno, path: path)
    }
}
