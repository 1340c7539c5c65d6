import JSON
import VectorEngine

/// The payload members of a stored memory. They lie flat, so that filters and indexes reach them by one name.
enum Member {
    static let kind = "kind"
    static let content = "content"
    static let data = "data"
    static let actor = "actor"
    static let actorTerms = "actor_terms"
    static let tool = "tool"
    static let session = "session"
    static let saidAt = "said_at"
    /// When it was said, or else stored: what a date in a query is compared with.
    static let occurredAt = "occurred_at"
    /// What the text is like (``Trait``).
    static let traits = "traits"
    static let metadata = "metadata"
    static let tags = "tags"
    static let tagIndex = "tag_index"
    static let confidence = "confidence"
    static let scopeHash = "scope_hash"
    static let contentHash = "content_hash"
    /// The digest of scope, kind and text, or of a document's part (``MemoryRecord/uniqueKey``).
    static let uniqueKey = "unique_key"
    /// The project's name in lower case: projects are compared without their case.
    static let projectKey = "project_key"
    /// How often it was stored; absent for once.
    static let seen = "seen"
    /// The number of this version; absent for the first.
    static let version = "version"
    /// Whether its vectors are still to be computed: `pending`, or absent.
    static let embedding = "embedding"
    static let idempotencyKeys = "idempotency_keys"
    static let idempotencyResults = "idempotency_results"
    static let createdAt = "created_at"
    static let updatedAt = "updated_at"
    /// How often the memory was written since; absent for a memory that has not been changed.
    static let revision = "revision"
    static let expiresAt = "expires_at"
    static let expiryPolicy = "ttl_policy"
    static let length = "length"
    /// Keywords of ``LinkKeys``: what others call it, what it names, by what it is the same thing.
    static let names = "names"
    static let links = "links"
    static let identities = "identities"
    static let mergeHistory = "merge_history"
    static let renewal = "renewal"
    /// In the collection of versions: whose version it is, and from when to when it counted.
    static let versionOf = "version_of"
    static let validFrom = "valid_from"
    static let validUntil = "valid_until"
    /// By what a version was replaced (``ReplacementReason``); absent in versions that earlier versions kept.
    static let replacedBy = "replaced_by"
    /// How many chunks a long memory has.
    static let chunks = "chunks"
    /// Of a chunk: its memory's id, and where it lies in that content, as UTF-8 offsets.
    static let chunkOf = "chunk_of"
    static let chunkStart = "chunk_start"
    static let chunkEnd = "chunk_end"

    static func scope(_ key: String) -> String { "scope_\(key)" }

    /// Members that filters and orders use. All moments are whole microseconds since 1970.
    static var indexes: [String: PayloadIndexKind] {
        var indexes: [String: PayloadIndexKind] = [
            createdAt: .integer, updatedAt: .integer, expiresAt: .integer, occurredAt: .integer,
        ]
        indexes[confidence] = .float
        for name in [
            kind, session, actor, actorTerms, traits, tagIndex, scopeHash, contentHash, uniqueKey, projectKey,
            idempotencyKeys,
            expiryPolicy, embedding, chunkOf, names, links, identities,
        ] + MemoryScope.keys.map(scope) {
            indexes[name] = .keyword
        }
        return indexes
    }
}

/// One memory as it is stored: the payload of a point, read and written in one place.
struct MemoryRecord: Sendable {
    let id: UUIDBytes
    var kind: MemoryKind
    var content: String?
    var data: JSONObject?
    var scope: MemoryScope
    var source: MemorySource
    var actorTerms: [String] = []
    var traits: [Trait] = []
    var metadata: JSONObject?
    var tags: JSONValue?
    var contentHash: String
    /// Microseconds since 1970, as all moments here.
    let createdAt: Int64
    var updatedAt: Int64
    /// nil for ever.
    var expiresAt: Int64?
    var expiryPolicy: String
    var renewal: ExpiryExtension?
    /// What was merged into it, the newest last.
    var mergeHistory: [JSONValue] = []
    /// First results by the digest of scope and idempotency key.
    var idempotency: JSONObject = [:]
    /// How often it was stored.
    var seen: Int64 = 1
    /// One more with each write, also with those that make no version: a write that expects another revision is
    /// refused.
    var revision: Int64 = 0
    /// 1 for the first version; one more with each that took the place of another.
    var version: Int64 = 1
    /// Whether its vectors are still to be computed, because the embedder did not answer.
    var isEmbeddingPending = false
    /// Weighted terms, for the mean that BM25 divides by.
    var length: Double = 0
    /// Chunks of a long content; 0 without.
    var chunkCount = 0

    /// When it was said, or else stored.
    var occurredAt: Int64 { source.timestamp ?? createdAt }

    /// The revision that a write over this record has.
    var nextRevision: Int64 { revision < .max ? revision + 1 : 1 }

    func isExpired(at now: Int64) -> Bool { expiresAt.map { $0 <= now } ?? false }

    /// What two exact copies share: kind, content (but for case, white space and final punctuation) and data.
    static func contentHash(of item: StoreItem) -> String {
        contentHash(item.kind, item.content, item.data)
    }

    static func contentHash(_ kind: MemoryKind, _ content: String?, _ data: JSONObject?) -> String {
        plainHash(kind, content.map(ExactCopy.folded), data)
    }

    /// The hash by which earlier versions found copies: of the content as it was written.
    static func plainHash(_ kind: MemoryKind, _ content: String?, _ data: JSONObject?) -> String {
        var members: JSONObject = ["kind": .string(kind.rawValue)]
        if let content { members["content"] = .string(content) }
        if let data { members["data"] = .object(data) }
        return ContentHash.hex(of: .object(members))
    }

    /// What no two memories share: the digest of scope, kind and text, by which the store keeps one of two copies that
    /// two processes store at one moment. It changes with the text, so that an edited memory does not get in the way
    /// of its former text. The part of a document has one memory, whatever it says.
    var uniqueKey: String {
        Self.partKey(kind, data, source, scope)
            ?? ContentHash.hex(of: .array([.string(scope.hash), .string(contentHash)]))
    }

    /// Whether it belongs to the part of a document.
    var isPart: Bool { Self.partKey(kind, data, source, scope) != nil }

    /// The digest of a document's part: its document, heading path and number, in its project whatever the branch; nil
    /// for a memory that belongs to no document.
    static func partKey(
        _ kind: MemoryKind, _ data: JSONObject?, _ source: MemorySource, _ scope: MemoryScope
    ) -> String? {
        guard kind == .section, source.tool == MemorySource.documentTool, let document = data?["document_id"],
            document.stringValue != nil, let number = data?["part"]?.integerValue
        else { return nil }
        var place = scope.values
        place["branch"] = nil
        place["project"] = scope.projectKey
        let path = data?["heading_path"]?.stringValue ?? ""
        return ContentHash.hex(
            of: .array([.object(MemoryScope(place).json), document, .string(path), .integer(number)]))
    }

    /// What no two schema changes of a scope share, by which the store refuses the second of two that two processes
    /// store at one moment. It lies among the idempotency keys, whose uniqueness is checked in the same transaction.
    private var migrationKey: String? {
        guard kind == .ddl, let id = data?["migration_id"],
            id.stringValue.map({ !$0.isEmpty }) ?? (id.integerValue != nil)
        else { return nil }
        return ContentHash.hex(of: .array([.string(scope.hash), .string(kind.rawValue), id]))
    }

    /// What tag filters match: every string of a list; of an object each key, and `key:value` for plain values.
    static func tagIndex(of tags: JSONValue?) -> [JSONValue] {
        switch tags {
        case .array(let elements): return elements
        case .object(let members):
            return members.flatMap { key, value -> [JSONValue] in
                switch value {
                case .string(let text): [.string(key), .string("\(key):\(text)")]
                case .integer, .unsigned, .number: [.string(key), .string("\(key):\(JSONWriter.text(value))")]
                case .bool(let flag): flag ? [.string(key), .string("\(key):true")] : [.string("\(key):false")]
                case .null, .array, .object: [.string(key)]
                }
            }
        default: return []
        }
    }

    /// The item's own confidence: in its metadata, or in its data's.
    var confidence: Double? {
        (metadata?["confidence"] ?? data?["confidence"] ?? data?["metadata"]?["confidence"])?.doubleValue
    }

    var isTaggedApproved: Bool {
        Self.tagIndex(of: tags).contains { $0 == "approved" || $0 == "approved:true" }
    }
}

// MARK: Payload

extension MemoryRecord {
    var payload: JSONObject {
        var members: JSONObject = [Member.kind: .string(kind.rawValue)]
        if let content { members[Member.content] = .string(content) }
        if let data { members[Member.data] = .object(data) }
        for (key, value) in scope.json { members[Member.scope(key)] = value }
        if let project = scope.projectKey { members[Member.projectKey] = .string(project) }
        members[Member.scopeHash] = .string(scope.hash)
        members[Member.contentHash] = .string(contentHash)
        members[Member.uniqueKey] = .string(uniqueKey)
        if version > 1 { members[Member.version] = .integer(version) }
        if revision > 0 { members[Member.revision] = .integer(revision) }
        if isEmbeddingPending { members[Member.embedding] = "pending" }
        if let actor = source.actor { members[Member.actor] = .string(actor) }
        if !actorTerms.isEmpty { members[Member.actorTerms] = .array(actorTerms.map { .string($0) }) }
        if let tool = source.tool { members[Member.tool] = .string(tool) }
        if let session = source.session { members[Member.session] = .string(session) }
        if let saidAt = source.timestamp { members[Member.saidAt] = .integer(saidAt) }
        if !traits.isEmpty { members[Member.traits] = .array(traits.map { .string($0.rawValue) }) }
        members[Member.createdAt] = .integer(createdAt)
        members[Member.occurredAt] = .integer(occurredAt)
        members[Member.length] = .number(length)
        for (name, keys) in [
            (Member.names, LinkKeys.names(of: kind, data)), (Member.links, LinkKeys.links(of: kind, data)),
            (Member.identities, LinkKeys.identities(of: kind, data)),
        ] where !keys.isEmpty {
            members[name] = .array(keys.map { .string($0) })
        }
        if !mergeHistory.isEmpty { members[Member.mergeHistory] = .array(mergeHistory) }
        if chunkCount > 0 { members[Member.chunks] = .integer(Int64(chunkCount)) }
        members.merge(changeable) { $1 }
        return members.filter { !$0.value.isNull }
    }

    /// The members that a newer copy changes, for `mergePayload`; null removes one.
    var changeable: JSONObject {
        let index = Self.tagIndex(of: tags)
        let keys = idempotency.keys + [migrationKey].compactMap { $0 }
        return [
            Member.metadata: metadata.map { .object($0) } ?? .null, Member.tags: tags ?? .null,
            Member.tagIndex: index.isEmpty ? .null : .array(index),
            Member.confidence: confidence.map { .number($0) } ?? .null, Member.updatedAt: .integer(updatedAt),
            Member.expiresAt: expiresAt.map { .integer($0) } ?? .null, Member.expiryPolicy: .string(expiryPolicy),
            Member.renewal: renewal?.json ?? .null, Member.seen: seen > 1 ? .integer(seen) : .null,
            Member.idempotencyKeys: keys.isEmpty ? .null : .array(keys.map { .string($0) }),
            Member.idempotencyResults: idempotency.isEmpty ? .null : .object(idempotency),
        ]
    }

    /// - Throws: `failed` when the point was not written by a memory.
    init(_ id: PointID, _ payload: Payload) throws(MemoryError) {
        let members = payload.object
        guard case .uuid(let uuid) = id, let kind = members[Member.kind]?.stringValue.flatMap(MemoryKind.init),
            let created = members[Member.createdAt]?.integerValue,
            let contentHash = members[Member.contentHash]?.stringValue
        else {
            throw MemoryError(
                .failed, "the stored point \(id) is not a memory; move it out of the memory's collection")
        }
        self.id = uuid
        self.kind = kind
        self.contentHash = contentHash
        content = members[Member.content]?.stringValue
        data = members[Member.data]?.objectValue
        var levels: [String: String] = [:]
        for key in MemoryScope.keys { levels[key] = members[Member.scope(key)]?.stringValue }
        scope = MemoryScope(levels)
        source = MemorySource(
            actor: members[Member.actor]?.stringValue, tool: members[Member.tool]?.stringValue,
            session: members[Member.session]?.stringValue, timestamp: members[Member.saidAt]?.integerValue)
        actorTerms = (members[Member.actorTerms]?.arrayValue ?? []).compactMap(\.stringValue)
        traits = (members[Member.traits]?.arrayValue ?? []).compactMap { $0.stringValue.flatMap(Trait.init) }
        metadata = members[Member.metadata]?.objectValue
        tags = members[Member.tags]
        createdAt = created
        updatedAt = members[Member.updatedAt]?.integerValue ?? created
        expiryPolicy = members[Member.expiryPolicy]?.stringValue ?? "permanent"
        expiresAt = members[Member.expiresAt]?.integerValue
        if ExpiryChoice.unasked.contains(expiryPolicy) { (expiresAt, expiryPolicy) = (nil, "permanent") }
        seen = members[Member.seen]?.integerValue ?? 1
        version = members[Member.version]?.integerValue ?? 1
        revision = members[Member.revision]?.integerValue ?? 0
        isEmbeddingPending = members[Member.embedding]?.stringValue == "pending"
        idempotency = members[Member.idempotencyResults]?.objectValue ?? [:]
        renewal = ExpiryExtension(stored: members[Member.renewal])
        mergeHistory = members[Member.mergeHistory]?.arrayValue ?? []
        length = members[Member.length]?.doubleValue ?? 0
        chunkCount = members[Member.chunks]?.integerValue.flatMap { Int(exactly: $0) } ?? 0
    }

    init(_ point: Point) throws(MemoryError) { try self.init(point.id, point.payload) }
}
