import JSON
import VectorEngine

/// Deletion: by id, or by filter with the token of its dry run. A memory's chunks and former versions go with it.
extension MemoryStore {
    // MARK: Deletion

    /// Deletes memories by id, expired and retired ones too; answers how many there were.
    ///
    /// - Throws: `denied`, deleting nothing, when one of them is a section tagged approved.
    @discardableResult
    package func delete(_ ids: [UUIDBytes]) async throws(MemoryError) -> Int {
        try await mapped {
            _ = try await self.home.ready()
            return try await self.gate.pass { try await self.deleteChecked(ids.map { .uuid($0) }) }
        }
    }

    /// Which of these memories can be deleted: those that are stored, expired ones too, and those of which versions
    /// are left because they were retired.
    package func known(_ ids: [UUIDBytes]) async throws(MemoryError) -> Set<UUIDBytes> {
        try await mapped {
            _ = try await self.home.ready()
            return Set(try await self.deletable(ids))
        }
    }

    /// In the order asked, each once.
    func deletable(_ ids: [UUIDBytes]) async throws -> [UUIDBytes] {
        var seen: Set<UUIDBytes> = []
        let ids = ids.filter { !Chunk.isChunk($0) && seen.insert($0).inserted }
        let stored = Set(try await points.retrieve(ids.map { .uuid($0) }, with: .idOnly, in: collection).map(\.id))
        let retired = try await retired(ids.filter { !stored.contains(.uuid($0)) })
        return ids.filter { stored.contains(.uuid($0)) || retired[$0] != nil }
    }

    func deleteChecked(_ ids: [PointID]) async throws -> Int {
        try await refuseApproved(ids)
        let there = try await deletable(ids.compactMap(\.uuid)).map { PointID.uuid($0) }
        guard !there.isEmpty else { return 0 }
        // The memory first: versions without a memory are shown to nobody, while one that lives keeps its versions.
        try await points.delete(.filter(Chunk.memoriesAndChunks(there)), in: collection)
        try await deleteHistory(of: there)
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

    /// - Parameter current: the scope that the call comes from.
    func deletion(_ arguments: JSONObject, from current: MemoryScope) async throws -> Deletion {
        let isDryRun = arguments["dry_run"]?.boolValue ?? true
        let narrows = !Narrowing(checked: arguments).isVoid
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
        return try await deletionByFilter(arguments, from: current, isDryRun: isDryRun)
    }

    /// First the ids and a token for exactly them; then, with the token, the deletion.
    private func deletionByFilter(
        _ arguments: JSONObject, from current: MemoryScope, isDryRun: Bool
    ) async throws -> Deletion {
        let erases = arguments["erase"] == true
        // A store that cannot erase says so before anything is deleted.
        if erases { _ = try requiredEraser() }
        var narrowing = Narrowing(checked: arguments)
        try narrowing.settle(in: current)
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
        guard erases else {
            let count = try await gate.pass { try await self.deleteChecked(found) }
            return Deletion(isDryRun: false, count: count, ids: [])
        }
        let report = try await erase(found.compactMap(\.uuid))
        var deletion = Deletion(isDryRun: false, count: report.deleted, ids: [])
        deletion.erasure = report
        return deletion
    }

    func token(for ids: [PointID], expires: Int64) -> String {
        let sealed: [JSONValue] = [.string(tokenSecret), .integer(expires)] + ids.map { .string($0.description) }
        return "\(expires).\(ContentHash.hex(of: .array(sealed)).prefix(32))"
    }
}

/// What a deletion did or would do.
struct Deletion {
    let isDryRun: Bool
    let count: Int
    /// The first hundred at most.
    let ids: [UUIDBytes]
    var token: String?
    /// Microseconds since 1970.
    var tokenExpires: Int64?
    /// What was erased besides; nil where the bytes were left.
    var erasure: ErasureReport?

    var json: JSONObject {
        var members: JSONObject = ["dry_run": .bool(isDryRun), "count": .integer(Int64(count))]
        if !ids.isEmpty { members["ids"] = .array(ids.map { .string($0.description) }) }
        if let erasure { members["erasure"] = .object(erasure.json) }
        if let token { members["confirmation_token"] = .string(token) }
        if let tokenExpires { members["token_expires_at"] = .string(Timestamp.format(tokenExpires)) }
        return members
    }
}

extension PointID {
    /// The UUID; nil for a number.
    var uuid: UUIDBytes? {
        if case .uuid(let bytes) = self { return bytes }
        return nil
    }
}
