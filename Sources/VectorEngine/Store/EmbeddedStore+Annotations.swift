import Files
import Foundation
import GRDB

// Texts that the owner of a collection keeps in its file beside the schema, and changes later: a configuration to show
// again, definitions of indexes. They travel with every copy of the file.

extension EmbeddedStore {
    private static let prefix = "note:"

    /// The texts of a collection by name.
    package func annotations(of collection: String) async throws -> [String: String] {
        try await with(collection) { collection in
            try collection.file.pool.read { db in
                var texts: [String: String] = [:]
                let rows = try Row.fetchCursor(
                    db.cachedStatement(sql: "SELECT key, value FROM meta WHERE key LIKE 'note:%'"))
                while let row = try rows.next() {
                    let key: String = row[0]
                    texts[String(key.dropFirst(Self.prefix.count))] = row[1]
                }
                return texts
            }
        }
    }

    /// Sets one text; it is on disk when this returns.
    package func annotate(_ collection: String, _ name: String, _ text: String) async throws {
        try await with(collection) { collection in
            try collection.file.pool.write { db in
                var facts = try MetaFacts(db, path: collection.file.path)
                try facts.write([Self.prefix + name: .text(text)], to: db)
            }
        }
    }

    /// Writes a consistent copy of a collection's file to `path`, which must not exist.
    package func copy(_ collection: String, to path: String) async throws {
        try await with(collection) { collection in
            try PrivateFile.create(path)
            do {
                try collection.file.pool.writeWithoutTransaction { db in
                    try db.execute(sql: "VACUUM INTO ?", arguments: [path])
                }
            } catch {
                unlink(path)
                throw error
            }
        }
    }

    /// Puts a copy that `copy(_:to:)` wrote in the place of a collection, or makes one of it.
    ///
    /// - Throws: `damaged` when `path` is no collection's file; then nothing is changed.
    package func adopt(_ path: String, as collection: String) async throws {
        try await Self.offPool {
            do {
                let report = try CollectionVerification(path: path).run(isCopy: true)
                guard report.isSound else {
                    throw EngineError(.damaged, "the snapshot is not what was written: \(report.summary)")
                }
                try CollectionFile(path: path).close()
                // A store of its own from now on, with no part in the log of the one it was copied from.
                _ = try ReplayWriter.rename(path)
                unlink(AcknowledgedMark.path(of: path))
            } catch {
                throw EngineError(wrapping: error, path: path)
            }
        }
        if try await describe(collection) != nil { try await deleteCollection(collection) }
        let target = self.path(of: collection)
        try await Self.offPool {
            do {
                try PrivateFile.makeFolder(self.directory)
                try FileManager.default.moveItem(atPath: path, toPath: target)
                let left = [path + "-wal", path + "-shm", AcknowledgedMark.path(of: path)]
                for name in left where unlink(name) != 0 && errno != ENOENT {
                    throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
                }
                try DirectorySync.sync(self.directory)
            } catch {
                throw EngineError(wrapping: error, path: target)
            }
        }
    }

    /// Opens a collection and returns when nothing is left of opening that a first request would wait for.
    package func open(_ collection: String) async throws {
        try await with(collection) { $0.waitUntilOpen() }
    }

    /// Whether there is a collection of that name; costs one look at the directory.
    package func exists(_ collection: String) async throws -> Bool {
        !collection.isEmpty && CollectionFile.isThere(knownPath(of: collection))
    }

    /// Runs `body` where it may block.
    package static func blocking<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await offPool(body)
    }
}
