import Foundation

/// Files and folders that their owner alone may read, whatever the process's umask says.
///
/// SQLite gives a new database the umask's mode, and its logs the database's; so a database begins here, as an empty
/// file, which SQLite (`VACUUM INTO` too) takes for one that is still to be made.
package enum PrivateFile {
    package static let mode: mode_t = 0o600
    package static let folderMode: mode_t = 0o700

    /// Makes an empty file.
    ///
    /// - Throws: `notMade`, also where there is something of that name.
    package static func create(_ path: String) throws(FileError) { Foundation.close(try descriptor(path, O_EXCL)) }

    /// Makes the file, or empties the one that is there, and opens it for writing.
    ///
    /// - Throws: `notMade`.
    package static func handle(_ path: String) throws(FileError) -> FileHandle {
        FileHandle(fileDescriptor: try descriptor(path, O_TRUNC), closeOnDealloc: true)
    }

    /// Writes the whole file, in the place of one that is there; `DurableFile` does it so that it survives a power cut.
    package static func write(_ bytes: [UInt8], to path: String) throws {
        let handle = try handle(path)
        try handle.write(contentsOf: bytes)
        try handle.close()
    }

    package static func copy(_ path: String, to copy: String) throws {
        try FileManager.default.copyItem(atPath: path, toPath: copy)
        guard unsafe chmod(copy, mode) == 0 else { throw refusal(copy) }
    }

    /// Makes the folder, and those above it that are not there.
    package static func makeFolder(_ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: Int(folderMode)])
    }

    /// Removes the file; there may be none.
    ///
    /// - Returns: whether there was one and it is gone.
    @discardableResult
    package static func discard(_ path: String) -> Bool { unsafe unlink(path) == 0 }

    /// Removes a folder that holds nothing; one that holds something stays.
    package static func removeEmptyFolder(_ path: String) { unsafe rmdir(path) }

    /// Takes the rights of others away from a file that an earlier version has made. One that belongs to somebody else
    /// stays as it is.
    package static func close(toOthers path: String) {
        var facts = stat()
        guard unsafe stat(path, &facts) == 0, facts.st_mode & 0o077 != 0, facts.st_uid == geteuid() else { return }
        unsafe chmod(path, facts.st_mode & 0o700)
    }

    private static func descriptor(_ path: String, _ flag: Int32) throws(FileError) -> Int32 {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flag, mode)
        guard descriptor >= 0 else { throw refusal(path) }
        // The umask may have taken more away, and a file that was there may allow more. A terminal or a pipe that
        // somebody named stays as it is.
        var facts = stat()
        if unsafe fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG { fchmod(descriptor, mode) }
        return descriptor
    }

    /// What the system has just said. Nothing was written, so that the outcome is known.
    private static func refusal(_ path: String) -> FileError {
        let code = POSIXErrorCode(rawValue: errno) ?? .EIO
        return FileError(
            .notMade,
            "cannot write \(path): \(FileError.reason(code)). Check the owner and mode of its "
                + "folder, or choose another with --data", systemCode: code)
    }
}
