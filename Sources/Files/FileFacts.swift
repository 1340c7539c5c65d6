import Foundation

/// What the system says of a path; of a link what it leads to.
package struct FileFacts: Sendable, Equatable {
    package enum Kind: Sendable { case file, folder, pipe, socket, device }

    /// Why there is nothing to say.
    package enum Absence: Error, Sendable { case missing, danglingLink, loop, refused }

    package let kind: Kind
    package let sizeBytes: Int
    /// When it was changed last: seconds since 1970, and nanoseconds.
    package let changedSeconds: Int
    package let changedNanoseconds: Int
    /// The file's number on its volume; another file in its place has another one.
    package let serial: UInt64

    package init(_ path: String) throws(Absence) {
        var facts = stat()
        guard unsafe lstat(path, &facts) == 0 else {
            switch errno {
            case ENOENT, ENOTDIR, ENAMETOOLONG: throw .missing
            case ELOOP: throw .loop
            // Whatever else keeps it from being looked at, nothing says that it is not there.
            default: throw .refused
            }
        }
        if facts.st_mode & S_IFMT == S_IFLNK, unsafe stat(path, &facts) != 0 {
            throw errno == ELOOP ? .loop : errno == EACCES ? .refused : .danglingLink
        }
        switch facts.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .folder
        case S_IFIFO: kind = .pipe
        case S_IFSOCK: kind = .socket
        default: kind = .device
        }
        sizeBytes = Int(clamping: facts.st_size)
        #if os(Linux)
            let time = facts.st_mtim
        #else
            let time = facts.st_mtimespec
        #endif
        (changedSeconds, changedNanoseconds) = (Int(time.tv_sec), Int(time.tv_nsec))
        serial = UInt64(facts.st_ino)
    }
}
