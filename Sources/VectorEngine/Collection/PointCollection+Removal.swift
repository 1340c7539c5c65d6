import Files
import Foundation
import GRDB

// A collection may be deleted while callers read it or write to it. Its connections are closed then, and whatever still
// asks them fails in one of many ways: a closed connection, a missing table, a file that is gone. Its callers are told
// one thing: there is no such collection.

extension PointCollection {
    /// Whether this process has deleted the collection.
    var isRemoved: Bool { removed.load(ordering: .acquiring) }

    /// To be called before the connections are closed.
    func noteRemoved() { removed.store(true, ordering: .releasing) }

    /// What a caller is told of an error that work on this collection threw: of one that has been deleted, that it is
    /// not there. Errors of the request itself stay as they are.
    func told(_ error: any Error) -> any Error {
        guard isRemoved, Self.isOfFile(error) else { return error }
        return EngineError(.collectionNotFound, "the collection was deleted", cause: error)
    }

    func told(_ error: EngineError) -> EngineError {
        guard isRemoved, Self.isOfFile(error) else { return error }
        return EngineError(.collectionNotFound, "the collection was deleted", cause: error)
    }

    /// Runs `body`, which asks the collection's file.
    func telling<Result>(_ body: () throws -> Result) throws -> Result {
        do { return try body() } catch { throw told(error) }
    }

    /// Whether an error is of the file or its connections, and not of what was asked.
    private static func isOfFile(_ error: any Error) -> Bool {
        switch error {
        case let error as EngineError:
            error.code.endsTransaction || error.code == .damaged || error.code == .overtaken || error.code == .cancelled
        case is DatabaseError, is BlobError, is ViewOvertaken, is POSIXError, is CocoaError, is FileError,
            is CancellationError:
            true
        default: false
        }
    }
}
