import JSON
import VectorEngine

/// A stored item near a new one, by the cosine of their vectors.
struct Neighbour: Sendable {
    let record: MemoryRecord
    let similarity: Double
}

/// A stored item (or one of the same call) that is a near copy of a new one.
struct NearCopy {
    let record: MemoryRecord
    let similarity: Double
    /// Whether both have the same words in the same order.
    let hasSameWording: Bool

    /// From this cosine on two texts are compared word by word for what they contradict in.
    static let comparableSimilarity = 0.6
    /// From this cosine on an answer names what a stored item resembles, unless the call's threshold is higher.
    static let reportedSimilarity = 0.75
    /// How much context may take from the cosine of an item with its own text.
    static let contextLoss = 0.1
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

    /// Whether both have the same text and data, byte by byte.
    func saysSameBytes(as other: MemoryRecord) -> Bool {
        MemoryRecord.plainHash(kind, content, data) == MemoryRecord.plainHash(other.kind, other.content, other.data)
    }
}

extension StoreBatch {
    /// What the item is compared with, the nearest first: stored items as they will be after this call, and items of
    /// this call.
    func comparisons(of item: StoreItem, at index: Int) -> [Neighbour] {
        let replaced = Set(additions.map(\.record.id))
        var near = (neighbours[index] ?? []).filter { !replaced.contains($0.record.id) }
            .map { Neighbour(record: changedTo[$0.record.id] ?? $0.record, similarity: $0.similarity) }
        let scope = scope(of: item)
        for addition in additions {
            let record = addition.record
            guard record.kind == item.kind, request.deduplication.crossesScopes || record.scope == scope,
                let own = planned[index]?.own, let other = addition.vector ?? addition.likeness,
                own.count == other.count
            else { continue }
            near.append(Neighbour(record: record, similarity: TextVector.cosine(own, other)))
        }
        return near.sorted { $0.similarity > $1.similarity }
    }

    /// The least cosine from which a neighbour is a near copy: the vector of an item of a conversation holds its
    /// context too.
    private func threshold(for record: MemoryRecord, _ least: Double) -> Double {
        record.source.session == nil ? least : least - NearCopy.contextLoss
    }

    /// The nearest near copy of `item`: stored before, or earlier in this call. One with the same wording goes first.
    func nearCopy(of item: StoreItem, among near: [Neighbour]) -> NearCopy? {
        // A vector sees the beginning of a long text alone: long texts are copies only when they are exact.
        let text = MemoryRecord.text(of: item)
        guard text.unicodeScalars.count <= settings.chunker.size else { return nil }
        func isMergeable(_ record: MemoryRecord) -> Bool {
            !record.isProtected && record.text.unicodeScalars.count <= settings.chunker.size
                && (record.source.actor == nil || item.source.actor == nil || record.source.actor == item.source.actor)
                && Set(LinkKeys.names(of: item.kind, record.data)) == Set(LinkKeys.names(of: item.kind, item.data))
                && LinkKeys.identities(of: item.kind, record.data) == LinkKeys.identities(of: item.kind, item.data)
        }
        let wording = Wording(text)
        let least = request.deduplication.similarityThreshold
        let copies = near.filter { $0.similarity >= threshold(for: $0.record, least) && isMergeable($0.record) }
            .map {
                NearCopy(
                    record: $0.record, similarity: $0.similarity,
                    hasSameWording: Wording($0.record.text) == wording && hasSameData($0.record, item))
            }
        return copies.first(where: \.hasSameWording) ?? copies.first
    }

    /// Whether both have the same data, or none; a text without data also has that of the very same text.
    private func hasSameData(_ record: MemoryRecord, _ item: StoreItem) -> Bool {
        guard let own = item.data, let other = record.data else {
            guard item.data == nil else { return false }
            guard record.data != nil else { return true }
            guard let text = item.content, let stored = record.content else { return false }
            return ExactCopy.folded(text).hasSameBytes(as: ExactCopy.folded(stored))
        }
        return JSONWriter.bytes(.object(own), canonical: true) == JSONWriter.bytes(.object(other), canonical: true)
    }

    /// What the answer names as resembling an item that is stored beside it.
    func resembling(_ near: [Neighbour]) -> [SimilarItem] {
        let least = min(request.deduplication.similarityThreshold, NearCopy.reportedSimilarity)
        return near.filter { $0.similarity >= threshold(for: $0.record, least) }
            .prefix(SimilarItem.limit).map { SimilarItem($0.record, similarity: $0.similarity) }
    }
}
