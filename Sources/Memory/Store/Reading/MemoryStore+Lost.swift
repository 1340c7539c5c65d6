import JSON
import VectorEngine

/// A former version whose text no memory has any more, because an earlier version of this program put another text in
/// its place.
package struct LostText: Sendable {
    /// The memory whose version it is, and the version's number.
    package let memory: UUIDBytes
    package let version: Int64
    package let kind: MemoryKind
    package let scope: MemoryScope
    /// Microseconds since 1970.
    package let replacedAt: Int64
    package let text: String
    /// What the memory says now; nil when it has been deleted.
    package let current: String?
    let record: MemoryRecord

    package var json: JSONObject {
        var members: JSONObject = [
            "memory_id": .string(memory.description), "version": .integer(version), "kind": .string(kind.rawValue),
            "scope": .object(scope.json), "replaced_at": .string(Timestamp.format(replacedAt)), "text": .string(text),
        ]
        if let current { members["current_text"] = .string(current) }
        return members
    }
}

/// What merging of near copies replaced in earlier versions. This program keeps near copies apart, so that nothing new
/// is listed. A text whose words were all contained in the older one was never stored, and cannot be listed.
extension MemoryStore {
    /// The texts that merging has replaced and that no memory has now, the oldest first.
    package func lostTexts() async throws(MemoryError) -> [LostText] {
        try await mapped {
            _ = try await self.home.ready()
            guard try await self.hasHistory() else { return [] }
            let unexplained = Filter(must: [.isEmpty(member: Member.replacedBy)])
            let points = try await self.everyPoint(unexplained, in: self.historyCollection)
            let versions = Self.numbered(try points.compactMap { try Version($0) })
            let ids = Array(Set(versions.map { PointID.uuid($0.record.id) }))
            let stored = try await self.points.readable(ids, with: .payload, in: self.collection)
            let current = Dictionary(try stored.map { ($0.id, try MemoryRecord($0)) }) { first, _ in first }
            var lost: [LostText] = []
            for version in versions {
                let now = current[.uuid(version.record.id)]
                if let now, Self.says(now.text, version.record.text) { continue }
                if try await self.isStored(version.record) { continue }
                lost.append(
                    LostText(
                        memory: version.record.id, version: version.number, kind: version.record.kind,
                        scope: version.record.scope, replacedAt: version.validUntil, text: version.record.text,
                        current: now?.text, record: version.record))
            }
            return lost.sorted { $0.replacedAt < $1.replacedAt }
        }
    }

    /// Stores lost texts again, as memories of their own beside those that took their place.
    package func bringBack(
        _ lost: [LostText], context: CallContext = CallContext()
    ) async throws(MemoryError) -> [StoredItem] {
        var results: [StoredItem] = []
        for start in stride(from: 0, to: lost.count, by: settings.maximumBatch) {
            let items = lost[start..<min(lost.count, start + settings.maximumBatch)].map { lost in
                var item = StoreItem(lost.record.kind, content: lost.record.content, data: lost.record.data)
                item.scope = lost.record.scope
                item.source = lost.record.source
                item.metadata = lost.record.metadata
                item.tags = lost.record.tags
                return item
            }
            var request = StoreRequest(items)
            // Near copies of what took their place are stored beside it.
            request.deduplication.strategy = .skip
            results += try await store(request, context: context).items
        }
        return results
    }

    private static func says(_ text: String, _ part: String) -> Bool {
        Array(text.utf8).firstRange(of: Array(part.utf8)) != nil || Wording(text) == Wording(part)
    }

    private func isStored(_ record: MemoryRecord) async throws -> Bool {
        let hash = MemoryRecord.contentHash(record.kind, record.content, record.data)
        let filter = Filter(must: [
            Narrowing.keyword(Member.contentHash, hash), Narrowing.keyword(Member.scopeHash, record.scope.hash),
            Narrowing.alive(at: clock.time()), Chunk.excluded,
        ])
        return try await points.count(filter, in: collection) > 0
    }
}
