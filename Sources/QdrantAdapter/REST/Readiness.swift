import Logging
import Serving
import Synchronization
import VectorEngine

/// Whether the first request to each collection will be fast: they are opened one after another at the start.
final class Readiness: Sendable {
    private enum State {
        case waiting
        case opening(done: Int, of: Int)
        case ready
    }

    private let state = Mutex(State.waiting)

    func note(_ done: Int, of count: Int) { state.withLock { $0 = .opening(done: done, of: count) } }

    func finish() { state.withLock { $0 = .ready } }

    /// What `/readyz` says.
    var answer: HTTPAnswer {
        switch state.withLock({ $0 }) {
        case .waiting: .text("some shards are not ready: the collections are not open yet", status: 503)
        case .opening(let done, let count):
            .text("some shards are not ready: \(done) of \(count) collections are open", status: 503)
        case .ready: .text("all shards are ready")
        }
    }
}

extension QdrantAPI {
    /// Opens every collection that is served, and ends with `/readyz` answering 200. One that cannot be opened holds up
    /// no other: it answers its callers with what is wrong.
    ///
    /// - Parameters:
    ///   - opened: told each collection's name, and what went wrong with it.
    /// - Throws: when the collections cannot even be listed, or the task was cancelled.
    package func openCollections(opened: (String, (any Error)?) async -> Void) async throws {
        await removeLeftovers()
        let names = try await catalog.names()
        for (i, name) in names.enumerated() {
            try Task.checkCancellation()
            readiness.note(i, of: names.count)
            do {
                try await catalog.warm(name)
                await opened(name, nil)
            } catch {
                await opened(name, error)
            }
        }
        readiness.finish()
    }

    /// Removes the temporary files of processes that were killed.
    private func removeLeftovers() async {
        do {
            let count = try await snapshots.removeLeftovers() + catalog.store.removeLeftovers()
            if count > 0 { catalog.store.logger.info("removed \(count) temporary files of processes that were killed") }
        } catch {
            catalog.store.logger.warning(
                "temporary files of killed processes could not be removed; they take space until the next start",
                metadata: ["folder": "\(catalog.store.directory)", "error": "\(error)"])
        }
    }

    /// What `/readyz` answers now; for a door of its own.
    package var readinessAnswer: HTTPAnswer { readiness.answer }
}
