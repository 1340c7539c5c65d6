import VectorEngine

/// A stored item near a new one, by the cosine of their vectors.
struct Neighbour: Sendable {
    let record: MemoryRecord
    let similarity: Double
    let distinction: Distinction
}

/// A stored item (or one of the same call) that says the same as a new one.
struct NearCopy {
    let record: MemoryRecord
    let similarity: Double
    let terms: (String) -> [String]
}

extension MemoryRecord {
    /// The text of an item that is not stored yet.
    static func text(of item: StoreItem) -> String {
        MemoryRecord(
            id: UUIDBytes(high: 0, low: 0), kind: item.kind, content: item.content, data: item.data, scope: .empty,
            source: MemorySource(), contentHash: "", createdAt: 0, updatedAt: 0, expiryPolicy: ""
        ).text
    }

    /// What changes only by a new item that supersedes it.
    var isProtected: Bool {
        (kind == .section && isTaggedApproved) || (kind == .decision && data?["status"] == "accepted")
    }
}

extension StoreBatch {
    /// The nearest item that says the same as `item`: stored before, or earlier in this call.
    func nearCopy(of item: StoreItem, at index: Int, _ terms: @escaping (String) -> [String]) -> NearCopy? {
        guard request.deduplication.isEnabled, let vector = vectors[index] else { return nil }
        let threshold = request.deduplication.similarityThreshold
        let scope = scope(of: item)
        // A vector sees the beginning of a long text alone: long texts are copies only when they are exact.
        let text = MemoryRecord.text(of: item)
        guard text.unicodeScalars.count <= settings.chunker.size else { return nil }
        func isMergeable(_ record: MemoryRecord) -> Bool {
            record.kind == item.kind && !record.isProtected
                && record.text.unicodeScalars.count <= settings.chunker.size
                && (request.deduplication.crossesScopes || record.scope == scope)
                && (record.source.actor == nil || item.source.actor == nil || record.source.actor == item.source.actor)
                && Set(LinkKeys.names(of: item.kind, record.data)) == Set(LinkKeys.names(of: item.kind, item.data))
                && LinkKeys.identities(of: item.kind, record.data) == LinkKeys.identities(of: item.kind, item.data)
        }
        let replaced = Set(additions.map(\.record.id))
        var best: NearCopy?
        for neighbour in neighbours[index] ?? []
        where neighbour.similarity >= threshold && neighbour.distinction == .none
            && !replaced.contains(neighbour.record.id) && isMergeable(neighbour.record)
        {
            best = NearCopy(record: neighbour.record, similarity: neighbour.similarity, terms: terms)
            break
        }
        for addition in additions where isMergeable(addition.record) {
            guard let other = addition.vector ?? addition.likeness else { continue }
            let similarity = TextVector.cosine(vector, other)
            guard similarity >= threshold, similarity > best?.similarity ?? 0,
                Distinction(text, addition.record.text, terms: terms) == .none
            else { continue }
            best = NearCopy(record: addition.record, similarity: similarity, terms: terms)
        }
        return best
    }
}
