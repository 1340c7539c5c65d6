import Dispatch
import Foundation
import GRDB
import JSON
import Synchronization

/// Group commit: the callers that wait while a transaction runs share the next one and its one fsync.
final class WriteQueue: Sendable {
    /// Points of one transaction; a single larger call still gets one of its own.
    static let groupPointLimit = 10_000

    private struct Waiting: Sendable {
        let operation: WriteOperation
        let bytes: Int
        let resume: @Sendable (Result<UpdateReceipt, EngineError>) -> Void
    }

    private struct State {
        var waiting: [Waiting] = []
        var isRunning = false
        /// Operations that have no answer yet, and their bytes.
        var heldCount = 0
        var heldBytes = 0
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "cortex.write")
    private let countLimit: Int
    private let byteLimit: Int
    /// Runs one group in one transaction and answers each operation; a failure is that of the whole transaction.
    private let commit: Commit

    typealias Commit =
        @Sendable ([WriteOperation]) -> Result<[Result<UpdateReceipt, EngineError>], EngineError>

    /// - Parameters:
    ///   - countLimit: operations without an answer.
    ///   - byteLimit: bytes they hold; a single operation may hold more.
    init(countLimit: Int, byteLimit: Int, commit: @escaping Commit) {
        self.countLimit = countLimit
        self.byteLimit = byteLimit
        self.commit = commit
    }

    /// Operations that have no answer yet.
    var count: Int { state.withLock { $0.heldCount } }

    /// Returns once the operation is on disk and visible, or has failed.
    ///
    /// - Throws: `overloaded` when too much is waiting already; what the operation or its transaction failed with.
    func submit(_ operation: WriteOperation) async throws(EngineError) -> UpdateReceipt {
        let bytes = operation.heldBytes
        let result: Result<UpdateReceipt, EngineError> = await withCheckedContinuation { continuation in
            let step = state.withLock { state -> Step in
                let bytesFit = state.heldBytes == 0 || state.heldBytes + bytes <= byteLimit
                guard state.heldCount < countLimit, bytesFit else {
                    return .refuse(state.heldCount)
                }
                state.heldCount += 1
                state.heldBytes += bytes
                state.waiting.append(
                    Waiting(operation: operation, bytes: bytes) { continuation.resume(returning: $0) })
                defer { state.isRunning = true }
                return state.isRunning ? .wait : .start
            }
            switch step {
            case .wait: break
            case .start: queue.async { self.drain() }
            case .refuse(let count):
                continuation.resume(
                    returning: .failure(
                        EngineError(
                            .overloaded,
                            "\(count) writes to this collection are waiting already; nothing of this one was kept. "
                                + "Repeat it in a moment, with fewer calls at the same time")))
            }
        }
        return try result.get()
    }

    private enum Step {
        case start, wait
        /// So many operations are waiting.
        case refuse(Int)
    }

    private func drain() {
        while let group = nextGroup() {
            switch commit(group.map(\.operation)) {
            case .success(let outcomes):
                for (waiting, outcome) in zip(group, outcomes) { answer(waiting, outcome) }
            case .failure(let error) where error.code == .diskFull && group.count > 1:
                // What needs little room, or makes some, does not fail with its neighbours.
                for waiting in group { answer(waiting, commit([waiting.operation]).flatMap { $0[0] }) }
            case .failure(let error):
                for waiting in group { answer(waiting, .failure(error)) }
            }
        }
    }

    private func answer(_ waiting: Waiting, _ outcome: Result<UpdateReceipt, EngineError>) {
        state.withLock { state in
            state.heldCount -= 1
            state.heldBytes -= waiting.bytes
        }
        waiting.resume(outcome)
    }

    /// The next operations that go into one transaction; nil (and the queue at rest) when there are none.
    private func nextGroup() -> [Waiting]? {
        state.withLock { state in
            var count = 0
            var size = 0
            for waiting in state.waiting {
                let fits = size + waiting.operation.size <= Self.groupPointLimit && !waiting.operation.needsFreshView
                if count > 0 && !fits { break }
                count += 1
                size += waiting.operation.size
            }
            guard count > 0 else {
                state.isRunning = false
                return nil
            }
            let group = Array(state.waiting.prefix(count))
            state.waiting.removeFirst(count)
            return group
        }
    }
}
