import Synchronization
import VectorEngine

/// What a write answers: its place in the change log.
struct UpdateAnswer: Sendable {
    var operationID: UInt64
    var isCompleted: Bool
}

/// A change of a collection's points.
enum PointUpdate: Sendable {
    case upsert([Point], filter: Filter?, UpsertMode)
    case delete(PointSelector)
    case updateVectors([VectorChange], filter: Filter?)
    case deleteVectors([String], PointSelector)
    case setPayload(PayloadChange, PointSelector)
    case deletePayload([PayloadPath], PointSelector)
    case clearPayload(PointSelector)
}

/// What an upsert does with points that are there, or are not.
enum UpsertMode: String, Sendable, CaseIterable {
    case upsert
    case insertOnly = "insert_only"
    case updateOnly = "update_only"
}

/// Vectors that one point gets in the place of its own of these names.
struct VectorChange: Sendable {
    let id: PointID
    let vectors: PointVectors
}

/// The writes of one collection. Every method answers when the change is on disk; with `wait` false what would only
/// be found out while writing (an id that is not there) is no error.
struct PointWriting: Sendable {
    let collection: QdrantCollection
    let wait: Bool

    private var store: EmbeddedStore { collection.store }

    func perform(_ update: PointUpdate) async throws -> UpdateAnswer {
        switch update {
        case .upsert(let points, let filter, let mode): try await upsert(points, filter, mode)
        case .delete(let selector): try await delete(selector)
        case .updateVectors(let changes, let filter): try await updateVectors(changes, filter)
        case .deleteVectors(let names, let selector): try await deleteVectors(names, selector)
        case .setPayload(let change, let selector): try await setPayload(change, selector)
        case .deletePayload(let paths, let selector):
            try await changePayload(selector) { PayloadEditing.removing(paths, from: $0) }
        case .clearPayload(let selector): try await changePayload(selector) { _ in .empty }
        }
    }

    // MARK: Points

    /// Inserts points or replaces them whole.
    func upsert(_ points: [Point]) async throws -> UpdateAnswer {
        try await check(points)
        return answer(try await store.upsert(points, in: collection.name))
    }

    private func upsert(_ points: [Point], _ filter: Filter?, _ mode: UpsertMode) async throws -> UpdateAnswer {
        if mode == .upsert && filter == nil { return try await upsert(points) }
        try await check(points)
        let new = Dictionary(points.map { ($0.id, $0) }) { $1 }
        let context = try filterContext()
        return try await revise(.ids(points.map(\.id))) { id, old in
            guard let point = new[id] else { return .unchanged }
            guard let old else { return mode == .updateOnly ? .unchanged : .replaced(point) }
            if mode == .insertOnly { return .unchanged }
            return filter.map { context.passes(old, $0) } ?? true ? .replaced(point) : .unchanged
        }
    }

    private func delete(_ selector: PointSelector) async throws -> UpdateAnswer {
        answer(try await store.delete(try checked(selector), in: collection.name))
    }

    // MARK: Vectors

    private func updateVectors(_ changes: [VectorChange], _ filter: Filter?) async throws -> UpdateAnswer {
        try collection.strictMode.checkVectorUpdate(changes.count)
        try await checkSizes()
        var wanted: [PointID: PointVectors] = [:]
        for change in changes {
            try collection.strictMode.checkVectors(change.vectors)
            wanted[change.id, default: PointVectors()].merge(change.vectors)
        }
        let context = try filterContext()
        return try await revise(.ids(changes.map(\.id)), mustExist: true) { [wanted] id, old in
            guard var point = old, let vectors = wanted[id] else { return .unchanged }
            if let filter, !context.passes(point, filter) { return .unchanged }
            point.vectors.merge(vectors)
            return .replaced(point)
        }
    }

    private func deleteVectors(_ names: [String], _ selector: PointSelector) async throws -> UpdateAnswer {
        for name in names { try collection.config.checkName(name) }
        return try await revise(try checked(selector)) { _, old in
            guard var point = old else { return .unchanged }
            for name in names {
                point.vectors.dense[name] = nil
                point.vectors.sparse[name] = nil
                point.vectors.multi[name] = nil
            }
            return .replaced(point)
        }
    }

    // MARK: Payload

    private func setPayload(_ change: PayloadChange, _ selector: PointSelector) async throws -> UpdateAnswer {
        try await checkSizes()
        let mustExist = if case .ids = selector { true } else { false }
        return try await changePayload(selector, mustExist: mustExist) { change.applied(to: $0) }
    }

    private func changePayload(
        _ selector: PointSelector, mustExist: Bool = false, _ change: @escaping @Sendable (Payload) -> Payload
    ) async throws -> UpdateAnswer {
        try await revise(try checked(selector), mustExist: mustExist) { _, old in
            guard var point = old else { return .unchanged }
            point.payload = change(point.payload)
            return .replaced(point)
        }
    }

    // MARK: Checks

    /// Holds points to be written to strict mode's limits.
    private func check(_ points: [Point]) async throws {
        let strict = collection.strictMode
        try strict.checkUpsert(points.count)
        for point in points { try strict.checkVectors(point.vectors) }
        try await checkSizes()
    }

    /// Holds a write that makes the collection grow to what strict mode lets it hold.
    private func checkSizes() async throws {
        let strict = collection.strictMode
        guard strict.limitsSizes else { return }
        let bytes = collection.config.vectors.values.reduce(0) { $0 + $1.size * MemoryLayout<Float>.size }
        try await collection.read { try strict.checkSizes($0, vectorBytes: bytes) }
    }

    /// Holds a selection by a filter to strict mode's limits.
    private func checked(_ selector: PointSelector) throws -> PointSelector {
        if case .filter(let filter) = selector {
            try collection.strictMode.checkFilter(filter, in: collection, isUpdate: true)
        }
        return selector
    }

    private func revise(
        _ selector: PointSelector, mustExist: Bool = false, _ revision: @escaping PointRevision
    ) async throws -> UpdateAnswer {
        let missing = MissingID()
        let receipt = try await store.revise(selector, in: collection.name) { id, old in
            if mustExist, old == nil { missing.note(id) }
            return revision(id, old)
        }
        if wait, let id = missing.first { throw QdrantFailure.noPoint(id) }
        return answer(receipt)
    }

    private func answer(_ receipt: UpdateReceipt) -> UpdateAnswer {
        UpdateAnswer(operationID: receipt.sequence, isCompleted: wait)
    }

    private func filterContext() throws -> PointFilterContext {
        PointFilterContext(indexes: try collection.indexes)
    }
}

/// Applies a filter to a point read inside a transaction.
private struct PointFilterContext: Sendable {
    /// The collection's payload indexes.
    let indexes: [PayloadPath: PayloadIndexDefinition]

    func passes(_ point: Point, _ filter: Filter) -> Bool {
        let vectors = point.vectors
        let context = FilterContext(
            id: point.id,
            hasVector: { vectors.dense[$0] != nil || vectors.sparse[$0] != nil || vectors.multi[$0] != nil },
            analyzer: { indexes[$0]?.analyzer }, indexKind: { indexes[$0]?.kind })
        return filter.matches(PayloadMembers(point.payload.object), context)
    }
}

/// The first id that was named and is not there.
private final class MissingID: Sendable {
    private let id: Mutex<PointID?> = Mutex(nil)

    func note(_ missing: PointID) { id.withLock { $0 = $0 ?? missing } }
    var first: PointID? { id.withLock { $0 } }
}
