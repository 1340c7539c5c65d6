import Foundation
import GRDB

// What a collection is beside its points: its schema and its notes. Every process follows both.

extension EmbeddedStore {
    /// The newest definition of a collection where it is known without asking the file; nil otherwise.
    package func settledDefinition(of collection: String) -> CollectionDefinition? {
        known(collection)?.file.settledDefinition
    }

    /// The newest definition of a collection, whichever process changed it.
    package func definition(of collection: String) async throws -> CollectionDefinition {
        if let settled = settledDefinition(of: collection) { return settled }
        return try await with(collection) { try $0.file.definition() }
    }

    /// Changes what a collection is in one immediate transaction, while others write to it: `change` gets the
    /// newest definition, and what it leaves is on disk when this returns. Vector names may come and go; rows are
    /// written again where that lays them out otherwise. A process that is killed leaves the old definition or the new
    /// one, and an error of `change` changes nothing.
    ///
    /// A name that comes or goes ends the shipped log, which the next full backup begins again.
    ///
    /// - Throws: `invalidArgument` for another dimension or metric of a vector that is there; what `change` throws.
    @discardableResult
    package func redefine(
        _ collection: String, _ change: @escaping @Sendable (inout CollectionDefinition) throws -> Void
    ) async throws -> CollectionDefinition {
        let definition = try await with(collection) { try $0.redefine(change) }.get()
        wakeSealer(of: collection)
        return definition
    }

    /// Opens a collection and returns when nothing is left of opening that a first request would wait for.
    package func open(_ collection: String) async throws {
        try await with(collection) { $0.waitUntilOpen() }
    }

    /// Writes to a collection that this process has not answered yet.
    package func queuedWriteCount(of collection: String) -> Int { known(collection)?.queuedWriteCount ?? 0 }

    /// Whether there is a collection of that name; costs one look at the directory.
    package func exists(_ collection: String) async throws -> Bool { isThere(collection) }

    /// Runs `body` where it may block.
    package static func blocking<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await offPool(body)
    }
}
