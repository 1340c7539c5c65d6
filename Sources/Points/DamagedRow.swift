/// A stored point whose bytes are not what was written. Answers leave it out, and say so.
public struct DamagedRow: Sendable, Hashable {
    /// nil when the id is among what was damaged, or nothing of the row is left.
    public let id: PointID?
    /// The change that wrote the row; nil when nothing of the row is left.
    public let sequence: UInt64?

    public init(id: PointID?, sequence: UInt64?) {
        self.id = id
        self.sequence = sequence
    }
}

extension [DamagedRow] {
    /// Ids that one message names at most.
    private static var namedIDs: Int { 20 }

    /// What an answer that may lack these rows says; nil when there are none.
    package var message: String? {
        guard !isEmpty else { return nil }
        let named = compactMap(\.id).sorted()
        var parts: [String] = []
        if !named.isEmpty {
            let ids = named.prefix(Self.namedIDs).map(\.description).joined(separator: ", ")
            parts.append(
                "id \(ids)" + (named.count > Self.namedIDs ? " and \(named.count - Self.namedIDs) others" : ""))
        }
        if named.count < count { parts.append("\(count - named.count) without a readable id") }
        return "\(count) \(count == 1 ? "point" : "points") on disk \(count == 1 ? "is" : "are") damaged and left out: "
            + parts.joined(separator: "; ") + ". Run: cortex verify --repair"
    }
}
