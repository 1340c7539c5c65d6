import Embedding
import JSON
import VectorEngine

/// Vectors of texts by their bytes: no text of a call is embedded twice.
struct KnownVectors {
    private var vectors: [ByteText: [Float]] = [:]

    subscript(text: String) -> [Float]? { vectors[ByteText(text)] }

    mutating func add(_ vectors: [[Float]], of texts: [String]) {
        for (text, vector) in zip(texts, vectors) { self.vectors[ByteText(text)] = vector }
    }
}

/// Before the items are decided: what each would be as a new memory, and the vectors of all texts in one call of the
/// embedder (spec/retrieval: steps 5 and 11).
extension MemoryStore {
    /// Plans the items that are neither replays nor faulty. Exact copies of what is stored, or of an item before them,
    /// get no vectors and are no context: they are hardly ever stored.
    func plan(_ batch: inout StoreBatch, _ hashes: [String], now: Int64) async throws {
        var seen: Set<String> = []
        var last: [Conversation: [RecentItem]] = [:]
        for (i, item) in batch.request.items.enumerated() {
            guard batch.replay(of: item, at: i) == nil, batch.checked(item, at: i, now: now).status != .invalid else {
                continue
            }
            let scope = batch.scope(of: item)
            let isFirst = seen.insert(scope.hash + hashes[i]).inserted || !batch.request.deduplication.isEnabled
            let stamp = clock.stamp()
            let conversation = Conversation(scopeHash: scope.hash, session: item.source.session)
            var plan = StoreBatch.Planned(stamp: stamp, id: clock.id(stamp: stamp), conversation: conversation)
            plan.chunks = batch.chunks(of: item.content ?? "")
            plan.isCopy =
                !isFirst || batch.copy(of: item, hash: hashes[i], now: now) != nil
                || batch.storedPart(of: item, now: now) != nil
            if settings.usesContext, !plan.isCopy {
                if batch.endings[conversation] == nil {
                    batch.endings[conversation] = try await lastItems(of: conversation, now: now)
                }
                plan.before = last[conversation] ?? batch.endings[conversation] ?? []
                let own = RecentItem(
                    id: plan.id, createdAt: stamp, saidAt: item.source.timestamp,
                    text: contextText(MemoryRecord.text(of: item)))
                last[conversation] = [own] + plan.before.prefix(1)
            }
            batch.planned[i] = plan
        }
    }

    /// Embeds the planned items: each text by itself, in a session also with the text before it, and the chunks of long
    /// ones.
    func embed(
        _ batch: inout StoreBatch, _ readiness: MemoryCollection.Readiness, _ known: inout KnownVectors
    ) async throws {
        guard readiness.hasVectors, let embedder else {
            if !batch.planned.isEmpty { batch.degradedReason = readiness.degradedReason }
            return
        }
        var wanted: [String] = []
        var listed: Set<ByteText> = []
        var planned: [Int: PlannedTexts] = [:]
        for (i, plan) in batch.planned.sorted(by: { $0.key < $1.key }) where !plan.isCopy {
            let item = batch.request.items[i]
            var own = PlannedTexts()
            own.own = MemoryRecord.text(of: item)
            if item.source.session != nil { own.pair = plan.before.first.map { $0.text + "\n" + own.own } }
            own.chunks = plan.chunks.map { (item.content ?? "").atUTF8($0) }
            planned[i] = own
            for text in own.all where known[text] == nil && listed.insert(ByteText(text)).inserted {
                wanted.append(text)
            }
        }
        if !wanted.isEmpty {
            do {
                known.add(try await vectors(of: wanted, embedder), of: wanted)
            } catch let error as EmbeddingError where error.code != .cancelled {
                batch.degradedReason = Self.pendingReason(error)
                batch.isEmbeddingPending = true
                return
            }
        }
        for (i, texts) in planned {
            guard let own = known[texts.own] else { continue }
            let pair = texts.pair.flatMap { known[$0] }
            batch.planned[i]?.own = own
            batch.planned[i]?.dense =
                [pair.map { TextVector.normalisedSum(own, $0) } ?? own] + texts.chunks.compactMap { known[$0] }
        }
    }

    private struct PlannedTexts {
        var own = ""
        var pair: String?
        var chunks: [String] = []

        var all: [String] { [own] + (pair.map { [$0] } ?? []) + chunks }
    }
}
