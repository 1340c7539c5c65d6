import JSON
import OrderedCollections
import VectorEngine

/// What replaced a version.
enum ReplacementReason: String { case store, update, `import`, embedding, retirement }

/// One call of `memory_store` while it is decided: what is known of the store, what will be written, what is answered.
///
/// Items are taken in order, and each sees what those before it will have done, so that a batch ends as the same items
/// stored one by one would.
struct StoreBatch {
    /// A new point: its record and the context it is encoded with.
    struct Addition {
        let inputIndex: Int
        var record: MemoryRecord
        /// The items before it in its conversation, newest first.
        var before: [RecentItem] = []
        /// The item after it in its conversation, where this call stores it too.
        var next: RecentItem?
        /// Where its chunks lie, as UTF-8 offsets; empty for a text that is not cut.
        var chunks: [Range<Int>] = []

        /// The text's own vector, where it is known already.
        var vector: [Float]?
        /// The vectors to be stored, of the memory and then of its chunks, where they are known already.
        var dense: [[Float]]?
        /// What later items of the call are compared with, where the text was merged and its vector is not known.
        var likeness: [Float]?
        /// The stored item that it replaces, and how many chunks that had.
        var replaced: MemoryRecord?
        var formerChunkCount = 0

        var isReplacement: Bool { replaced != nil }

        /// Chunks of the former text that the new one does not overwrite.
        var superfluousChunks: [PointID] {
            guard formerChunkCount > chunks.count else { return [] }
            return (chunks.count + 1...formerChunkCount).map { .uuid(Chunk.id($0, of: record.id)) }
        }

        /// The chunks' texts.
        var chunkTexts: [String] { chunks.map { (record.content ?? "").atUTF8($0) } }
    }

    /// What is known of an item before it is decided: as if it were stored as a new one.
    struct Planned {
        let stamp: Int64
        let id: UUIDBytes
        let conversation: Conversation
        /// Whether it is an exact copy of what is stored, or of an item before it.
        var isCopy = false
        /// The items before it in its conversation, newest first.
        var before: [RecentItem] = []
        /// Where its chunks would lie.
        var chunks: [Range<Int>] = []
        /// The vector of its text alone.
        var own: [Float]?
        /// The vectors to be stored, of the memory and then of its chunks.
        var dense: [[Float]]?
    }

    private(set) var request: StoreRequest
    let context: CallContext
    let settings: MemorySettings
    /// Stored items with the content of one of the batch, by that content's hash.
    var copies: [ByteText: [MemoryRecord]] = [:]
    /// Stored parts of documents by their keys (``MemoryRecord/partKey(_:_:_:_:)``).
    var parts: [String: MemoryRecord] = [:]
    /// First results by the digest of scope and idempotency key.
    var replays: [String: JSONObject] = [:]
    var additions: [Addition] = []
    /// Payload members to merge into stored points.
    var changes = OrderedDictionary<UUIDBytes, JSONObject>()
    /// What these points were when this call read them.
    private(set) var changedFrom: [UUIDBytes: MemoryRecord] = [:]
    /// What they will be after this call.
    private(set) var changedTo: [UUIDBytes: MemoryRecord] = [:]
    /// Those of them whose chunks change with them.
    var changedWithChunks: Set<UUIDBytes> = []
    var results: [StoredItem] = []
    /// By input index: the items that may be stored.
    var planned: [Int: Planned] = [:]
    /// How the conversations of the planned items ended before this call.
    var endings: [Conversation: [RecentItem]] = [:]
    /// Why memories are replaced.
    var reason = ReplacementReason.store
    /// Whether it brings memories of another store, with their ids.
    var isImport: Bool { reason == .import }
    /// Why there are no vectors; nil when there are.
    var degradedReason: String?
    /// Whether the vectors are missing because the embedder did not answer, so that they are to be computed later.
    var isEmbeddingPending = false
    /// The nearest stored items by input index, the nearest first.
    var neighbours: [Int: [Neighbour]] = [:]
    var checkedCount = 0
    var contradictions: [Contradiction] = []
    /// What is replaced, and the stamp of the change: each is kept as a version.
    private(set) var superseded: [(record: MemoryRecord, until: Int64)] = []
    /// Expired copies of items that are stored again: they give up their keys.
    private(set) var expiredCopies: Set<UUIDBytes> = []
    /// Expired memories that hold the idempotency key of an item: they give it up.
    var expiredKeyHolders: Set<UUIDBytes> = []
    /// What was cut, by input index.
    private var cuts: [Int: String] = [:]

    init(request: StoreRequest, context: CallContext, settings: MemorySettings) {
        self.request = request
        self.context = context
        self.settings = settings
    }

    /// The scopes of items, their projects spelled as the store spells them.
    var settledScopes: [MemoryScope: MemoryScope] = [:]

    func scope(of item: StoreItem) -> MemoryScope {
        let scope = item.scope ?? context.defaultScope
        return settledScopes[scope] ?? scope
    }

    /// The keyword under which an item's idempotency key is kept; nil when it has none.
    func replayKey(of item: StoreItem) -> String? {
        item.idempotencyKey.map { ContentHash.hex(of: .array([.string(scope(of: item).hash), .string($0)])) }
    }

    // MARK: Taking an item

    /// Cuts the texts that are to be cut.
    mutating func truncate() {
        for i in request.items.indices {
            guard let content = request.items[i].content,
                let cut = (request.items[i].truncation ?? request.truncation)?.cut(content)
            else { continue }
            let (before, after) = (content.unicodeScalars.count, cut.unicodeScalars.count)
            cuts[i] = "items[\(i)].content: cut from \(before) to \(after) characters"
            request.items[i].content = cut
        }
    }

    /// The result that the item's idempotency key already has.
    func replay(of item: StoreItem, at index: Int) -> StoredItem? {
        replayKey(of: item).flatMap { replays[$0] }.flatMap { StoredItem(replaying: $0, at: index) }
    }

    /// The oldest living exact copy of the item, in its scope unless scopes are crossed.
    func copy(of item: StoreItem, hash: String, now: Int64) -> MemoryRecord? {
        guard request.deduplication.isEnabled else { return nil }
        let scope = scope(of: item)
        return (copies[text: hash] ?? []).first {
            !$0.isExpired(at: now) && (request.deduplication.crossesScopes || $0.scope == scope)
        }
    }

    /// The key of an item that is the part of a document; nil for any other.
    func partKey(of item: StoreItem) -> String? {
        MemoryRecord.partKey(item.kind, item.data, item.source, scope(of: item))
    }

    /// The living memory of the document's part that the item is.
    func storedPart(of item: StoreItem, now: Int64) -> MemoryRecord? {
        partKey(of: item).flatMap { parts[$0] }.flatMap { $0.isExpired(at: now) ? nil : $0 }
    }

    /// Answers with the memory that the document's part has already, which stays as it is.
    mutating func pass(_ item: StoreItem, for part: MemoryRecord, _ result: StoredItem) {
        var result = result
        result.status = .skippedDuplicate
        result.id = part.id
        result.existingID = part.id
        result.expiresAt = part.expiresAt
        results.append(result)
    }

    /// Takes the keys from expired memories that an item replaces.
    private mutating func passOverExpired(_ item: StoreItem, _ hash: String, _ scope: MemoryScope, now: Int64) {
        var rivals = (copies[text: hash] ?? []).filter { $0.scope == scope }
        if let part = partKey(of: item).flatMap({ parts[$0] }) { rivals.append(part) }
        for rival in rivals where rival.isExpired(at: now) { expiredCopies.insert(rival.id) }
    }

    /// Checks the item by itself: its expiry, and its kind's fields. The status is `validation_error` when it must
    /// not go on.
    func checked(_ item: StoreItem, at index: Int, now: Int64) -> StoredItem {
        var result = StoredItem(index, item.kind, .stored)
        if let refusal = item.refusal {
            result.status = .invalid
            result.error = refusal
            return result
        }
        if case .at(let moment) = item.expiry, moment <= now {
            result.status = .invalid
            result.error = MemoryError(
                .outOfRange, "must lie in the future", field: "items[\(index)].ttl_config.expires_at")
            return result
        }
        if item.content == nil, item.data == nil {
            result.status = .invalid
            result.error = MemoryError(
                .missing, "at least one of content and data is required", field: "items[\(index)].content")
            return result
        }
        if let length = item.content?.unicodeScalars.count, length > settings.maximumContentCharacters {
            result.status = .invalid
            result.error = MemoryError(
                .outOfRange, "has \(length) characters, the limit is \(settings.maximumContentCharacters)",
                field: "items[\(index)].content")
            return result
        }
        if let cut = cuts[index] { result.warnings.append(cut) }
        guard request.checksKinds else { return result }
        let faults = item.kind.faults(in: item.data, at: "items[\(index)].data")
        if request.isStrict, let first = faults.first {
            result.status = .invalid
            result.error = first
            return result
        }
        if item.data == nil, !faults.isEmpty {
            let names = item.kind.required.map { $0.replacing("|", with: " or ") }.joined(separator: ", ")
            result.warnings.append("items[\(index)].data: \(item.kind.rawValue) wants \(names)")
        } else {
            result.warnings += faults.map { "\($0.field ?? ""): \($0.message)" }
        }
        return result
    }

    /// Adds a new record; `result` is completed with its id and expiry.
    mutating func add(_ item: StoreItem, hash: String, _ result: StoredItem, now: Int64) {
        guard let plan = planned[result.inputIndex] else {
            preconditionFailure("every item that is stored was planned")
        }
        let stamp = plan.stamp
        let expiry = Expiry.resolve(
            item: item.expiry, call: request.expiry, kind: item.kind, from: stamp, settings)
        var source = item.source
        if source.actor == nil { source.actor = context.clientName }
        var record = MemoryRecord(
            id: plan.id, kind: item.kind, content: item.content, data: item.data, scope: scope(of: item),
            source: source, metadata: item.metadata, tags: item.tags, contentHash: hash, createdAt: stamp,
            updatedAt: stamp, expiresAt: expiry.at, expiryPolicy: expiry.policy)
        record.renewal = renewal(of: item, until: expiry.at, from: stamp)
        record.isEmbeddingPending = isEmbeddingPending
        var result = result
        record.chunkCount = plan.chunks.count
        result.chunkCount = plan.chunks.count
        result.id = plan.id
        result.expiresAt = expiry.at
        result.isEmbeddingPending = isEmbeddingPending
        remember(result, of: item, in: &record)
        passOverExpired(item, hash, record.scope, now: now)
        copies[text: hash, default: []].append(record)
        if let key = partKey(of: item) { parts[key] = record }
        var addition = Addition(inputIndex: result.inputIndex, record: record, chunks: plan.chunks)
        addition.vector = plan.own
        addition.dense = plan.dense
        additions.append(addition)
        results.append(result)
    }

    func renewal(of item: StoreItem, until end: Int64?, from stamp: Int64) -> ExpiryExtension? {
        guard var renewal = item.renewal ?? request.renewal, let end else { return nil }
        renewal.span = end &- stamp
        return renewal
    }

    func chunks(of content: String) -> [Range<Int>] {
        guard content.unicodeScalars.count > settings.longTextCharacters else { return [] }
        return settings.chunker.ranges(of: content)
    }

    /// Keeps the result under the item's key in `record`, so that it outlives this process.
    mutating func remember(_ result: StoredItem, of item: StoreItem, in record: inout MemoryRecord) {
        guard let key = replayKey(of: item) else { return }
        let answer = result.json(correlationID: nil)
        record.idempotency[key] = .object(answer)
        if record.idempotency.count > settings.maximumKeysPerItem { record.idempotency.removeFirst() }
        replays[key] = answer
    }

    /// Makes `record` the next version of `existing`, which is kept.
    mutating func supersede(_ existing: MemoryRecord, by record: inout MemoryRecord, at stamp: Int64) {
        record.updatedAt = stamp
        record.version = existing.version < .max ? existing.version &+ 1 : existing.version
        superseded.append((existing, stamp))
    }

    /// Whether the call stores it as a new memory.
    func isAddition(_ id: UUIDBytes) -> Bool { additions.contains { $0.record.id == id && !$0.isReplacement } }

    /// Changes members of a stored record that are not its text.
    mutating func change(_ existing: MemoryRecord, to record: MemoryRecord) {
        if var known = copies[text: existing.contentHash], let i = known.firstIndex(where: { $0.id == record.id }) {
            known[i] = record
            copies[text: existing.contentHash] = known
        }
        if let i = additions.firstIndex(where: { $0.record.id == record.id }) {
            additions[i].record = record
            return
        }
        let (old, new) = (existing.changeable, record.changeable)
        let changed = new.filter { old[$0.key] != $0.value }
        var versioned = changed
        if record.version != existing.version { versioned[Member.version] = .integer(record.version) }
        if record.chunkCount > 0 { changedWithChunks.insert(record.id) }
        if !versioned.isEmpty { changes[record.id, default: [:]].merge(versioned) { $1 } }
        if changedFrom[record.id] == nil { changedFrom[record.id] = existing }
        changedTo[record.id] = record
    }
}
