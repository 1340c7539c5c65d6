import Foundation

/// Files that are either complete or not there.
package enum DurableFile {
    /// Writes `bytes` to a temporary file, syncs it, and renames it to `path`; the directory is synced too.
    package static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        let temporary = path + ".new-" + UUID().uuidString
        do throws(FileError) {
            try create(bytes, at: temporary)
            guard unsafe rename(temporary, path) == 0 else { throw FileError(errno: errno, path: path) }
        } catch {
            unsafe unlink(temporary)
            throw error
        }
        try DirectorySync.syncParent(of: path)
    }

    /// Writes a new file with mode 0600 and syncs its bytes.
    /// Gives the file at `source` the name `path`, replacing any file of that name. A caller that needs the name to
    /// outlast a power cut syncs the folder.
    package static func move(_ source: String, to path: String) throws(FileError) {
        guard unsafe rename(source, path) == 0 else { throw FileError(errno: errno, path: path) }
    }

    private static func create(_ bytes: [UInt8], at path: String) throws(FileError) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(errno: errno, path: path) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count =
                unsafe rest.withContiguousStorageIfAvailable {
                    unsafe Foundation.write(descriptor, $0.baseAddress, $0.count)
                } ?? -1
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw FileError(errno: errno, path: path) }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0 else { throw FileError(errno: errno, path: path) }
    }
}
