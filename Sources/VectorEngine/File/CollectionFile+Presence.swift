import Foundation

/// Whether a collection exists, even if another process is deleting it.
extension CollectionFile {
    /// Whether there is a file at `path`. An empty file is a damaged collection and is not changed.
    static func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Whether the collection was deleted: it has neither a file nor a mark.
    static func isGone(_ path: String) -> Bool {
        !isThere(path) && AcknowledgedMark.read(beside: path) == .missing
    }
}
