import JSON
import VectorEngine

/// The snapshot files of a directory, for calls that share their threads with others: to make a checksum of a large
/// file, or to wait for a slow disk, takes a thread that may block.
struct SnapshotShelf: Sendable {
    let directory: String

    private func reached<Result: Sendable>(
        _ body: @escaping @Sendable (SnapshotFolder) throws -> Result
    ) async throws -> Result {
        try await EmbeddedStore.blocking { [directory] in try body(SnapshotFolder(directory: directory)) }
    }

    /// Runs `body` with the path of a file that is not there yet, and removes it afterwards.
    func withTemporaryFile<Result>(_ body: (_ path: String) async throws -> Result) async throws -> Result {
        try await withTemporaryFiles { next in try await body(try await next()) }
    }

    /// The same with a function that names as many files as are wanted.
    func withTemporaryFiles<Result>(
        _ body: (_ next: () async throws -> String) async throws -> Result
    ) async throws -> Result {
        var files: [TemporaryFile] = []
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(
                try await body {
                    let file = try await reached { try $0.temporaryFile() }
                    files.append(file)
                    return file.path
                })
        } catch {
            result = .failure(error)
        }
        // The system may take its time to free large files.
        try await EmbeddedStore.blocking { [files] in for file in files { file.discard() } }
        return try result.get()
    }

    /// Removes the temporary files of processes that were killed.
    ///
    /// - Returns: how many there were.
    func removeLeftovers() async throws -> Int { try await reached { try $0.removeLeftovers() } }

    /// Makes a snapshot of that collection out of a temporary file that is whole.
    ///
    /// - Returns: its description.
    func take(_ whole: String, for collection: String?) async throws -> JSONValue {
        try await reached { try $0.take(whole, for: collection) }
    }

    /// - Throws: 404 for a name that no snapshot has.
    func path(_ name: String, of collection: String?) async throws -> String {
        try await reached { try $0.path(name, of: collection) }
    }

    /// What a path that a caller gives leads to.
    ///
    /// - Parameter withheld: collections whose files are not there for callers.
    func place(of path: String, without withheld: Set<String>) async throws -> SnapshotFolder.Place {
        try await reached { try $0.place(of: path, without: withheld) }
    }

    /// Whether the snapshot of everything called `name` holds one of these collections.
    func holdsAny(of collections: Set<String>, _ name: String) async throws -> Bool {
        try await reached { try $0.holdsAny(of: collections, name) }
    }

    /// - Parameter withheld: files that hold one of these collections are left out.
    func list(_ collection: String?, without withheld: Set<String> = []) async throws -> [JSONValue] {
        try await reached { try $0.list(collection, without: withheld) }
    }

    /// - Throws: 404 for a name that no snapshot has.
    func remove(_ name: String, of collection: String?) async throws {
        try await reached { try $0.remove(name, of: collection) }
    }

    func removeAll(of collection: String) async throws { try await reached { try $0.removeAll(of: collection) } }

    static func sha256(_ path: String) async throws -> String {
        try await EmbeddedStore.blocking { try SnapshotFolder.sha256(path) }
    }
}
