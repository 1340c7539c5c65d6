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

    /// The id of a version: a version that is kept twice has the same one.
    static func versionID(of id: UUIDBytes, from moment: Int64) -> PointID {
        let digits = ContentHash.hex(of: .array([.string(id.description), .integer(moment)]))
        let high = UInt64(digits.prefix(16), radix: 16) ?? 0
        let low = UInt64(digits.dropFirst(16).prefix(16), radix: 16) ?? 0
        // As in a memory's id, the last twelve bits are zero: a search takes what it finds for a chunk or a memory.
        return .uuid(UUIDBytes(high: high & ~0xF000 | 0x8000, low: (low >> 2 | 1 << 63) & ~0xFFF))
    }

    /// Keeps what the batch replaces: stored items with their vectors, and items of the batch itself.
    func keepVersions(_ batch: inout StoreBatch) async throws {
        guard !batch.superseded.isEmpty else { return }
        let ids = Set(batch.superseded.map(\.record.id))
        let stored = try await points.retrieve(ids.map { .uuid($0) }, with: .all, in: collection)
        let points = Dictionary(stored.map { ($0.id, $0) }) { first, _ in first }
        let isDeleted = batch.superseded.contains { record, _ in
            points[.uuid(record.id)] == nil && !batch.isAddition(record.id)
        }
        if isDeleted {
            throw EngineError(.preconditionFailed, "a memory was deleted while its next version was written")
        }
        try await makeHistory()
        var until: [UUIDBytes: Int64] = [:]
        let versions = batch.superseded.map { record, end in
            let begin = until.updateValue(end, forKey: record.id)
            let point = points[.uuid(record.id)].flatMap { begin == nil ? $0 : nil }
            return version(record, vectors: point?.vectors ?? PointVectors(), until: end, batch.reason)
        }
        do {
            try await self.points.upsert(versions, in: historyCollection)
        } catch let error as EngineError where error.code == .wrongDimension || error.code == .unknownVector {
            // A re-embedding was interrupted between the two collections: the version is kept with its words alone.
            let wordsAlone = versions.map { version in
                Point(id: version.id, vectors: PointVectors(sparse: version.vectors.sparse), payload: version.payload)
            }
            try await self.points.upsert(wordsAlone, in: historyCollection)
        }
    }

    /// Deletes the versions that a refused write has kept of memories that somebody has deleted meanwhile.
    func withdrawVersions(of batch: StoreBatch) async throws {
        guard !batch.superseded.isEmpty else { return }
        let ids = Set(batch.superseded.map { PointID.uuid($0.record.id) })
        let there = Set(try await points.retrieve(Array(ids), with: .idOnly, in: collection).map(\.id))
        let left = batch.superseded.filter { !there.contains(.uuid($0.record.id)) }
            .map { Self.versionID(of: $0.record.id, from: $0.record.updatedAt) }
        guard !left.isEmpty else { return }
        // A memory that a document has retired meanwhile stays as a version.
        let ours = Filter(must: [.hasID(Set(left)), Narrowing.keyword(Member.replacedBy, batch.reason.rawValue)])
        try await points.delete(.filter(ours), in: historyCollection)
    }

    func version(_ record: MemoryRecord, vectors: PointVectors, until: Int64, _ reason: ReplacementReason)
        -> Point
    {
        var members = record.payload
        members[Member.idempotencyKeys] = nil
        members[Member.idempotencyResults] = nil
        members[Member.versionOf] = .string(record.id.description)
        members[Member.validFrom] = .integer(record.updatedAt)
        members[Member.validUntil] = .integer(until)
        members[Member.replacedBy] = .string(reason.rawValue)
        return Point(
            id: Self.versionID(of: record.id, from: record.updatedAt), vectors: vectors, payload: Payload(members))
    }

    /// Former versions of a memory, the oldest first.
    func versions(of id: UUIDBytes) async throws -> [Version] {
        guard try await hasHistory() else { return [] }
        let filter = Filter(must: [Narrowing.keyword(Member.versionOf, id.description)])
        return Self.numbered(try await everyPoint(filter, in: historyCollection).compactMap { try Version($0) })
    }

    /// The versions of each memory from the oldest on, with their numbers. Versions of earlier versions of this program
    /// have none of their own and are counted.
    static func numbered(_ versions: [Version]) -> [Version] {
        var last: [UUIDBytes: Int64] = [:]
        return versions.sorted { $0.validFrom < $1.validFrom }.map { version in
            var version = version
            version.number = max(version.record.version, (last[version.record.id] ?? 0) &+ 1)
            last[version.record.id] = version.number
            return version
        }
    }

    /// The memory as it was known at `moment`, also one that was retired since; nil when it was not known, or has been
    /// deleted since.
    func record(_ id: UUIDBytes, asOf moment: Int64) async throws -> MemoryRecord? {
        let current = try await points.retrieve([.uuid(id)], with: .payload, in: collection)
            .map { try MemoryRecord($0) }.first
        guard let current else {
            let former = try await versions(of: id)
            guard former.last?.isRetirement == true,
                let version = former.last(where: { $0.validFrom <= moment && moment < $0.validUntil })
            else { return nil }
            return version.record.isExpired(at: moment) ? nil : version.record
        }
        guard current.createdAt <= moment else { return nil }
        var found = current
        if current.updatedAt > moment {
            guard let version = try await versions(of: id).last(where: { $0.validFrom <= moment }),
                !version.isRetirement || moment < version.validUntil
            else { return nil }
            found = version.record
        }
        return found.isExpired(at: moment) ? nil : found
    }

    /// The last version of each of these memories that was retired and not brought back: of a section that has left
    /// its document nothing but versions is kept.
    func retired(_ ids: [UUIDBytes]) async throws -> [UUIDBytes: Version] {
        guard !ids.isEmpty, try await hasHistory() else { return [:] }
        let kept = try await everyPoint(Self.versions(of: ids.map { .uuid($0) }), in: historyCollection)
        var last: [UUIDBytes: Version] = [:]
        for version in Self.numbered(try kept.compactMap { try Version($0) }) { last[version.record.id] = version }
        last = last.filter { $0.value.isRetirement }
        guard !last.isEmpty else { return [:] }
        let stored = try await points.retrieve(last.keys.map { .uuid($0) }, with: .idOnly, in: collection)
        for point in stored { point.id.uuid.map { last[$0] = nil } }
        return last
    }

    static func versions(of ids: [PointID]) -> Filter {
        Filter(must: [.match(member: Member.versionOf, anyOf: ids.map { .keyword($0.description) })])
    }

    func deleteHistory(of ids: [PointID]) async throws {
        guard !ids.isEmpty, try await hasHistory() else { return }
        try await points.delete(.filter(Self.versions(of: ids)), in: historyCollection)
    }
}

/// What a memory said for a while.
struct Version: Sendable {
    /// With the memory's own id.
    let record: MemoryRecord
    let validFrom: Int64
    let validUntil: Int64
    /// Whether nothing took its place: its section left its document.
    let isRetirement: Bool
    /// 1 for the first.
    var number: Int64

    init?(_ point: Point) throws {
        let members = point.payload.object
        guard let id = members[Member.versionOf]?.stringValue.flatMap({ UUIDBytes($0) }),
            let from = members[Member.validFrom]?.integerValue, let until = members[Member.validUntil]?.integerValue
        else { return nil }
        record = try MemoryRecord(.uuid(id), point.payload)
        validFrom = from
        validUntil = until
        isRetirement = members[Member.replacedBy]?.stringValue == ReplacementReason.retirement.rawValue
        number = record.version
    }

    var json: JSONValue {
        var members = record.json()
        members["version"] = .integer(number)
        members["valid_from"] = .string(Timestamp.format(validFrom))
        members["valid_until"] = .string(Timestamp.format(validUntil))
        return .object(members)
    }
}
