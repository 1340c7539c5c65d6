import JSON
import VectorEngine

/// Former versions of items that were changed: points of a collection of their own, so that nothing that looks for what
/// holds now meets them.
///
/// A version's payload is that of the memory with its id and the span in which it counted, [`valid_from`,
/// `valid_until`), microseconds since 1970. A version is written before what takes its place: a crash between the two
/// leaves one too many, which the memory it belongs to hides.
extension MemoryStore {
    var historyCollection: String { Self.historyName(of: collection) }

    /// Whether there is a collection of versions; it is made with the first of them.
    func hasHistory() async throws -> Bool { try await points.describe(historyCollection) != nil }

    func makeHistory() async throws {
        guard try await !hasHistory(), let current = try await points.describe(collection) else { return }
        var schema = current.schema
        schema.payloadIndexes[Member.versionOf] = .keyword
        schema.payloadIndexes[Member.validFrom] = .integer
        schema.payloadIndexes[Member.validUntil] = .integer
        do {
            try await points.createCollection(historyCollection, schema: schema)
        } catch let error as EngineError where error.code == .collectionExists {
            // Another process made it a moment ago.
        }
    }

    /// Keeps what is stored now of the items that the batch changes.
    func keepVersions(_ batch: inout StoreBatch) async throws {
        guard !batch.superseded.isEmpty else { return }
        try await keepVersions(of: batch.superseded.map { (id: $0.key, until: $0.value) })
    }

    func keepVersions(of changes: [(id: UUIDBytes, until: Int64)]) async throws {
        let until = Dictionary(changes.map { (PointID.uuid($0.id), $0.until) }) { first, _ in first }
        let stored = try await points.retrieve(changes.map { .uuid($0.id) }, with: .all, in: collection)
        guard !stored.isEmpty else { return }
        try await makeHistory()
        let versions = try stored.map { point in
            try version(point, until: until[point.id] ?? clock.time())
        }
        do {
            try await points.upsert(versions, in: historyCollection)
        } catch let error as EngineError where error.code == .wrongDimension || error.code == .unknownVector {
            // A re-embedding was interrupted between the two collections: the version is kept with its words alone.
            let wordsAlone = versions.map { version in
                Point(id: version.id, vectors: PointVectors(sparse: version.vectors.sparse), payload: version.payload)
            }
            try await points.upsert(wordsAlone, in: historyCollection)
        }
    }

    private func version(_ point: Point, until: Int64) throws -> Point {
        let record = try MemoryRecord(point)
        var members = point.payload.object
        members[Member.idempotencyKeys] = nil
        members[Member.idempotencyResults] = nil
        members[Member.versionOf] = .string(record.id.description)
        members[Member.validFrom] = .integer(record.updatedAt)
        members[Member.validUntil] = .integer(until)
        return Point(id: .uuid(clock.id(stamp: clock.stamp())), vectors: point.vectors, payload: Payload(members))
    }

    /// Former versions of a memory, the oldest first.
    func versions(of id: UUIDBytes) async throws -> [Version] {
        guard try await hasHistory() else { return [] }
        let filter = Filter(must: [Narrowing.keyword(Member.versionOf, id.description)])
        return try await everyPoint(filter, in: historyCollection).compactMap { try Version($0) }
            .sorted { $0.validFrom < $1.validFrom }
    }

    /// The memory as it was known at `moment`; nil when it was not, or has been deleted since.
    func record(_ id: UUIDBytes, asOf moment: Int64) async throws -> MemoryRecord? {
        let current = try await points.retrieve([.uuid(id)], with: .payload, in: collection)
            .map { try MemoryRecord($0) }.first
        guard let current, current.createdAt <= moment else { return nil }
        var found = current
        if current.updatedAt > moment {
            guard let version = try await versions(of: id).last(where: { $0.validFrom <= moment }) else { return nil }
            found = version.record
        }
        return found.isExpired(at: moment) ? nil : found
    }

    func deleteHistory(of ids: [PointID]) async throws {
        guard !ids.isEmpty, try await hasHistory() else { return }
        let filter = Filter(must: [.match(member: Member.versionOf, anyOf: ids.map { .keyword($0.description) })])
        try await points.delete(.filter(filter), in: historyCollection)
    }
}

/// What a memory said for a while.
struct Version: Sendable {
    /// With the memory's own id.
    let record: MemoryRecord
    let validFrom: Int64
    let validUntil: Int64

    init?(_ point: Point) throws {
        let members = point.payload.object
        guard let id = members[Member.versionOf]?.stringValue.flatMap({ UUIDBytes($0) }),
            let from = members[Member.validFrom]?.integerValue, let until = members[Member.validUntil]?.integerValue
        else { return nil }
        record = try MemoryRecord(.uuid(id), point.payload)
        validFrom = from
        validUntil = until
    }

    var json: JSONValue {
        var members = record.json()
        members["valid_from"] = .string(Timestamp.format(validFrom))
        members["valid_until"] = .string(Timestamp.format(validUntil))
        return .object(members)
    }
}
