import Dispatch
import Foundation
import GRDB
import JSON
import Synchronization

/// What a caller wants written.
enum WriteOperation: Sendable {
    case upsert([PreparedPoint])
    case delete(PointSelector)
    case mergePayload(Payload, PointSelector)
    /// What becomes of each point, decided inside the transaction by its newest version.
    case revise([PointID], PointRevision)

    /// A filter is answered from the newest view, so that whatever stands before it in the queue must be in.
    var needsFreshView: Bool {
        switch self {
        case .upsert: false
        case .delete(.filter), .mergePayload(_, .filter): true
        case .delete(.ids), .mergePayload(_, .ids), .revise: false
        }
    }

    /// Whether it only takes away.
    var isFreeing: Bool { if case .delete = self { true } else { false } }

    var size: Int {
        switch self {
        case .upsert(let points): points.count
        case .delete(.ids(let ids)), .mergePayload(_, .ids(let ids)), .revise(let ids, _): ids.count
        case .delete, .mergePayload: 1
        }
    }

    /// Bytes that the write may add to the log: the rows, and the pages around them.
    var estimatedBytes: Int {
        let pages = 16 * 8192
        return switch self {
        case .upsert(let points):
            points.reduce(pages) { $0 + 2 * ($1.point.payload.text.count + $1.sparse.count + $1.dense.count) + 512 }
        // Of each table a page, wherever the row lies.
        case .delete: pages + 3 * 8192 * size
        // A revision writes points of any size; the pages around one are the better part of most.
        case .mergePayload, .revise: pages + 1024 * size
        }
    }
}

/// A change as it went into the file.
enum CommittedChange: Sendable {
    case upsert(PreparedPoint, sequence: Int64)
    case delete(PointID, sequence: Int64)
}

/// Group commit: whoever waits while a transaction runs shares the next one, and its one fsync.
final class WriteQueue: Sendable {
    /// Points of one transaction; a single larger call still gets one of its own.
    static let groupPointLimit = 10_000

    struct Waiting: Sendable {
        let operation: WriteOperation
        let resume: @Sendable (Result<UpdateReceipt, EngineError>) -> Void
    }

    private struct State {
        var waiting: [Waiting] = []
        var isRunning = false
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "cortex.write")
    /// Runs one group in one transaction and answers each operation.
    private let commit: @Sendable ([WriteOperation]) -> Result<[UpdateReceipt], EngineError>

    init(commit: @escaping @Sendable ([WriteOperation]) -> Result<[UpdateReceipt], EngineError>) {
        self.commit = commit
    }

    /// Returns once the operation is on disk and visible, or failed as a whole.
    func submit(_ operation: WriteOperation) async throws(EngineError) -> UpdateReceipt {
        let result: Result<UpdateReceipt, EngineError> = await withCheckedContinuation { continuation in
            let mustStart = state.withLock { state in
                state.waiting.append(Waiting(operation: operation) { continuation.resume(returning: $0) })
                defer { state.isRunning = true }
                return !state.isRunning
            }
            if mustStart { queue.async { self.drain() } }
        }
        return try result.get()
    }

    private func drain() {
        while let group = nextGroup() {
            switch commit(group.map(\.operation)) {
            case .success(let receipts):
                for (waiting, receipt) in zip(group, receipts) { waiting.resume(.success(receipt)) }
            case .failure(let error) where error.code == .diskFull && group.count > 1:
                // What needs little room, or makes some, does not fail with its neighbours.
                for waiting in group { waiting.resume(commit([waiting.operation]).map { $0[0] }) }
            case .failure(let error):
                for waiting in group { waiting.resume(.failure(error)) }
            }
        }
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
