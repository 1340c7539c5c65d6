import JSON
import VectorEngine

/// How an item and a copy of it become one.
enum Merging {
    /// What is stored, with the members of `newer` beside it; where both have a plain member the newer counts.
    static func members(_ older: JSONObject?, _ newer: JSONObject?) -> JSONObject? {
        guard let older else { return newer }
        guard let newer else { return older }
        var merged = older
        for (key, value) in newer where !value.isNull {
            if let inner = value.objectValue, let before = merged[key]?.objectValue {
                merged[key] = self.members(before, inner).map { .object($0) }
            } else {
                merged[key] = value
            }
        }
        return merged
    }

    /// All tags of both; a list and an object become an object whose listed tags are true.
    static func tags(_ older: JSONValue?, _ newer: JSONValue?) -> JSONValue? {
        guard let older else { return newer }
        guard let newer else { return older }
        if let first = older.arrayValue, let second = newer.arrayValue {
            return .array(first + second.filter { !first.contains($0) })
        }
        func object(_ tags: JSONValue) -> JSONObject {
            tags.objectValue
                ?? (tags.arrayValue ?? []).reduce(into: [:]) { $0[$1.stringValue ?? ""] = .bool(true) }
        }
        return members(object(older), object(newer)).map { .object($0) }
    }

    /// Both texts, the older first; the older alone where it already contains the newer.
    static func text(_ older: String, _ newer: String) -> String {
        let (known, told) = (Array(older.utf8), Array(newer.utf8))
        if told.isEmpty || known.firstRange(of: told) != nil { return older }
        return older + "\n" + newer
    }
}

extension StoreBatch {
    /// Answers an exact copy: nothing new is stored, it is counted, and what it brings of tags and metadata is joined
    /// to the stored one.
    mutating func skip(_ item: StoreItem, asCopyOf existing: MemoryRecord, stamp: Int64, _ result: StoredItem) {
        var result = result
        var record = existing
        result.status = .skippedDuplicate
        result.existingID = existing.id
        result.id = existing.id
        result.similarity = 1
        result.strategy = request.deduplication.strategy.rawValue
        record.seen = existing.seen < .max ? existing.seen &+ 1 : existing.seen
        result.seen = record.seen
        if !existing.isProtected {
            record.metadata = Merging.members(record.metadata, item.metadata)
            record.tags = Merging.tags(record.tags, item.tags)
        } else if Merging.members(existing.metadata, item.metadata) != existing.metadata
            || Merging.tags(existing.tags, item.tags) != existing.tags
        {
            result.warnings.append(
                "items[\(result.inputIndex)]: the stored copy is approved or accepted; its tags and metadata stay")
        }
        if record.metadata != existing.metadata || record.tags != existing.tags {
            supersede(existing, by: &record, at: stamp)
        }
        if request.deduplication.renews { renewExpiry(of: &record, by: item, from: stamp) }
        result.expiresAt = record.expiresAt
        remember(result, of: item, in: &record)
        change(existing, to: record)
        results.append(result)
    }

    /// Moves the end to that of the newer item where this is later; permanent is the latest of all.
    mutating func renewExpiry(of record: inout MemoryRecord, by item: StoreItem, from stamp: Int64) {
        guard let end = record.expiresAt else { return }
        let expiry = Expiry.resolve(
            item: item.expiry, call: request.expiry, kind: item.kind, from: stamp, settings)
        guard expiry.at.map({ $0 > end }) ?? true else { return }
        record.renewal = expiry.at == nil ? nil : renewal(of: item, until: expiry.at, from: stamp) ?? record.renewal
        record.expiresAt = expiry.at
        record.expiryPolicy = expiry.policy
    }

    /// Merges an item into a near copy by `strategy`.
    mutating func merge(
        _ item: StoreItem, into near: NearCopy, by strategy: MergeStrategy, stamp: Int64, _ result: StoredItem
    ) {
        let existing = near.record
        var result = result
        result.id = existing.id
        result.existingID = existing.id
        result.similarity = min(1, max(0, near.similarity))
        result.strategy = strategy.rawValue
        result.expiresAt = existing.expiresAt
        var record = existing
        switch strategy {
        case .skip, .preferExisting:
            result.status = .skippedDuplicate
            results.append(result)
            return
        case .preferNewer:
            result.status = .updated
            record.content = item.content
            record.data = item.data ?? (item.content == nil ? record.data : nil)
            record.metadata = item.metadata ?? record.metadata
            record.tags = item.tags ?? record.tags
        case .intelligent:
            result.status = .merged
            record.content = item.content ?? record.content
            record.data = Merging.members(record.data, item.data)
            record.metadata = Merging.members(record.metadata, item.metadata)
            record.tags = Merging.tags(record.tags, item.tags)
        case .combine:
            result.status = .merged
            if let newer = item.content { record.content = record.content.map { Merging.text($0, newer) } ?? newer }
            record.data = Merging.members(record.data, item.data)
            record.metadata = Merging.members(record.metadata, item.metadata)
            record.tags = Merging.tags(record.tags, item.tags)
        }
        if record.saysSameBytes(as: existing), record.metadata == existing.metadata, record.tags == existing.tags {
            // It brings nothing that is not there: no version, and no vectors to compute.
            return skip(item, asCopyOf: existing, stamp: stamp, result)
        }
        record.contentHash = MemoryRecord.contentHash(record.kind, record.content, record.data)
        keepHistory(of: existing, in: &record, near.similarity, strategy, stamp)
        renewExpiry(of: &record, by: item, from: stamp)
        result.expiresAt = record.expiresAt
        remember(result, of: item, in: &record)
        put(record, inPlaceOf: existing, stamp: stamp, result)
    }

    private func keepHistory(
        of existing: MemoryRecord, in record: inout MemoryRecord, _ similarity: Double, _ strategy: MergeStrategy,
        _ stamp: Int64
    ) {
        guard request.deduplication.keepsHistory else { return }
        var entry: JSONObject = [
            "merged_at": .string(Timestamp.format(stamp)), "strategy": .string(strategy.rawValue),
            "similarity": .number((similarity * 10_000).rounded() / 10_000),
        ]
        if let content = existing.content { entry["content"] = .string(content) }
        if let data = existing.data { entry["data"] = .object(data) }
        record.mergeHistory = (record.mergeHistory + [.object(entry)]).suffix(request.deduplication.historyLimit)
    }

    /// The record is written whole: its text may have changed, and with it its vectors and chunks.
    private mutating func put(
        _ record: MemoryRecord, inPlaceOf existing: MemoryRecord, stamp: Int64, _ result: StoredItem
    ) {
        var record = record
        var result = result
        let chunks = chunks(of: record.content ?? "")
        record.chunkCount = chunks.count
        result.chunkCount = chunks.count
        supersede(existing, by: &record, at: stamp)
        copies[text: existing.contentHash]?.removeAll { $0.id == existing.id }
        copies[text: record.contentHash, default: []].append(record)
        results.append(result)
        var addition = Addition(inputIndex: result.inputIndex, record: record, chunks: chunks)
        // The vectors of the item's own text, where that is the text now.
        if record.text.hasSameBytes(as: MemoryRecord.text(of: request.items[result.inputIndex])) {
            addition.dense = planned[result.inputIndex]?.dense
        }
        addition.likeness = planned[result.inputIndex]?.own
        addition.replaced = changedFrom[existing.id] ?? existing
        addition.formerChunkCount = existing.chunkCount
        changes[existing.id] = nil  // the whole record holds them
        if let i = additions.firstIndex(where: { $0.record.id == record.id }) {
            addition.replaced = additions[i].replaced
            addition.formerChunkCount = additions[i].formerChunkCount
            addition.before = additions[i].before
            additions[i] = addition
        } else {
            additions.append(addition)
        }
    }
}
