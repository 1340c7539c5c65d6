import JSON
import Synchronization
import VectorEngine

/// The conversation that an item belongs to: a session in a scope, or the scope's items without a session.
struct Conversation: Hashable, Sendable {
    let scopeHash: ByteText
    let session: ByteText?

    init(scopeHash: String, session: String?) {
        self.scopeHash = ByteText(scopeHash)
        self.session = session.map { ByteText($0) }
    }

    /// The stored items of this conversation.
    var conditions: [Condition] {
        [
            .match(member: Member.scopeHash, anyOf: [.keyword(scopeHash.text)]),
            session.map { .match(member: Member.session, anyOf: [.keyword($0.text)]) }
                ?? .isEmpty(member: Member.session),
        ]
    }
}

/// An item's text and the moment it was stored, as context for the items after it.
struct RecentItem: Sendable, Equatable {
    let id: UUIDBytes
    let createdAt: Int64
    /// When it was said, in microseconds since 1970, where its source says so.
    let saidAt: Int64?
    let text: String
    /// Terms of the whole item; 0 when that is not known yet.
    var length = 0.0
    /// The text's own vector, of an item without a session; nil in a session and where there is no embedder.
    var vector: [Float]?
}

/// The last two items of the conversations that this process stored to, newest first.
///
/// The store remains the truth: before an entry is used, the store is asked for newer items of any process.
final class RecentItems: Sendable {
    private let limit: Int
    private let entries = Mutex<[Conversation: [RecentItem]]>([:])

    init(limit: Int) { self.limit = limit }

    subscript(conversation: Conversation) -> [RecentItem]? { entries.withLock { $0[conversation] } }

    /// Remembers the newest two of `items`; when there are too many conversations, all are forgotten and looked up
    /// again.
    func remember(_ items: [RecentItem], of conversation: Conversation) {
        entries.withLock { entries in
            if entries[conversation] == nil, entries.count >= limit { entries.removeAll() }
            entries[conversation] = Array(items.prefix(2))
        }
    }
}
