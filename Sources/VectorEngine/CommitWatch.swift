import Foundation

/// Sees without a call to the database whether anybody has committed: SQLite keeps the header of its write-ahead index
/// in shared memory (`FILE-shm`, https://sqlite.org/walformat.html#the_wal_index_header), and every commit changes it.
///
/// A read costs some nanoseconds, `PRAGMA data_version` some microseconds. A header that is being written while it is
/// read differs from every other, so that whoever compares two asks the database.
final class CommitWatch: @unchecked Sendable {
    /// The header at one moment.
    struct Mark: Equatable, Sendable {
        fileprivate var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)

        static func == (a: Mark, b: Mark) -> Bool { a.words == b.words }
    }

    private let header: UnsafeRawPointer
    private static let mappedBytes = 4096

    /// nil where the index is not in a file that can be mapped; the database is asked then.
    init?(path: String) {
        // It stays open: closing it would give up SQLite's locks on the index.
        guard let descriptor = OpenFiles.keptDescriptor(of: path + "-shm") else { return nil }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_size >= Self.mappedBytes else { return nil }
        let mapped = mmap(nil, Self.mappedBytes, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let mapped, mapped != MAP_FAILED else { return nil }
        header = UnsafeRawPointer(mapped)
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: header), Self.mappedBytes) }

    var mark: Mark { Mark(words: header.load(as: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64).self)) }
}
