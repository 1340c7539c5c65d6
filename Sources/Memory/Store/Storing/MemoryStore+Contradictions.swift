import JSON
import VectorEngine

extension MemoryStore {
    /// Notes what of the store (or of the same call) a new item contradicts.
    func noteContradictions(
        of item: StoreItem, at index: Int, among near: [Neighbour], _ batch: inout StoreBatch, now: Int64
    ) async throws {
        var found: [(UUIDBytes, Contradiction.Reason)] = []
        let statement = Statement(MemoryRecord.text(of: item), terms: lexical.terms)
        for neighbour in near
        where statement.isComparable && neighbour.similarity >= NearCopy.comparableSimilarity - NearCopy.contextLoss
            && neighbour.record.scope == batch.scope(of: item)
        {
            let other = Statement(neighbour.record.text, terms: lexical.terms)
            if let reason = statement.disagreement(with: other).map(Contradiction.Reason.init) {
                found.append((neighbour.record.id, reason))
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

    /// Found memories that are compared with each other.
    private static let comparedFound = 50

    /// Notes at each found memory what of the page it contradicts, and which of the two is newer.
    func noteContradictions(_ items: inout [FoundItem]) {
        let compared = items.prefix(Self.comparedFound).map { item in
            (record: item.record, statement: Statement(item.record.text, terms: lexical.terms))
        }
        for i in compared.indices {
            for j in compared.indices where j > i {
                guard let reason = Self.contradiction(between: compared[i], and: compared[j]) else { continue }
                let (a, b) = (compared[i].record, compared[j].record)
                let newer = (a.occurredAt, a.id) < (b.occurredAt, b.id) ? b.id : a.id
                items[i].contradictions.append(FoundContradiction(reason: reason, other: b.id, newer: newer))
                items[j].contradictions.append(FoundContradiction(reason: reason, other: a.id, newer: newer))
            }
        }
    }

    /// In what two found memories of one kind and scope cannot both hold; nil where nothing shows it.
    static func contradiction(
        between a: (record: MemoryRecord, statement: Statement), and b: (record: MemoryRecord, statement: Statement)
    ) -> Contradiction.Reason? {
        guard a.record.id != b.record.id, a.record.kind == b.record.kind, a.record.scope == b.record.scope else {
            return nil
        }
        if let disagreement = a.statement.disagreement(with: b.statement) { return .init(disagreement) }
        let isSuperseding =
            LinkKeys.links(of: a.record.kind, a.record.data).contains(b.record.id.description)
            || LinkKeys.links(of: b.record.kind, b.record.data).contains(a.record.id.description)
        guard !isSuperseding else { return nil }
        let keys = LinkKeys.identities(of: a.record.kind, a.record.data)
        guard LinkKeys.identities(of: b.record.kind, b.record.data).contains(where: keys.contains) else { return nil }
        return conflict(a.record.kind, a.record.data, b.record) ?? conflict(b.record.kind, b.record.data, a.record)
    }

    /// In what an item and another of the same identity cannot both hold.
    static func conflict(_ item: StoreItem, _ rival: MemoryRecord) -> Contradiction.Reason? {
        conflict(item.kind, item.data, rival)
    }

    private static func conflict(
        _ kind: MemoryKind, _ data: JSONObject?, _ rival: MemoryRecord
    ) -> Contradiction.Reason? {
        guard let data, let other = rival.data else { return nil }
        switch kind {
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
