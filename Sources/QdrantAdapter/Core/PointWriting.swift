import JSON
import Synchronization
import VectorEngine

/// What a write answers: its place in the change log.
struct UpdateAnswer: Sendable {
    var operationID: UInt64
    var isCompleted: Bool

    var json: JSONValue {
        [
            "operation_id": .integer(Int64(clamping: operationID)),
            "status": isCompleted ? "completed" : "acknowledged",
        ]
    }
}

/// The writes of one collection. Every method answers when the change is on disk; with `wait` false what would only
/// be found out while writing (an id that is not there) is no error.
struct PointWriting: Sendable {
    let collection: QdrantCollection
    let wait: Bool

    private var store: EmbeddedStore { collection.store }

    // MARK: Points

    /// Inserts points or replaces them whole.
    func upsert(_ points: [Point]) async throws -> UpdateAnswer {
        try await check(points)
        return answer(try await store.upsert(points, in: collection.name))
    }

    func upsert(_ body: JSONValue) async throws -> UpdateAnswer {
        let points = try PointReading.points(body, collection.config)
        let filter = try WireFilter.read(body.optional("update_filter"))
        let mode = try body.string("update_mode") ?? "upsert"
        guard ["upsert", "insert_only", "update_only"].contains(mode) else {
            throw QdrantFailure.format(
                "unknown variant `\(mode)`, expected one of `upsert`, `insert_only`, `update_only`")
        }
        if mode == "upsert" && filter == nil { return try await upsert(points) }
        try await check(points)
        let new = Dictionary(points.map { ($0.id, $0) }) { $1 }
        let context = try filterContext()
        return try await revise(.ids(points.map(\.id))) { id, old in
            guard let point = new[id] else { return .unchanged }
            guard let old else { return mode == "update_only" ? .unchanged : .replaced(point) }
            if mode == "insert_only" { return .unchanged }
            return filter.map { context.passes(old, $0) } ?? true ? .replaced(point) : .unchanged
        }
    }

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

    func delete(_ body: JSONValue) async throws -> UpdateAnswer {
        answer(try await store.delete(try selected(body), in: collection.name))
    }

    // MARK: Vectors

    func updateVectors(_ body: JSONValue) async throws -> UpdateAnswer {
        guard let list = try body.array("points") else { throw QdrantFailure.format("missing field `points`") }
        if list.isEmpty {
            var validation = Validation()
            validation.problem("points", "value invalid, must not be empty")
            try validation.finish()
        }
        let filter = try WireFilter.read(body.optional("update_filter"))
        try collection.strictMode.checkVectorUpdate(list.count)
        try await checkSizes()
        var changes: [PointID: PointVectors] = [:]
        var ids: [PointID] = []
        for value in list {
            let id = try WireID.read(try value.required("id"))
            let vectors = try WireVector.vectors(try value.required("vector"), collection.config)
            if vectors == PointVectors() {
                var validation = Validation()
                validation.problem("points[\(ids.count)].vector", "must specify vectors to update for point")
                try validation.finish()
            }
            try collection.strictMode.checkVectors(vectors)
            ids.append(id)
            try PointReading.merge(vectors, into: &changes[id, default: PointVectors()])
        }
        let context = try filterContext()
        let wanted = changes
        return try await revise(.ids(ids), mustExist: true) { id, old in
            guard var point = old, let vectors = wanted[id] else { return .unchanged }
            if let filter, !context.passes(point, filter) { return .unchanged }
            point.vectors.dense.merge(vectors.dense) { $1 }
            point.vectors.sparse.merge(vectors.sparse) { $1 }
            point.vectors.multi.merge(vectors.multi) { $1 }
            return .replaced(point)
        }
    }

    func deleteVectors(_ body: JSONValue) async throws -> UpdateAnswer {
        guard let list = try body.array("vector") else { throw QdrantFailure.format("missing field `vector`") }
        let names = list.compactMap(\.stringValue)
        if names.isEmpty {
            var validation = Validation()
            validation.problem("vector", "value invalid, must not be empty")
            try validation.finish()
        }
        for name in names { try collection.config.checkName(name) }
        return try await revise(try selected(body)) { _, old in
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

    func setPayload(_ body: JSONValue, overwrites: Bool) async throws -> UpdateAnswer {
        guard let members = try body.object("payload") else { throw QdrantFailure.format("missing field `payload`") }
        let path = try body.string("key").map { try WirePath.read($0) }
        try await checkSizes()
        return try await revise(try selected(body), mustExist: body.optional("points") != nil) { _, old in
            guard var point = old else { return .unchanged }
            var payload = overwrites ? [:] : point.payload.object
            if let path {
                PayloadEditing.merge(members, into: &payload, at: path)
            } else if overwrites || payload.isEmpty {
                // A null takes a member away; where there is none it is kept, as Qdrant does.
                payload = members
            } else {
                PayloadEditing.merge(members, into: &payload)
            }
            point.payload = Payload(payload)
            return .replaced(point)
        }
    }

    func deletePayload(_ body: JSONValue) async throws -> UpdateAnswer {
        guard let keys = try body.array("keys") else { throw QdrantFailure.format("missing field `keys`") }
        let paths = try keys.map { try WirePath.read($0.stringValue ?? "") }
        return try await revise(try selected(body)) { _, old in
            guard var point = old else { return .unchanged }
            var payload = point.payload.object
            for path in paths { PayloadEditing.remove(path, from: &payload) }
            point.payload = Payload(payload)
            return .replaced(point)
        }
    }

    func clearPayload(_ body: JSONValue) async throws -> UpdateAnswer {
        try await revise(try selected(body)) { _, old in
            guard var point = old else { return .unchanged }
            point.payload = .empty
            return .replaced(point)
        }
    }

    // MARK: Batch

    func batch(_ body: JSONValue) async throws -> [UpdateAnswer] {
        guard let operations = try body.array("operations") else {
            throw QdrantFailure.format("missing field `operations`")
        }
        var answers: [UpdateAnswer] = []
        for operation in operations { answers.append(try await perform(operation)) }
        return answers
    }

    private func perform(_ operation: JSONValue) async throws -> UpdateAnswer {
        guard let (kind, value) = operation.objectValue?.elements.first, operation.objectValue?.count == 1 else {
            throw QdrantFailure.format("data did not match any variant of untagged enum UpdateOperation")
        }
        switch kind {
        case "upsert": return try await upsert(value)
        case "delete": return try await delete(value)
        case "set_payload": return try await setPayload(value, overwrites: false)
        case "overwrite_payload": return try await setPayload(value, overwrites: true)
        case "delete_payload": return try await deletePayload(value)
        case "clear_payload": return try await clearPayload(value)
        case "update_vectors": return try await updateVectors(value)
        case "delete_vectors": return try await deleteVectors(value)
        default: throw QdrantFailure.format("data did not match any variant of untagged enum UpdateOperation")
        }
    }

    // MARK: Common

    /// The points a request names, or those its filter finds when the write is made.
    private func selected(_ body: JSONValue) throws -> PointSelector {
        if let points = body.optional("points") { return .ids(try WireID.list(points)) }
        guard let filter = try WireFilter.read(body.optional("filter")) else {
            throw QdrantFailure.format("Either list of ids or filter must be provided")
        }
        try collection.strictMode.checkFilter(filter, in: collection, isUpdate: true)
        return .filter(filter)
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
