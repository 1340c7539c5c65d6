import JSON
import VectorEngine

/// How an item and a near copy of it become one.
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

    /// The older text and what of the newer does not stand in it, sentence by sentence; the newer alone where it says
    /// all that the older says.
    static func text(_ older: String, _ newer: String, terms: (String) -> [String]) -> String {
        let (known, told) = (Set(terms(older)), Set(terms(newer)))
        if known.isSubset(of: told) { return newer }
        if told.isSubset(of: known) { return older }
        let additions = sentences(newer).filter { !Set(terms($0)).isSubset(of: known) }
        return additions.isEmpty ? older : older + "\n" + additions.joined(separator: " ")
    }

    private static func sentences(_ text: String) -> [String] {
        var sentences: [String] = []
        var current = ""
        for character in text {
            current.append(character)
            guard ".!?。！？\n".contains(character) else { continue }
            sentences.append(current)
            current = ""
        }
        sentences.append(current)
        return sentences.map { $0.trimmingPrefix(while: \.isWhitespace) }.map(String.init).filter { !$0.isEmpty }
    }
}

extension StoreBatch {
    /// Merges an item into a near copy by the call's strategy.
    mutating func merge(_ item: StoreItem, into near: NearCopy, stamp: Int64, _ result: StoredItem) {
        let existing = near.record
        let strategy = request.deduplication.nearStrategy(
            similarity: near.similarity, sharesScope: existing.scope == scope(of: item))
        var result = result
        result.id = existing.id
        result.existingID = existing.id
        result.similarity = min(1, max(0, near.similarity))
        result.strategy = strategy.rawValue
        var record = existing
        switch strategy {
        case .skip, .intelligent: break
        case .preferExisting:
            record.data = Merging.members(item.data, record.data)
            record.metadata = Merging.members(item.metadata, record.metadata)
            record.tags = Merging.tags(record.tags, item.tags)
        case .preferNewer:
            if item.content != nil || item.data != nil {
                record.content = item.content
                record.data = item.data ?? record.data
            }
            record.metadata = item.metadata ?? record.metadata
            record.tags = item.tags ?? record.tags
        case .combine:
            if let newer = item.content {
                record.content = record.content.map { Merging.text($0, newer, terms: near.terms) } ?? newer
            }
            record.data = Merging.members(record.data, item.data)
            record.metadata = Merging.members(record.metadata, item.metadata)
            record.tags = Merging.tags(record.tags, item.tags)
        }
        record.contentHash = MemoryRecord.contentHash(record.kind, record.content, record.data)
        let isChanged =
            record.contentHash != existing.contentHash || record.metadata != existing.metadata
            || record.tags != existing.tags
        result.status = isChanged ? (strategy == .preferNewer ? .updated : .merged) : .skippedDuplicate
        guard isChanged else {
            result.expiresAt = existing.expiresAt
            results.append(result)
            return
        }
        record.updatedAt = stamp
        keepHistory(of: existing, in: &record, near.similarity, strategy, stamp)
        let expiry = Expiry.resolve(item: item.expiry, call: request.expiry, kind: item.kind, from: stamp, settings)
        let isLater = expiry.at.map { at in existing.expiresAt.map { at > $0 } ?? false } ?? true
        if (item.expiry ?? request.expiry) != nil || isLater {
            record.expiresAt = expiry.at
            record.expiryPolicy = expiry.policy
        }
        result.expiresAt = record.expiresAt
        remember(result, of: item, in: &record)
        put(record, inPlaceOf: existing, near, result)
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

    /// The merged record is written whole: its text may have changed, and with it its vectors and chunks.
    private mutating func put(
        _ record: MemoryRecord, inPlaceOf existing: MemoryRecord, _ near: NearCopy, _ result: StoredItem
    ) {
        var record = record
        var result = result
        let chunks = chunks(of: record.content ?? "")
        record.chunkCount = chunks.count
        result.chunkCount = chunks.count
        copies[text: existing.contentHash]?.removeAll { $0.id == existing.id }
        copies[text: record.contentHash, default: []].append(record)
        results.append(result)
        let isTextKept = record.text.hasSameBytes(as: existing.text)
        if let i = additions.firstIndex(where: { $0.record.id == record.id }) {
            additions[i].record = record
            additions[i].chunks = chunks
            if !isTextKept {
                additions[i].vector = nil
                additions[i].likeness = vectors[result.inputIndex]
            }
            return
        }
        supersede(existing, at: stamp(of: record))
        changes[existing.id] = nil
        var addition = Addition(inputIndex: result.inputIndex, record: record, chunks: chunks)
        addition.isReplacement = true
        addition.formerChunkCount = existing.chunkCount
        addition.likeness = vectors[result.inputIndex]
        additions.append(addition)
    }

    private func stamp(of record: MemoryRecord) -> Int64 { record.updatedAt }
}
