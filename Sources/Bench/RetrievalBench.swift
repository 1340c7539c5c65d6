import ArgumentParser
import Embedding
import Files
import Foundation
import JSON
import Memory
import Synchronization
import VectorEngine

/// The documents of a set as memories, and the questions asked of them in several ways. No text is embedded twice.
final class RetrievalBench {
    struct Row {
        let name: String
        let figures: RetrievalFigures
        /// By the kind of question, where the set tells kinds apart.
        var kinds: [String: RetrievalFigures] = [:]
    }

    private let set: BEIRSet
    private let points: EmbeddedStore
    private let embedder: RememberingEmbedder?
    /// Which id became which document, by collection.
    private var documents: [String: [UUIDBytes: String]] = [:]

    init(set: BEIRSet, points: EmbeddedStore) {
        self.set = set
        self.points = points
        embedder = MiniLM.isPresent ? RememberingEmbedder(MiniLM()) : nil
    }

    /// Asks every question in one way; the documents are stored first where that has not been done.
    func row(_ variant: RetrievalVariant) async throws -> Row {
        var settings = MemorySettings()
        variant.change(&settings)
        let collection = variant.changesItems ? "memories\(variant.name)" : "memories"
        let memory = memory(collection, settings, variant.weights)
        if documents[collection] == nil { documents[collection] = try await fill(memory) }
        let names = documents[collection] ?? [:]
        var figures = RetrievalFigures()
        var kinds: [String: RetrievalFigures] = [:]
        for question in set.questions {
            var request = FindRequest(String(question.text.prefix(1000)))
            if let project = question.project { request.narrowing.scope = MemoryScope(["project": project]) }
            request.strategy = variant.isLexical ? .fast : .auto
            request.includesContent = false
            let found = try await memory.find(request, context: CallContext(defaultScope: .empty))
            let ranked = found.items.compactMap { names[$0.id] }
            figures.add(ranked, judged: question.grades)
            if let kind = question.kind {
                kinds[kind, default: RetrievalFigures()].add(ranked, judged: question.grades)
            }
        }
        return Row(name: variant.name, figures: figures, kinds: kinds)
    }

    private func memory(
        _ collection: String, _ settings: MemorySettings, _ weights: LexicalEncoder.Weights
    ) -> MemoryStore {
        MemoryStore(
            points: points, collection: collection, embedder: embedder,
            lexical: .bm25(LexicalEncoder(weights: weights)), settings: settings, now: { WallClock.microseconds() },
            random: { .random(in: .min ... .max) })
    }

    /// Stores every document, deletes what is to be deleted, and answers which id became which.
    private func fill(_ memory: MemoryStore) async throws -> [UUIDBytes: String] {
        var names: [UUIDBytes: String] = [:]
        for start in stride(from: 0, to: set.documents.count, by: 100) {
            let batch = set.documents[start..<min(set.documents.count, start + 100)]
            var request = StoreRequest(batch.map(\.item))
            request.deduplication.isEnabled = false
            let result = try await memory.store(request, context: CallContext(defaultScope: .empty))
            for (document, item) in zip(batch, result.items) {
                guard let id = item.id else {
                    throw ValidationError("document \(document.id) was refused: \(item.error?.message ?? "no reason")")
                }
                names[id] = document.id
            }
        }
        let deleted = Set(set.documents.filter(\.isDeleted).map(\.id))
        for (id, name) in names where deleted.contains(name) {
            _ = try await memory.callStatus(
                arguments: ["operation": "delete", "document_id": .string(id.description), "dry_run": false],
                context: CallContext(defaultScope: .empty))
        }
        return names
    }

    // MARK: Without the memory

    /// BM25 with its usual constants over title and text, the text's own vector, and both fused by reciprocal rank
    /// with k = 60 (Cormack, Clarke and Büttcher 2009, doi:10.1145/1571941.1572114).
    func plainRows() async throws -> [Row] {
        guard let embedder else { throw ValidationError("--baselines needs the built-in model") }
        var weights = LexicalEncoder.Weights()
        weights.k1 = 1.2
        weights.b = 0.75
        let encoder = LexicalEncoder(weights: weights)
        let texts = set.documents.map(\.text)
        let lengths = texts.map { encoder.length(of: $0) }
        let average = Float(lengths.reduce(0, +)) / Float(max(1, lengths.count))
        try await points.createCollection(
            "plain",
            schema: CollectionSchema(
                dense: ["text": DenseVectorSchema(dimension: embedder.identity.dimension, metric: .cosine)],
                sparse: ["lexical": SparseVectorSchema(usesIDF: true)], payloadIndexes: ["project": .keyword]))
        for start in stride(from: 0, to: texts.count, by: 100) {
            let range = (start..<min(texts.count, start + 100)).filter { !set.documents[$0].isDeleted }
            let vectors = try await embedder.embed(range.map { texts[$0] })
            let batch = try zip(range, vectors).map { i, vector in
                let sparse = encoder.encode(LexicalEncoder.Item(body: texts[i]), averageLength: average)
                return Point(
                    id: .number(UInt64(i)),
                    vectors: PointVectors(dense: ["text": vector], sparse: ["lexical": Self.sparse(sparse)]),
                    payload: try Payload(
                        text: JSONWriter.bytes([
                            "project": .string(set.documents[i].item.scope?.values["project"] ?? "")
                        ])))
            }
            try await points.upsert(batch, in: "plain")
        }
        return try await askPlain(encoder, embedder)
    }

    private static func sparse(_ entries: LexicalEncoder.Sparse) -> SparseVector {
        SparseVector(sorting: zip(entries.indices, entries.values).map { (index: $0, value: $1) })
    }

    private func askPlain(_ encoder: LexicalEncoder, _ embedder: RememberingEmbedder) async throws -> [Row] {
        var bm25 = RetrievalFigures(), dense = RetrievalFigures(), fused = RetrievalFigures()
        for question in set.questions {
            let vector = try await embedder.embed([question.text])[0]
            let sparse = Self.sparse(encoder.encode(query: question.text))
            let filter = try question.project.map {
                try Filter(must: [.match(path: "project", anyOf: [.keyword($0)])])
            }
            var queries = [PointQuery(target: .dense(name: "text", vector), filter: filter, limit: 100, isExact: true)]
            if sparse.count > 0 {
                queries.append(PointQuery(target: .sparse(name: "lexical", sparse), filter: filter, limit: 100))
            }
            let lists = try await points.query(queries, in: "plain").map { $0.map(\.id) }
            var scores: [PointID: Double] = [:]
            for list in lists {
                for (rank, id) in list.enumerated() { scores[id, default: 0] += 1 / Double(61 + rank) }
            }
            let both = scores.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }.map(\.key)
            dense.add(lists[0].prefix(10).compactMap(name), judged: question.grades)
            bm25.add((lists.dropFirst().first ?? []).prefix(10).compactMap(name), judged: question.grades)
            fused.add(both.prefix(10).compactMap(name), judged: question.grades)
        }
        return [
            Row(name: "plain-bm25", figures: bm25), Row(name: "plain-dense", figures: dense),
            Row(name: "plain-rrf", figures: fused),
        ]
    }

    private func name(_ id: PointID) -> String? {
        guard case .number(let number) = id, let i = Int(exactly: number) else { return nil }
        return set.documents[i].id
    }
}

/// An embedder that remembers: the same documents are encoded for several collections, and asked the same questions.
private final class RememberingEmbedder: Embedder {
    private let embedder: MiniLM
    private let known: Mutex<[String: [Float]]> = Mutex([:])

    init(_ embedder: MiniLM) { self.embedder = embedder }

    var identity: EmbedderIdentity { embedder.identity }

    func wordPieces(of text: String) -> WordPieceCount? { embedder.wordPieces(of: text) }

    func embed(_ texts: [String]) async throws -> [[Float]] {
        let unknown = known.withLock { known in Array(Set(texts.filter { known[$0] == nil })) }
        if !unknown.isEmpty {
            let vectors = try await embedder.embed(unknown)
            known.withLock { known in for (text, vector) in zip(unknown, vectors) { known[text] = vector } }
        }
        return known.withLock { known in texts.compactMap { known[$0] } }
    }
}
