import JSON
import VectorEngine

/// `system_status`: metrics, diagnostics, a merge by id, and pages of an export.
extension MemoryStore {
    func metrics() async throws -> JSONObject {
        _ = try await home.ready()
        var members: JSONObject = ["tools": .object(telemetry.percentiles)]
        if let description = try await points.describe(collection) {
            members["store"] = [
                "points": .integer(Int64(description.pointCount)),
                "indexed_points": .integer(Int64(description.indexedPointCount)),
                "segments": .integer(Int64(description.segmentCount)),
                "size_bytes": .integer(Int64(description.sizeBytes)),
            ]
        }
        return members
    }

    /// One finding a check: does the store open, are vectors there, is anything damaged or overdue.
    func diagnostics() async throws -> [JSONValue] {
        func finding(_ name: String, _ passed: Bool, _ message: String) -> JSONValue {
            ["name": .string(name), "status": .string(passed ? "pass" : "warn"), "message": .string(message)]
        }
        let readiness = try await home.ready()
        let description = try await points.describe(collection)
        let damaged = description?.damagedPointCount ?? 0
        let now = clock.time()
        let overdue = try await points.count(
            Filter(must: [Narrowing.expired(at: now), Chunk.excluded]), in: collection)
        var hasVersions = try await hasHistory()
        if hasVersions { hasVersions = try await points.count(nil, in: historyCollection) > 0 }
        return [
            finding("store", true, "\(description?.pointCount ?? 0) points"),
            finding("vectors", readiness.hasVectors, readiness.degradedReason ?? "the model answers"),
            finding(
                "checksums", damaged == 0,
                try await damageNote() ?? (damaged == 0 ? "no damaged points" : "\(damaged) points are damaged")),
            finding(
                "expired", overdue < 1_000,
                overdue == 0 ? "nothing waits for the purge" : "\(overdue) expired memories wait for run_purge"),
            finding("versions", true, hasVersions ? "former versions are kept" : "no memory was changed yet"),
        ]
    }

    // MARK: Merge by id

    /// Merges members into one memory; its former version is kept.
    ///
    /// - Throws: `denied` for an approved section and an accepted decision.
    func upsertMerged(_ arguments: JSONObject) async throws -> MemoryRecord {
        let existing = try await document(arguments.filter { $0.key != "as_of" })
        guard let merge = arguments["merge"]?.objectValue else {
            throw MemoryError(.missing, "this operation needs the members to merge in", field: "merge")
        }
        if let stranger = merge.keys.first(where: { !["content", "data", "metadata", "tags"].contains($0) }) {
            throw MemoryError(
                .schema, "there is no such field; known are: content, data, metadata, tags",
                field: "merge.\(stranger.prefix(64))")
        }
        guard !existing.isProtected else {
            throw MemoryError(
                .denied, "an approved section or accepted decision changes only through one that supersedes it",
                field: "document_id")
        }
        let item = try mergeItem(existing.kind, merge)
        var update = MemoryUpdate(existing.id)
        update.content = item.content
        update.data = item.data
        update.metadata = item.metadata
        update.tags = Merging.tags(existing.tags, item.tags)
        return try await updated(update).record
    }

    /// The members to merge, checked as those of a stored item are.
    private func mergeItem(_ kind: MemoryKind, _ merge: JSONObject) throws(MemoryError) -> StoreItem {
        var members = merge
        members["kind"] = .string(kind.rawValue)
        let isTextless = merge["content"] == nil && merge["data"] == nil
        if isTextless { members["data"] = [:] }
        let checked: JSONObject
        do {
            checked = try contract.store.checked(["items": [.object(members)]])
        } catch {
            let field = error.field?.replacing("items[0]", with: "merge")
            throw MemoryError(error.code, error.message, field: field)
        }
        guard let first = checked["items"]?.arrayValue?.first?.objectValue, let item = StoreItem(checked: first) else {
            throw MemoryError(.schema, "must be members of a memory", field: "merge")
        }
        return item
    }

    // MARK: Export

    /// A page of memories with their versions, oldest first.
    func exportPage(_ arguments: JSONObject, from current: MemoryScope) async throws -> JSONObject {
        _ = try await home.ready()
        let start = try arguments["cursor"]?.stringValue.map { text throws(MemoryError) in
            guard let id = UUIDBytes(text) else {
                throw MemoryError(.invalidArgument, "no page gave this cursor; start without one", field: "cursor")
            }
            return PointID.uuid(id)
        }
        let limit = arguments["limit"]?.integerValue.flatMap { Int(exactly: $0) } ?? 100
        var narrowing = Narrowing(checked: arguments)
        try narrowing.settle(in: current)
        let filter = try narrowing.memories(now: clock.time())
        let page = try await points.readablePage(
            ScrollRequest(filter: filter, limit: limit, startAt: start), in: collection)
        let records = try page.points.map { try MemoryRecord($0) }
        var members: JSONObject = ["items": .array(try await exported(records).map { .object($0) })]
        if let next = page.next { members["next_cursor"] = .string(next.description) }
        if let damage = try await damageNote(history: true) { members["degraded_reason"] = .string(damage) }
        return members
    }

    func exported(_ records: [MemoryRecord]) async throws -> [JSONObject] {
        var versions: [UUIDBytes: [Version]] = [:]
        if try await hasHistory(), !records.isEmpty {
            let ids = records.map { MatchValue.keyword($0.id.description) }
            let filter = Filter(must: [.match(member: Member.versionOf, anyOf: ids)])
            for version in try await everyPoint(filter, in: historyCollection).compactMap({ try Version($0) }) {
                versions[version.record.id, default: []].append(version)
            }
        }
        return records.map { record in
            var members = record.json()
            if record.expiresAt != nil { members["ttl_policy"] = .string(record.expiryPolicy) }
            if let kept = versions[record.id]?.sorted(by: { $0.validFrom < $1.validFrom }) {
                members["versions"] = .array(kept.map(\.json))
            }
            return members
        }
    }
}
