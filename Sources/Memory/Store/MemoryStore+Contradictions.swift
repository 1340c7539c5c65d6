import JSON
import VectorEngine

extension MemoryStore {
    /// Notes what of the store (or of the same call) a new item contradicts.
    func noteContradictions(of item: StoreItem, at index: Int, _ batch: inout StoreBatch, now: Int64) async throws {
        var found: [(UUIDBytes, Contradiction.Reason)] = []
        for neighbour in batch.neighbours[index] ?? []
        where neighbour.similarity >= Self.comparableSimilarity
            && neighbour.record.scope == batch.scope(of: item)
        {
            switch neighbour.distinction {
            case .negation: found.append((neighbour.record.id, .negation))
            case .value where neighbour.similarity >= batch.request.deduplication.similarityThreshold:
                found.append((neighbour.record.id, .value))
            case .value, .subject, .none: break
            }
        }
        let keys = LinkKeys.identities(of: item.kind, item.data)
        if !keys.isEmpty {
            let filter = Filter(must: [
                .match(member: Member.identities, anyOf: keys.map { .keyword($0) }), Narrowing.alive(at: now),
                Narrowing.keyword(Member.scopeHash, batch.scope(of: item).hash), Chunk.excluded,
            ])
            var rivals = try await everyPoint(filter, limit: settings.maximumDependencies).map { try MemoryRecord($0) }
            rivals += batch.additions.map(\.record).filter { record in
                record.kind == item.kind && record.scope == batch.scope(of: item)
                    && LinkKeys.identities(of: record.kind, record.data).contains(where: keys.contains)
            }
            for rival in rivals {
                if let reason = Self.conflict(item, rival) { found.append((rival.id, reason)) }
            }
        }
        for (id, reason) in found
        where !batch.contradictions.contains(where: { $0.inputIndex == index && $0.other == id }) {
            batch.contradictions.append(Contradiction(inputIndex: index, reason: reason, other: id))
        }
    }

    /// In what an item and another of the same identity cannot both hold.
    static func conflict(_ item: StoreItem, _ rival: MemoryRecord) -> Contradiction.Reason? {
        guard let data = item.data, let other = rival.data else { return nil }
        switch item.kind {
        case .decision:
            let supersedes = LinkKeys.links(of: .decision, data).contains(rival.id.description)
            let bothHold = data["status"] == "accepted" && other["status"] == "accepted"
            return bothHold && !supersedes && data["component"] == other["component"] ? .decisions : nil
        case .entity:
            let (mine, theirs) = (data["data"]?.objectValue ?? [:], other["data"]?.objectValue ?? [:])
            return mine.contains { key, value in theirs[key].map { $0 != value } ?? false } ? .value : nil
        case .observation:
            if let mine = validity(data), let theirs = validity(other) {
                return mine.overlaps(theirs) && data["observation"] != other["observation"] ? .validity : nil
            }
            let isAttribute = LinkKeys.text(data["observation_type"]) != nil
            return isAttribute && data["observation"] != other["observation"] ? .value : nil
        default: return nil
        }
    }

    /// `valid_from` to `valid_until`, microseconds since 1970; nil without either.
    private static func validity(_ data: JSONObject) -> Range<Int64>? {
        func moment(_ name: String) -> Int64? { data[name]?.stringValue.flatMap(Timestamp.parse) }
        let (from, until) = (moment("valid_from"), moment("valid_until"))
        guard from != nil || until != nil, from ?? .min < until ?? .max else { return nil }
        return (from ?? .min)..<(until ?? .max)
    }
}

extension MemoryStore {
    /// Counts what was asked for of each item that was stored.
    func addInsights(_ batch: inout StoreBatch) {
        for i in batch.results.indices {
            let index = batch.results[i].inputIndex
            guard let insights = batch.request.items[index].insights ?? batch.request.insights,
                let record = batch.additions.first(where: { $0.record.id == batch.results[i].id })?.record
            else { continue }
            batch.results[i].insights = insights.found(
                on: record, similarities: (batch.neighbours[index] ?? []).map(\.similarity),
                terms: lexical.terms(record.text))
        }
    }
}
