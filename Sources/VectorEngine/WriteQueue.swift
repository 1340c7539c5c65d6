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

    var size: Int {
        switch self {
        case .upsert(let points): points.count
        case .delete(.ids(let ids)), .mergePayload(_, .ids(let ids)), .revise(let ids, _): ids.count
        case .delete, .mergePayload: 1
        }
    }
}

/// A change as it went into the file.
enum CommittedChange: Sendable {
    case upsert(Point, sequence: Int64)
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

/// One transaction's worth of changes: numbers them, writes them, and remembers them for the view.
struct ChangeWriter {
    let file: CollectionFile
    let db: Database
    let schema: CollectionSchema
    private let sealedSequence: Int64
    private(set) var sequence: Int64
    private(set) var changes: [CommittedChange] = []

    init(_ db: Database, file: CollectionFile) throws {
        self.db = db
        self.file = file
        let header = try file.header(db)
        schema = header.schema
        sequence = header.sequence
        sealedSequence = header.sealedSequence
    }

    mutating func upsert(_ prepared: PreparedPoint) throws {
        _ = try remove(prepared.key)
        sequence += 1
        try db.cachedStatement(
            sql: "INSERT INTO points(sequence, id, payload, sparse, checksum) VALUES (?, ?, ?, ?, ?)"
        ).execute(arguments: [
            sequence, Data(prepared.key), Data(prepared.point.payload.text), Data(prepared.sparse),
            Int64(StoredRow.rowChecksum(prepared)),
        ])
        try db.cachedStatement(sql: "INSERT INTO vectors(sequence, dense, checksum) VALUES (?, ?, ?)").execute(
            arguments: [
                sequence, Data(prepared.dense), Int64(StoredRow.denseChecksum(prepared.dense, sequence: sequence)),
            ])
        changes.append(.upsert(prepared.point, sequence: sequence))
    }

    /// - Returns: whether there was such a point.
    mutating func delete(_ id: PointID) throws -> Bool {
        let key = id.key
        guard try remove(key) else { return false }
        sequence += 1
        try db.cachedStatement(sql: "INSERT INTO deletions(sequence, id) VALUES (?, ?)")
            .execute(arguments: [sequence, Data(key)])
        changes.append(.delete(id, sequence: sequence))
        return true
    }

    /// - Returns: whether there is such a point.
    mutating func mergePayload(_ members: JSONObject, into id: PointID) throws -> Bool {
        var stored: StoredRow?
        try db.scan(CollectionFile.selectRows + "WHERE p.id = ?", [Data(id.key)]) { row in
            stored = try StoredRow(row, schema: schema, hasDense: true)
        }
        guard var point = stored?.point else { return false }
        var merged = point.payload.object
        for (key, value) in members { merged[key] = value.isNull ? nil : value }
        point.payload = Payload(merged)
        try upsert(PreparedPoint(point, schema: schema))
        return true
    }

    /// Takes a point's row out; its vectors stay while a stored graph may walk over them.
    private func remove(_ key: [UInt8]) throws -> Bool {
        guard
            let old = try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT sequence FROM points WHERE id = ?"), arguments: [Data(key)])
        else { return false }
        try db.cachedStatement(sql: "DELETE FROM points WHERE sequence = ?").execute(arguments: [old])
        if old > sealedSequence {
            try db.cachedStatement(sql: "DELETE FROM vectors WHERE sequence = ?").execute(arguments: [old])
        }
        return true
    }

    func finish() throws {
        if !changes.isEmpty { try file.setMeta(db, "sequence", sequence) }
    }
}
