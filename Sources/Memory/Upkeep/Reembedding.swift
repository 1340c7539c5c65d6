import Embedding
import JSON
import VectorEngine

/// What a re-embedding did.
package struct ReembeddingReport: Sendable, Equatable {
    /// The embedder whose vectors were there, and the one whose vectors are there now; nil is none.
    package var former: String?
    package var current: String?
    /// Points that have a vector of their own: memories, the chunks of long ones, former versions.
    package var points = 0
    /// Those of them that this run embedded; the others were embedded before it was interrupted.
    package var embedded = 0
    /// Whether a shipped log of changes ended, so that another backup is wanted.
    package var endedLog = false

    package init() {}
}

/// The re-embedding of one collection.
struct Reembedding {
    let home: MemoryCollection
    /// nil takes all vectors away.
    let embedder: (any Embedder)?
    let store: EmbeddedStore
    let name: String
    /// The collection in which the new vectors come together.
    let stagedName: String
    /// The item before a record in its conversation, whose text is embedded with it; nil for an item without context.
    let itemBefore: @Sendable (MemoryRecord) async throws -> RecentItem?
    let progress: @Sendable (Int, Int) -> Void

    /// Points that are embedded and kept at once: what an interruption costs at most.
    private static let pageSize = 64
    /// How often points that others changed meanwhile are embedded before this gives up.
    private static let rounds = 1_000
    private static let stampMember = "stamp"

    func run(_ report: inout ReembeddingReport) async throws {
        guard let found = try await store.describe(name) else { return }
        report.points += found.pointCount
        let target = home.embedded(found.schema)
        guard target != found.schema else {
            if try await store.exists(stagedName) { try await store.deleteCollection(stagedName) }
            report.embedded += try await fillGaps()
            return
        }
        try await prepareStage(target)
        var seen: UInt64 = 0
        if embedder != nil {
            report.embedded += try await embedAll(of: found.pointCount)
        }
        for _ in 0..<Self.rounds {
            try Task.checkCancellation()
            let outcome = try await store.replaceVectors(
                of: name, schema: target, from: embedder == nil ? nil : stagedName, lookingAfter: seen,
                fits: { point, staged in Self.stamp(point) == staged.object[Self.stampMember]?.stringValue })
            switch outcome {
            case .done(let endedLog):
                report.endedLog = report.endedLog || endedLog
                try await store.deleteCollection(stagedName)
                return
            case .missing(let ids, let sequence):
                // The next look begins behind what is embedded now.
                if ids.isEmpty { throw Self.isBusy }
                report.embedded += try await stage(
                    try await store.retrieve(ids, with: .payload, in: name))
                seen = sequence
            }
        }
        throw Self.isBusy
    }

    private static let isBusy = MemoryError(
        .unavailable, "others store faster than this embeds; let them pause and run it again: it goes on where it was",
        isRetryable: true)

    /// Makes the stage; one for another embedder is of no use.
    private func prepareStage(_ target: CollectionSchema) async throws {
        let schema = CollectionSchema(dense: target.dense, metadata: target.metadata)
        if let found = try await store.describe(stagedName), found.schema != schema {
            try await store.deleteCollection(stagedName)
        }
        if try await store.describe(stagedName) == nil {
            try await store.createCollection(stagedName, schema: schema)
        }
    }

    // MARK: Staging

    private func embedAll(of total: Int) async throws -> Int {
        var embedded = 0
        var done = 0
        var start: PointID?
        repeat {
            try Task.checkCancellation()
            let (page, damaged) = try await store.knowingDamage(in: name) {
                try await store.scroll(ScrollRequest(limit: Self.pageSize, startAt: start), in: name)
            }
            // No point can get its vector without the text, and the others are not given up for it in silence.
            if let message = damaged.message { throw EngineError(.damaged, message) }
            let staged = try await store.retrieve(page.points.map(\.id), with: .payload, in: stagedName)
            let stamps = Dictionary(
                staged.map { ($0.id, $0.payload.object[Self.stampMember]?.stringValue) }
            ) { first, _ in first }
            embedded += try await stage(page.points.filter { stamps[$0.id] != Self.stamp($0.payload) })
            done += page.points.count
            progress(done, max(done, total))
            start = page.next
        } while start != nil
        return embedded
    }

    /// Embeds points and keeps their vectors in the stage.
    private func stage(_ points: [Point]) async throws -> Int {
        let vectors = try await vectors(of: points)
        let staged = zip(points, vectors).map { point, vector in
            Point(
                id: point.id, vectors: PointVectors(dense: [MemoryCollection.dense: vector]),
                payload: Payload([Self.stampMember: .string(Self.stamp(point.payload))]))
        }
        if !staged.isEmpty { try await store.upsert(staged, in: stagedName) }
        return staged.count
    }

    /// What a vector belongs to: changes whenever the text that was embedded does.
    private static func stamp(_ payload: Payload) -> String {
        let members = payload.object
        return [Member.contentHash, Member.updatedAt, Member.chunkStart, Member.chunkEnd]
            .map { members[$0].map { JSONWriter.text($0) } ?? "" }.joined(separator: "|")
    }

    /// Embeds points that were stored while there was no vector to be had.
    private func fillGaps() async throws -> Int {
        guard embedder != nil else { return 0 }
        var filled = 0
        var start: PointID?
        repeat {
            try Task.checkCancellation()
            let filter = Filter(mustNot: [.hasVector(MemoryCollection.dense)])
            let page = try await store.scroll(
                ScrollRequest(filter: filter, limit: Self.pageSize, startAt: start), in: name)
            let vectors = try await vectors(of: page.points)
            let known = Dictionary(zip(page.points, vectors).map { ($0.id, (Self.stamp($0.payload), $1)) }) { $1 }
            try await store.revise(.ids(page.points.map(\.id)), in: name) { id, point in
                guard var point, let (stamp, vector) = known[id], stamp == Self.stamp(point.payload) else {
                    return .unchanged
                }
                point.vectors.dense[MemoryCollection.dense] = vector
                var members = point.payload.object
                if members.removeValue(forKey: Member.embedding) != nil { point.payload = Payload(members) }
                return .replaced(point)
            }
            filled += page.points.count
            start = page.next
        } while start != nil
        return filled
    }

    // MARK: Vectors

    /// As ``MemoryStore`` embeds what it stores: in a session with the item before, chunks and versions by themselves.
    private func vectors(of points: [Point]) async throws -> [[Float]] {
        guard let embedder = embedder, !points.isEmpty else { return [] }
        var texts: [String] = []
        var contexts: [String?] = []
        let parents = try await parents(of: points)
        for point in points {
            if let range = Chunk.range(in: point.payload.object) {
                let content = parents[Chunk.memory(of: point.id)]?.content ?? ""
                texts.append(content.atUTF8(range))
                contexts.append(nil)
            } else {
                let record = try MemoryRecord(point)
                texts.append(record.text)
                let before = try await itemBefore(record)
                contexts.append(before.map { $0.text + "\n" + record.text })
            }
        }
        let embedded = try await embedder.embed(texts + contexts.compactMap { $0 })
        guard embedded.count == texts.count + contexts.count(where: { $0 != nil }) else {
            throw MemoryError(.dependency, "the embedder answered with another number of vectors than it was asked for")
        }
        var next = texts.count
        return contexts.indices.map { i in
            guard contexts[i] != nil else { return embedded[i] }
            defer { next += 1 }
            return TextVector.normalisedSum(embedded[i], embedded[next])
        }
    }

    /// The memories whose chunks are among `points`.
    private func parents(of points: [Point]) async throws -> [PointID: MemoryRecord] {
        let chunks = points.filter { Chunk.range(in: $0.payload.object) != nil }
        let ids = Array(Set(chunks.map { Chunk.memory(of: $0.id) }))
        guard !ids.isEmpty else { return [:] }
        let found = try await store.retrieve(ids, with: .payload, in: name)
        return Dictionary(try found.map { ($0.id, try MemoryRecord($0)) }) { first, _ in first }
    }
}
