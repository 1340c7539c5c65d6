import Foundation

/// Which file a path leads to. A file that is renamed or unlinked keeps its identity while somebody has it open, so
/// that a path which leads to another one tells that the open file has lost its name.
struct FileIdentity: Equatable, Sendable {
    private let device: UInt64
    private let number: UInt64

    /// Nil if there is no file.
    init?(_ path: String) {
        var facts = stat()
        guard stat(path, &facts) == 0 else { return nil }
        device = UInt64(truncatingIfNeeded: facts.st_dev)
        number = UInt64(facts.st_ino)
    }
}
