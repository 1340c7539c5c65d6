import Foundation
import JSON
import VectorEngine

/// After the ranking: age and variety where they are asked for, related items, and the end of what was read.
extension MemoryStore {
    /// An item this much older has half the recency.
    private static let recencyHalfLifeDays = 30.0
    /// Candidates beyond the page that variety may bring forward.
    private static let varietyMargin = 40

    /// Reorders by age and for variety (maximal marginal relevance: Carbonell and Goldstein 1998,
    /// doi:10.1145/290941.291025); without either the candidates as they are.
    func arranged(_ candidates: [Candidate], _ search: Search) async throws -> [Candidate] {
        let request = search.request
        guard request.recencyWeight > 0 || request.diversity > 0, !candidates.isEmpty else { return candidates }
        let count = min(candidates.count, search.end + Self.varietyMargin)
        var head = Array(candidates.prefix(count))
        let current = try await points.readable(
            head.filter { !$0.isVersion }.map(\.id), with: .all, in: collection)
        let stored = Dictionary(current.map { ($0.id, $0) }) { first, _ in first }
        if request.recencyWeight > 0 {
            for i in head.indices {
                guard let point = stored[head[i].id] else { continue }
                let days = Double(search.now &- (try MemoryRecord(point).occurredAt)) / 86_400_000_000
                let bonus = request.recencyWeight * exp2(-max(0, days) / Self.recencyHalfLifeDays)
                head[i].bonuses.append(Candidate.Bonus(name: "recency_bonus", value: bonus))
                head[i].score += bonus
            }
            head.sort(by: Candidate.isBetter)
        }
        if request.diversity > 0 {
            let vectors = stored.compactMapValues { $0.vectors.dense[MemoryCollection.dense] }
            head = Self.varied(head, vectors, request.diversity)
        }
        return head + candidates.dropFirst(count)
    }

    private static func varied(
        _ candidates: [Candidate], _ vectors: [PointID: [Float]], _ diversity: Double
    ) -> [Candidate] {
        var rest = candidates
        var chosen: [Candidate] = []
        var likeness = [Double](repeating: 0, count: rest.count)
        while !rest.isEmpty {
            var best = 0
            func worth(_ i: Int) -> Double { (1 - diversity) * rest[i].score - diversity * likeness[i] }
            // Nothing has been chosen yet, so the first is the best.
            if !chosen.isEmpty { for i in rest.indices where worth(i) > worth(best) { best = i } }
            let next = rest.remove(at: best)
            likeness.remove(at: best)
            chosen.append(next)
            guard let vector = vectors[next.id] else { continue }
            for i in rest.indices {
                guard let other = vectors[rest[i].id] else { continue }
                likeness[i] = max(likeness[i], TextVector.cosine(unit(vector), unit(other)))
            }
        }
        return chosen
    }

    private static func unit(_ vector: [Float]) -> [Float] {
        let norm = vector.reduce(into: Float(0)) { $0 += $1 * $1 }.squareRoot()
        return norm > 0 ? vector.map { $0 / norm } : vector
    }

    // MARK: Relations

    /// The graph around the found items; nil when none is asked for.
    func graph(around items: [FoundItem], _ search: Search) async throws -> Graph? {
        var expansion = search.request.expansion
        if expansion.kind == .none {
            guard search.request.includesRelations else { return nil }
            expansion.kind = .all
            expansion.maximumDepth = 1
        }
        let records = items.map(\.record)
        guard !records.isEmpty, await home.knowsTraits else { return Graph(seeds: []) }
        // Related items may be of any kind and tag, but stay in the scope and alive.
        var narrowing = Narrowing()
        narrowing.scope = search.request.narrowing.scope
        return try await expanded(records, expansion, try narrowing.memories(now: search.now))
    }

    // MARK: Reading prolongs

    /// Moves the end of items that asked for it (`auto_extend`) and are read near their end.
    func extend(_ records: [MemoryRecord], at now: Int64) async throws {
        for record in records {
            guard var renewal = record.renewal, let end = record.expiresAt,
                let extended = renewal.extended(from: end, at: now)
            else { continue }
            renewal.remaining -= 1
            var members: JSONObject = [Member.expiresAt: .integer(extended), Member.renewal: renewal.json]
            let ofChunks = PointWrite.mergePayload(
                Payload(members), of: .filter(Filter(must: [Chunk.of([.uuid(record.id)])])))
            members[Member.revision] = .integer(record.nextRevision)
            let ofMemory = PointWrite.mergePayload(
                Payload(members), of: .ids([.uuid(record.id)]), if: .matches(Self.unchanged(record)))
            do {
                try await points.apply(record.chunkCount > 0 ? [ofMemory, ofChunks] : [ofMemory], in: collection)
            } catch let error as EngineError where error.code == .preconditionFailed {
                // It was changed or deleted since it was read: what was written then holds.
            }
        }
    }
}
