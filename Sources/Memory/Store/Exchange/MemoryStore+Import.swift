import JSON
import VectorEngine

/// What an import did.
package struct ImportResult: Sendable, Equatable {
    package var added = 0
    /// Items that the store had in an older form, which is now a former version.
    package var updated = 0
    /// Items that the store had as they came, or newer.
    package var unchanged = 0
    package var versions = 0
    /// Items that would change what only a new item may change, or would break a rule; nothing of them is taken.
    package var refusals: [Refusal] = []

    package struct Refusal: Sendable, Equatable {
        package let index: Int
        package let message: String
    }

    fileprivate mutating func add(_ other: ImportResult) {
        added += other.added
        updated += other.updated
        unchanged += other.unchanged
        versions += other.versions
        refusals += other.refusals
    }

    package init() {}
}

/// Import of what `export` wrote: ids, dates and former versions are kept, so that two stores merge into one and a
/// second import changes nothing.
extension MemoryStore {
    /// Takes exported items; of one id the form with the later `updated_at` holds, the other becomes a version.
    ///
    /// - Throws: `schema` … `pattern` with the place of the fault, before anything is written.
    package func importItems(_ items: [JSONObject]) async throws(MemoryError) -> ImportResult {
        var rows: [ExportedRow] = []
        for (i, item) in items.enumerated() {
            var row = try ExportedRow(item, contract, at: "items[\(i)]")
            row.index = i
            rows.append(row)
        }
        let checked = rows
        return try await mapped {
            let readiness = try await self.home.ready()
            return try await self.gate.pass {
                var result = ImportResult()
                for group in Self.withoutRepetition(checked) {
                    result.add(try await self.takeAgainstOthers(group, readiness))
                }
                return result
            }
        }
    }

    /// Why an exported item cannot be imported; nil when it can.
    func importFault(_ item: JSONObject) -> MemoryError? {
        do throws(MemoryError) {
            _ = try ExportedRow(item, contract, at: "items[0]")
            return nil
        } catch {
            return error
        }
    }

    /// The rows in groups that name no memory twice: a later row meets what the one before it has stored.
    private static func withoutRepetition(_ rows: [ExportedRow]) -> [[ExportedRow]] {
        var counts: [UUIDBytes: Int] = [:]
        var groups: [[ExportedRow]] = [[]]
        for row in rows {
            let place = counts[row.record.id, default: 0]
            counts[row.record.id] = place + 1
            if place == groups.count { groups.append([]) }
            groups[place].append(row)
        }
        return groups
    }

    private func takeAgainstOthers(
        _ rows: [ExportedRow], _ readiness: MemoryCollection.Readiness
    ) async throws -> ImportResult {
        for attempt in 1... {
            do {
                return try await take(rows, readiness)
            } catch let error as EngineError where error.code == .preconditionFailed {
                // Another process has changed one of the memories since it was read here.
                guard attempt < settings.storeAttempts else { throw error }
            }
        }
        preconditionFailure("the last attempt returns or throws")
    }

    private func take(_ rows: [ExportedRow], _ readiness: MemoryCollection.Readiness) async throws -> ImportResult {
        var result = ImportResult()
        let stored = try await points.retrieve(rows.map { .uuid($0.record.id) }, with: .payload, in: collection)
        let known = Dictionary(try stored.map { ($0.id, try MemoryRecord($0)) }) { first, _ in first }
        var batch = StoreBatch(request: StoreRequest([]), context: CallContext(), settings: settings)
        var former: [Former] = []
        for row in rows {
            let existing = known[.uuid(row.record.id)]
            // Exported moments have milliseconds. One of the same moment that says something else was edited since.
            let isEdit =
                existing.map {
                    $0.updatedAt / 1000 == row.record.updatedAt / 1000 && $0.saysOther(than: row.record)
                } ?? false
            if let existing, !isEdit, existing.updatedAt / 1000 >= row.record.updatedAt / 1000 {
                result.unchanged += 1
                former += row.versions
                if !existing.saysSameBytes(as: row.record) {
                    former.append(
                        Former(record: row.record, from: row.record.updatedAt, until: existing.updatedAt))
                }
                continue
            }
            if let existing, let broken = try await brokenRule(byChanging: existing, to: row.record) {
                result.refusals.append(ImportResult.Refusal(index: row.index, message: broken.message))
                continue
            }
            former += row.versions
            var addition = StoreBatch.Addition(inputIndex: 0, record: row.record)
            addition.record.version = max(addition.record.version, existing?.version ?? 1)
            addition.chunks = batch.chunks(of: row.record.content ?? "")
            addition.record.chunkCount = addition.chunks.count
            if let existing {
                addition.replaced = existing
                addition.formerChunkCount = existing.chunkCount
                let moment = isEdit ? clock.stamp() : row.record.updatedAt
                batch.supersede(existing, by: &addition.record, at: moment)
                result.updated += 1
            } else {
                result.added += 1
            }
            batch.additions.append(addition)
        }
        batch.reason = .import
        try await write(&batch, readiness, CallContext())
        result.versions = try await keep(former, readiness)
        return result
    }

    /// Why an import may not change a stored memory; nil when it may.
    private func brokenRule(
        byChanging existing: MemoryRecord, to record: MemoryRecord
    ) async throws -> MemoryError? {
        guard existing.saysOther(than: record) else { return nil }
        return existing.isProtected
            ? Self.isProtected : try await brokenRule(Self.item(of: record), record, besides: existing)
    }

    /// A version that came with an import.
    struct Former: Sendable {
        let record: MemoryRecord
        let from: Int64
        let until: Int64

        /// The same version has the same id, however often it comes.
        var id: PointID { MemoryStore.versionID(of: record.id, from: from) }
    }

    private func keep(_ former: [Former], _ readiness: MemoryCollection.Readiness) async throws -> Int {
        guard !former.isEmpty else { return 0 }
        try await makeHistory()
        let there = Set(try await points.retrieve(former.map(\.id), with: .idOnly, in: historyCollection).map(\.id))
        var kept = Set<String>()
        for version in former { kept.formUnion(try await knownSpans(of: version.record.id)) }
        let new = former.filter { !there.contains($0.id) && !kept.contains("\($0.record.id) \($0.from / 1000)") }
        guard !new.isEmpty else { return 0 }
        var vectors: [[Float]] = []
        if readiness.hasVectors, let embedder { vectors = try await embedder.embed(new.map(\.record.text)) }
        let average = try await averageLength(encoding: new.map(\.record.lexicalFields))
        let versions = new.enumerated().map { i, version in
            var named = PointVectors()
            if i < vectors.count { named.dense[MemoryCollection.dense] = vectors[i] }
            let (sparse, _) = lexical.encodeItem(version.record.lexicalFields, average)
            if sparse.count > 0 { named.sparse[MemoryCollection.sparse] = sparse }
            var members = version.record.payload
            members[Member.versionOf] = .string(version.record.id.description)
            members[Member.validFrom] = .integer(version.from)
            members[Member.validUntil] = .integer(version.until)
            members[Member.replacedBy] = .string(ReplacementReason.import.rawValue)
            return Point(id: version.id, vectors: named, payload: Payload(members))
        }
        try await points.upsert(versions, in: historyCollection)
        return versions.count
    }

    private func knownSpans(of id: UUIDBytes) async throws -> [String] {
        try await versions(of: id).map { "\(id) \($0.validFrom / 1000)" }
    }
}

extension MemoryRecord {
    /// Whether content, data, metadata or tags are not the same.
    fileprivate func saysOther(than other: MemoryRecord) -> Bool {
        !saysSameBytes(as: other) || metadata != other.metadata || tags != other.tags
    }
}

/// One line of an export, checked.
private struct ExportedRow {
    let record: MemoryRecord
    var versions: [MemoryStore.Former] = []
    /// Its place in the call.
    var index = 0

    init(_ members: JSONObject, _ contract: MemoryContract, at path: String) throws(MemoryError) {
        record = try Self.record(members, contract, at: path)
        for (i, version) in (members["versions"]?.arrayValue ?? []).enumerated() {
            let place = "\(path).versions[\(i)]"
            guard let inner = version.objectValue else {
                throw MemoryError(.wrongType, "must be an object", field: place)
            }
            let former = try Self.record(inner, contract, at: place)
            guard former.id == record.id else {
                throw MemoryError(.pattern, "must be the id of the memory it is a version of", field: place + ".id")
            }
            let from = try Self.moment("valid_from", inner, at: place) ?? former.updatedAt
            let until = try Self.moment("valid_until", inner, at: place) ?? record.updatedAt
            versions.append(MemoryStore.Former(record: former, from: from, until: until))
        }
    }

    private static let stored = ["kind", "content", "data", "scope", "source", "metadata", "tags"]
    private static let known = Set(
        stored + [
            "id", "created_at", "updated_at", "expires_at", "ttl_policy", "versions", "valid_from", "valid_until",
            "version", "seen",
        ])

    private static func record(
        _ members: JSONObject, _ contract: MemoryContract, at path: String
    ) throws(MemoryError) -> MemoryRecord {
        if let stranger = members.keys.first(where: { !known.contains($0) }) {
            throw MemoryError(.schema, "there is no such field in an export", field: "\(path).\(stranger.prefix(64))")
        }
        guard let id = members["id"]?.stringValue.flatMap({ UUIDBytes($0) }), !Chunk.isChunk(id) else {
            throw MemoryError(.pattern, "must be the id of an exported memory", field: path + ".id")
        }
        let checked: JSONObject
        do {
            checked = try contract.store.checked(["items": [.object(members.filter { stored.contains($0.key) })]])
        } catch {
            throw MemoryError(error.code, error.message, field: error.field?.replacing("items[0]", with: path))
        }
        guard let first = checked["items"]?.arrayValue?.first?.objectValue, let item = StoreItem(checked: first),
            let created = try moment("created_at", members, at: path)
        else {
            throw MemoryError(.missing, "an exported memory says when it was made", field: path + ".created_at")
        }
        // Earlier versions exported expiries that nobody had asked for; an end without a policy was written by hand.
        let policy = members["ttl_policy"]?.stringValue ?? "explicit"
        let end = ExpiryChoice.unasked.contains(policy) ? nil : try moment("expires_at", members, at: path)
        return MemoryRecord(
            id: id, kind: item.kind, content: item.content, data: item.data, scope: item.scope ?? .empty,
            source: item.source, metadata: item.metadata, tags: item.tags,
            contentHash: MemoryRecord.contentHash(of: item), createdAt: created,
            updatedAt: try moment("updated_at", members, at: path) ?? created, expiresAt: end,
            expiryPolicy: end == nil ? "permanent" : policy)
    }

    private static func moment(
        _ name: String, _ members: JSONObject, at path: String
    ) throws(MemoryError) -> Int64? {
        guard let value = members[name], !value.isNull else { return nil }
        guard let moment = value.stringValue.flatMap(Timestamp.parse) else {
            throw MemoryError(.pattern, "must be ISO 8601 text such as 2026-01-31T12:00:00Z", field: "\(path).\(name)")
        }
        return moment
    }
}
