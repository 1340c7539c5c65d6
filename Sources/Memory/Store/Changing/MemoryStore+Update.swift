import JSON
import VectorEngine

/// Changing a memory on purpose: what is replaced is kept as a version.
extension MemoryStore {
    /// Changes the memory that `update` names.
    ///
    /// - Throws: `notFound`; `denied` for an approved section, an accepted decision and a broken rule;
    ///   `invalidArgument` when the memory has moved on from the expected version.
    package func update(_ update: MemoryUpdate) async throws(MemoryError) -> UpdatedMemory {
        try await mapped { try await self.updated(update) }
    }

    func updated(_ update: MemoryUpdate) async throws -> UpdatedMemory {
        let readiness = try await home.ready()
        return try await gate.pass {
            for attempt in 1... {
                do {
                    return try await self.updatedOnce(update, readiness)
                } catch let error as EngineError where error.code == .preconditionFailed {
                    // Another process has changed the memory since it was read here.
                    guard attempt < self.settings.storeAttempts else { throw error }
                }
            }
            preconditionFailure("the last attempt returns or throws")
        }
    }

    private func updatedOnce(
        _ update: MemoryUpdate, _ readiness: MemoryCollection.Readiness
    ) async throws -> UpdatedMemory {
        guard let existing = try await records([update.id]).first else {
            if let retired = try await retired([update.id])[update.id] {
                return try await broughtBack(retired, by: update, readiness)
            }
            throw MemoryError(
                .notFound, "there is no memory with this id; it may have expired or been deleted", field: "id")
        }
        let kept = try await versions(of: existing.id)
        let current = max(existing.version, (kept.last?.number ?? 0) + 1)
        if let expected = update.expectedVersion, expected != current {
            throw MemoryError(
                .invalidArgument, "the memory is at version \(current) by now; read it again, then change that",
                field: "expected_version")
        }
        guard !existing.isProtected else {
            throw Self.isProtected
        }
        let now = clock.time()
        var record = try Self.restored(existing, to: update.restore, from: kept, now: now)
        try Self.change(&record, by: update, from: now, settings)
        try checkLimits(record)
        guard record.content != nil || record.data != nil else {
            throw MemoryError(.missing, "at least one of content and data is required", field: "content")
        }
        if record.isSame(as: existing) {
            return UpdatedMemory(record: existing, version: current, isChanged: false, degradedReason: nil)
        }
        var batch = StoreBatch(request: StoreRequest([]), context: CallContext(), settings: settings)
        batch.reason = .update
        if let broken = try await brokenRule(Self.item(of: record), record, besides: existing) { throw broken }
        var before = existing
        before.version = current
        batch.supersede(before, by: &record, at: max(clock.stamp(), existing.updatedAt &+ 1))
        record.contentHash = MemoryRecord.contentHash(record.kind, record.content, record.data)
        let chunks = batch.chunks(of: record.content ?? "")
        record.chunkCount = chunks.count
        var addition = StoreBatch.Addition(inputIndex: 0, record: record, chunks: chunks)
        addition.replaced = existing
        addition.formerChunkCount = existing.chunkCount
        batch.additions.append(addition)
        try await write(&batch, readiness, CallContext())
        return UpdatedMemory(
            record: record, version: record.version, isChanged: true, degradedReason: batch.degradedReason)
    }

    /// Stores a retired memory again, with what it said in the version that is to be restored. It does not belong to
    /// its document any more: the document's next sync would retire it again.
    private func broughtBack(
        _ retired: Version, by update: MemoryUpdate, _ readiness: MemoryCollection.Readiness
    ) async throws -> UpdatedMemory {
        guard update.restore != nil else {
            throw MemoryError(
                .notFound,
                "the memory was retired when its section left its document; restore \(retired.number) stores it again",
                field: "id")
        }
        let kept = try await versions(of: update.id)
        let now = clock.time()
        var record = try Self.restored(retired.record, to: update.restore, from: kept, now: now)
        record.source.tool = nil
        for name in [OwnedDocument.digest, OwnedDocument.givenTags] { record.metadata?[name] = nil }
        if record.isExpired(at: now) {
            (record.expiresAt, record.expiryPolicy, record.renewal) = (nil, "permanent", nil)
        }
        try Self.change(&record, by: update, from: now, settings)
        try checkLimits(record)
        record.updatedAt = max(clock.stamp(), retired.validUntil &+ 1)
        record.version = retired.number < .max ? retired.number &+ 1 : retired.number
        record.contentHash = MemoryRecord.contentHash(record.kind, record.content, record.data)
        var batch = StoreBatch(request: StoreRequest([]), context: CallContext(), settings: settings)
        if let broken = try await brokenRule(Self.item(of: record), record, besides: record) { throw broken }
        let chunks = batch.chunks(of: record.content ?? "")
        record.chunkCount = chunks.count
        batch.additions.append(StoreBatch.Addition(inputIndex: 0, record: record, chunks: chunks))
        try await write(&batch, readiness, CallContext())
        return UpdatedMemory(
            record: record, version: record.version, isChanged: true, degradedReason: batch.degradedReason)
    }

    /// The record with what it said in the version of that number, and with the end it had, unless that has passed; as
    /// it is without a number.
    private static func restored(
        _ record: MemoryRecord, to number: Int64?, from versions: [Version], now: Int64
    ) throws(MemoryError) -> MemoryRecord {
        guard let number else { return record }
        guard let former = versions.first(where: { $0.number == number })?.record else {
            let known = versions.map { String($0.number) }.joined(separator: ", ")
            throw MemoryError(
                .notFound,
                known.isEmpty ? "this memory has no former versions" : "there is no such version; there are: \(known)",
                field: "restore")
        }
        var restored = record
        restored.content = former.content
        restored.data = former.data
        restored.metadata = former.metadata
        restored.tags = former.tags
        restored.scope = former.scope
        restored.kind = former.kind
        if former.expiresAt.map({ $0 > now }) ?? true {
            restored.expiresAt = former.expiresAt
            restored.expiryPolicy = former.expiryPolicy
            restored.renewal = former.renewal
        }
        return restored
    }

    private static func change(
        _ record: inout MemoryRecord, by update: MemoryUpdate, from now: Int64, _ settings: MemorySettings
    ) throws(MemoryError) {
        record.kind = update.kind ?? record.kind
        record.scope = update.scope ?? record.scope
        record.content = update.content ?? record.content
        if let patch = update.data { record.data = Merging.patched(record.data ?? [:], by: patch) }
        if let patch = update.metadata { record.metadata = Merging.patched(record.metadata ?? [:], by: patch) }
        if record.data?.isEmpty ?? false { record.data = nil }
        if record.metadata?.isEmpty ?? false { record.metadata = nil }
        if let tags = update.tags { record.tags = tags.isNull ? nil : tags }
        guard let choice = update.expiry else { return try extend(&record, by: update.renewal, from: now) }
        let expiry = Expiry.resolve(item: choice, call: nil, kind: record.kind, from: now, settings)
        record.expiresAt = expiry.at
        record.expiryPolicy = expiry.policy
        record.renewal = nil
        if var renewal = update.renewal, let end = expiry.at {
            renewal.span = end &- now
            record.renewal = renewal
        }
    }

    /// Lets reads move on the end that the memory has.
    private static func extend(
        _ record: inout MemoryRecord, by renewal: ExpiryExtension?, from now: Int64
    ) throws(MemoryError) {
        guard var renewal else { return }
        guard let end = record.expiresAt else {
            throw MemoryError(
                .invalidArgument, "the memory has no end to extend; give a policy or expires_at too",
                field: "ttl_config.auto_extend")
        }
        renewal.span = record.renewal?.span ?? (end &- now)
        record.renewal = renewal
    }

    /// Merged members may be larger than each of their parts, and a shell sends texts that no tool's limits have met.
    private func checkLimits(_ record: MemoryRecord) throws(MemoryError) {
        if let length = record.content?.unicodeScalars.count, length > settings.maximumContentCharacters {
            throw MemoryError(
                .outOfRange, "has \(length) characters, the limit is \(settings.maximumContentCharacters)",
                field: "content")
        }
        for (name, object) in [("data", record.data), ("metadata", record.metadata)] {
            guard let object else { continue }
            let size = JSONWriter.bytes(.object(object)).count
            guard size <= settings.maximumObjectBytes else {
                throw MemoryError(
                    .outOfRange,
                    "would have \(size) bytes with the change, the limit is \(settings.maximumObjectBytes)",
                    field: name)
            }
        }
    }

    static let isProtected = MemoryError(
        .denied, "an approved section or accepted decision changes only through one that supersedes it", field: "id")

    static func item(of record: MemoryRecord) -> StoreItem {
        var item = StoreItem(record.kind, content: record.content, data: record.data)
        item.scope = record.scope
        item.tags = record.tags
        item.metadata = record.metadata
        return item
    }
}

extension MemoryRecord {
    /// Whether nothing that a caller can change differs.
    fileprivate func isSame(as other: MemoryRecord) -> Bool {
        saysSameBytes(as: other) && scope == other.scope && metadata == other.metadata && tags == other.tags
            && expiresAt == other.expiresAt && expiryPolicy == other.expiryPolicy && renewal == other.renewal
    }
}

extension Merging {
    /// RFC 7396: members of `patch` take the place of those of `target`, objects member by member; null removes one.
    static func patched(_ target: JSONObject, by patch: JSONObject) -> JSONObject {
        var patched = target
        for (key, value) in patch {
            if value.isNull {
                patched.removeValue(forKey: key)
            } else if let inner = value.objectValue {
                patched[key] = .object(self.patched(patched[key]?.objectValue ?? [:], by: inner))
            } else {
                patched[key] = value
            }
        }
        return patched
    }
}
