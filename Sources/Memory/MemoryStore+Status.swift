import JSON
import VectorEngine

/// `system_status`: health, statistics, one memory by its id, and deletion.
extension MemoryStore {
    /// Answers checked arguments of `system_status`.
    func status(_ arguments: JSONObject) async throws -> JSONValue {
        let operation = arguments["operation"]?.stringValue ?? ""
        var result: JSONObject = ["operation": .string(operation)]
        switch operation {
        case "health": result["health"] = .object(try await health())
        case "stats": result["stats"] = .object(try await statistics(MemoryScope(arguments["scope"]?.objectValue)))
        case "get_document": result["document"] = .object(try await document(arguments).json())
        case "get_document_with_chunks", "reassemble_document":
            result.merge(try await chunkedDocument(arguments, reassembles: operation == "reassemble_document")) { $1 }
        case "delete": result["deletion"] = .object(try await deletion(arguments).json)
        default: preconditionFailure("the contract lets no other operation pass")
        }
        return .object(result)
    }

    // MARK: Health and statistics

    /// Whether the memory works, with which model, and where it is kept.
    package func health() async throws(MemoryError) -> JSONObject {
        try await mapped {
            let readiness = try await self.home.ready()
            let description = try await self.points.describe(self.collection)
            let damaged = description?.damagedPointCount ?? 0
            let reason =
                damaged > 0
                ? "\(damaged) memories on disk are damaged and left out of every answer; restore them from a backup"
                : readiness.degradedReason
            var members: JSONObject = ["status": .string(reason == nil ? "ok" : "degraded")]
            members["degraded_reason"] = reason.map { .string($0) }
            if damaged > 0 { members["damaged"] = .integer(Int64(damaged)) }
            members["collection"] = .string(self.collection)
            members["location"] = description.map { .string($0.location) }
            members["points"] = description.map { .integer(Int64($0.pointCount)) }
            if let identity = self.embedder?.identity {
                members["embedder"] = [
                    "name": .string(identity.name), "revision": .string(identity.revision),
                    "dimension": .integer(Int64(identity.dimension)),
                ]
            }
            members["analyser"] = .string(self.lexical.identity)
            return members
        }
    }

    /// Living items by kind in `scope`, how many have expired, and the size of the whole collection.
    package func statistics(_ scope: MemoryScope) async throws(MemoryError) -> JSONObject {
        try await mapped {
            _ = try await self.home.ready()
            let now = self.clock.time()
            var narrowing = Narrowing()
            narrowing.scope = scope
            var byKind = JSONObject()
            for kind in MemoryKind.allCases {
                narrowing.kinds = [kind]
                let count = try await self.points.count(narrowing.memories(now: now), in: self.collection)
                if count > 0 { byKind[kind.rawValue] = .integer(Int64(count)) }
            }
            narrowing.kinds = []
            let living = try await self.points.count(narrowing.memories(now: now), in: self.collection)
            narrowing.includesExpired = true
            let all = try await self.points.count(narrowing.memories(now: now), in: self.collection)
            var members: JSONObject = [
                "items": .integer(Int64(living)), "expired": .integer(Int64(max(0, all - living))),
                "by_kind": .object(byKind),
            ]
            if let description = try await self.points.describe(self.collection) {
                members["size_bytes"] = .integer(Int64(description.sizeBytes))
                members["segments"] = .integer(Int64(description.segmentCount))
                members["indexed_points"] = .integer(Int64(description.indexedPointCount))
            }
            return members
        }
    }

    // MARK: One memory

    private func documentID(_ arguments: JSONObject) -> UUIDBytes? {
        arguments["document_id"]?.stringValue.flatMap { UUIDBytes($0) }
    }

    private func document(_ arguments: JSONObject) async throws -> MemoryRecord {
        guard let id = documentID(arguments) else {
            throw MemoryError(.missing, "this operation needs the id of a memory", field: "document_id")
        }
        guard let record = try await records([id]).first else { throw MemoryStore.notFound }
        return record
    }

    /// A memory with the places (and texts) of its chunks; reassembled from them, it has the digest of the original.
    private func chunkedDocument(_ arguments: JSONObject, reassembles: Bool) async throws -> JSONObject {
        let record = try await document(arguments)
        let content = record.content ?? ""
        let filter = Filter(must: [Chunk.of([.uuid(record.id)])])
        let ranges = try await everyPoint(filter).compactMap { Chunk.range(in: $0.payload.object) }
        var members: JSONObject = ["document": .object(record.json())]
        guard reassembles else {
            members["chunks"] = .array(
                ranges.map { range in
                    var match = FoundItem.match(at: range)
                    match["text"] = .string(content.atUTF8(range))
                    return .object(match)
                })
            return members
        }
        var end = 0
        var bytes: [UInt8] = []
        let original = Array(content.utf8)
        for range in ranges.isEmpty ? [0..<original.count] : ranges {
            guard range.lowerBound <= end, end <= range.upperBound, range.upperBound <= original.count else {
                throw MemoryError(.failed, "the chunks do not cover the text; run: cortex verify")
            }
            bytes += original[end..<range.upperBound]
            end = range.upperBound
        }
        guard bytes == original else {
            throw MemoryError(.failed, "the chunks do not cover the text; run: cortex verify")
        }
        members["sha256"] = .string(ContentHash.hex(of: bytes))
        return members
    }

    static let notFound = MemoryError(
        .notFound, "there is no memory with this id; it may have expired or been deleted", field: "document_id")

    // MARK: Deletion

    /// Deletes memories by id, expired ones too; answers how many there were.
    ///
    /// - Throws: `denied`, deleting nothing, when one of them is a section tagged approved.
    @discardableResult
    package func delete(_ ids: [UUIDBytes]) async throws(MemoryError) -> Int {
        try await mapped {
            _ = try await self.home.ready()
            return try await self.gate.pass { try await self.deleteChecked(ids.map { .uuid($0) }) }
        }
    }

    private func deleteChecked(_ ids: [PointID]) async throws -> Int {
        let ids = ids.filter { Chunk.memory(of: $0) == $0 }
        try await refuseApproved(ids)
        let there = try await points.retrieve(ids, with: .idOnly, in: collection).map(\.id)
        guard !there.isEmpty else { return 0 }
        try await points.delete(.filter(Chunk.memoriesAndChunks(there)), in: collection)
        return there.count
    }

    private func refuseApproved(_ ids: [PointID]) async throws {
        for point in try await points.retrieve(ids, with: .payload, in: collection) {
            let record = try MemoryRecord(point)
            guard record.kind == .section, record.isTaggedApproved else { continue }
            throw MemoryError(
                .denied, "approved_section_read_only: \(record.id) is tagged approved; nothing was deleted")
        }
    }

    private func deletion(_ arguments: JSONObject) async throws -> Deletion {
        let isDryRun = arguments["dry_run"]?.boolValue ?? true
        let narrows = ["scope", "types", "filters"].contains { !(arguments[$0].map(Self.isVoid) ?? true) }
        _ = try await home.ready()
        if let id = documentID(arguments) {
            guard !narrows else {
                throw MemoryError(
                    .invalidArgument, "delete takes either an id or scope, types and filters, not both",
                    field: "document_id")
            }
            guard !Chunk.isChunk(id),
                try await !points.retrieve([.uuid(id)], with: .idOnly, in: collection).isEmpty
            else {
                throw MemoryStore.notFound
            }
            let count = isDryRun ? 1 : try await delete([id])
            return Deletion(isDryRun: isDryRun, count: count, ids: [id])
        }
        guard narrows else {
            throw MemoryError(
                .missing, "delete needs an id, or scope, types or filters", field: "document_id")
        }
        return try await deletionByFilter(arguments, isDryRun: isDryRun)
    }

    private static func isVoid(_ value: JSONValue) -> Bool {
        value.objectValue?.isEmpty ?? value.arrayValue?.isEmpty ?? false
    }

    /// First the ids and a token for exactly them; then, with the token, the deletion.
    private func deletionByFilter(_ arguments: JSONObject, isDryRun: Bool) async throws -> Deletion {
        var narrowing = Narrowing(checked: arguments)
        narrowing.includesExpired = true
        let now = clock.time()
        let limit = settings.maximumDeleted
        let found = try await everyPoint(narrowing.memories(now: now), limit: limit + 1, parts: .idOnly).map(\.id)
        guard found.count <= limit else {
            throw MemoryError(.outOfRange, "more than \(limit) memories match; narrow the filter", field: "filters")
        }
        if isDryRun {
            try await refuseApproved(found)
            let expires = now &+ settings.tokenLifetime.components.seconds &* 1_000_000
            var deletion = Deletion(isDryRun: true, count: found.count, ids: found.prefix(100).compactMap(\.uuid))
            deletion.token = token(for: found, expires: expires)
            deletion.tokenExpires = expires
            return deletion
        }
        guard let token = arguments["confirmation_token"]?.stringValue else {
            throw MemoryError(
                .missing, "deleting by filter needs the token of its dry run", field: "confirmation_token")
        }
        let expires = token.split(separator: ".").first.flatMap { Int64($0) } ?? 0
        guard expires > now, token == self.token(for: found, expires: expires) else {
            throw MemoryError(
                .denied,
                "the token has expired or is not for exactly the memories that match now; do the dry run again",
                field: "confirmation_token")
        }
        let count = try await gate.pass { try await self.deleteChecked(found) }
        return Deletion(isDryRun: false, count: count, ids: [])
    }

    private func token(for ids: [PointID], expires: Int64) -> String {
        let sealed: [JSONValue] = [.string(tokenSecret), .integer(expires)] + ids.map { .string($0.description) }
        return "\(expires).\(ContentHash.hex(of: .array(sealed)).prefix(32))"
    }
}

/// What a deletion did or would do.
private struct Deletion {
    let isDryRun: Bool
    let count: Int
    /// The first hundred at most.
    let ids: [UUIDBytes]
    var token: String?
    /// Microseconds since 1970.
    var tokenExpires: Int64?

    var json: JSONObject {
        var members: JSONObject = ["dry_run": .bool(isDryRun), "count": .integer(Int64(count))]
        if !ids.isEmpty { members["ids"] = .array(ids.map { .string($0.description) }) }
        if let token { members["confirmation_token"] = .string(token) }
        if let tokenExpires { members["token_expires_at"] = .string(Timestamp.format(tokenExpires)) }
        return members
    }
}

extension PointID {
    /// The UUID; nil for a number.
    fileprivate var uuid: UUIDBytes? {
        if case .uuid(let bytes) = self { return bytes }
        return nil
    }
}
