import CModel
import CTransformer
import Dispatch
import Synchronization

/// all-MiniLM-L6-v2, inside the binary: 384 dimensions, a window of 256 tokens, no network, no file.
///
/// Creating a value costs nothing; the first `embed` checks the weights and builds the table of the vocabulary. The
/// work runs on Dispatch threads, never on Swift's cooperative threads. The same text gives the same vector in any
/// batch. On another processor the vector differs in its last few bits; if one of the two processors multiplies in
/// bfloat16, the cosine of the two vectors is above .9999.
package final class MiniLM: Embedder {
    package static let name = "all-MiniLM-L6-v2"
    /// The most tokens that go through the layers together: more tokens do not fit into the cache of a core.
    static let packTokens = 256
    /// One more thread is used for each of this many tokens.
    static let tokensPerThread = 1_024

    private struct Model: Sendable {
        let wordPiece: WordPiece
        let transformer: Transformer
    }

    private let threads: Int
    private let instructionSet: Int32
    private let model = Mutex<Result<Model, EmbeddingError>?>(nil)
    private let rooms = Mutex<[TransformerRoom]>([])

    /// - Parameters:
    ///   - threads: the most threads for a large batch; all cores if `nil`. A single text uses one.
    ///   - instructionSet: an index into the tables that this processor can run, 0 for the best (tests compare them).
    package init(threads: Int? = nil, instructionSet: Int = 0) {
        self.threads = max(1, threads ?? Int(ctransformer_processor_count()))
        precondition(
            (0..<Int(ctransformer_table_count())).contains(instructionSet), "this processor has no such instruction set"
        )
        self.instructionSet = Int32(instructionSet)
    }

    /// The instruction sets that this processor can run, the best first.
    package static var instructionSets: [String] {
        (0..<ctransformer_table_count()).compactMap { index in
            ctransformer_table(index).map { String(cString: $0.pointee.name) }
        }
    }

    /// Whether the binary was built with the model.
    package static var isPresent: Bool { cmodel_size() > 0 }

    /// Name, revision ("none" without a model) and dimension; reads 64 bytes of the model.
    package var identity: EmbedderIdentity {
        // `embed` reports a header that cannot be read; here such a model only has no revision.
        let revision = (try? ModelFile.revision(of: Self.blob)) ?? "none"
        return EmbedderIdentity(name: Self.name, revision: revision, dimension: Transformer.width)
    }

    private static var blob: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: cmodel_bytes(), count: cmodel_size())
    }

    /// The token ids of a text with [CLS] and [SEP], cut to the window.
    package func tokens(of text: String) throws(EmbeddingError) -> [Int32] {
        try loaded().wordPiece.encode(text, limit: Transformer.window)
    }

    /// The count of the text's beginning, as far as the window goes; nil where the model cannot be used, which `embed`
    /// reports.
    package func wordPieces(of text: String) -> WordPieceCount? {
        // `embed` says why the model cannot be used.
        (try? loaded())?.wordPiece.count(text, limit: Transformer.window)
    }

    package func embed(_ texts: [String]) async throws -> [[Float]] {
        guard !texts.isEmpty else { return [] }
        let job = EmbeddingJob(count: texts.count)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                DispatchQueue.global(qos: .userInitiated).async {
                    continuation.resume(with: Result { try self.run(texts, job) })
                }
            }
        } onCancel: {
            job.cancel()
        }
    }

    /// The same on the calling thread and its helper threads, for programs that are not asynchronous.
    package func embedBlocking(_ texts: [String]) throws(EmbeddingError) -> [[Float]] {
        try run(texts, EmbeddingJob(count: texts.count))
    }

    private func run(_ texts: [String], _ job: EmbeddingJob) throws(EmbeddingError) -> [[Float]] {
        let model = try loaded()
        var tokens: [(index: Int, ids: [Int32])] = []
        tokens.reserveCapacity(texts.count)
        for (index, text) in texts.enumerated() {
            if job.isCancelled { throw Self.cancelled }
            tokens.append((index, model.wordPiece.encode(text, limit: Transformer.window)))
        }
        tokens.sort { $0.ids.count > $1.ids.count }
        let plan = Plan(tokens)
        let workers = min(threads, plan.packs.count, 1 + plan.tokenCount / Self.tokensPerThread)
        DispatchQueue.concurrentPerform(iterations: workers) { _ in
            let room = takeRoom()
            while let pack = job.nextPack(of: plan.packs.count) {
                model.transformer.run(plan.texts[plan.packs[pack]], room: room) { position, vector in
                    job.store(Array(vector), at: plan.origins[position])
                }
            }
            rooms.withLock { $0.append(room) }
        }
        guard let vectors = job.finished() else { throw Self.cancelled }
        return vectors
    }

    private func takeRoom() -> TransformerRoom {
        rooms.withLock { $0.popLast() } ?? TransformerRoom(rows: max(Self.packTokens, Transformer.window))
    }

    /// The model, checked at the first call; a failure is remembered.
    private func loaded() throws(EmbeddingError) -> Model {
        try model.withLock { state throws(EmbeddingError) in
            if let state { return try state.get() }
            let result = Result { () throws(EmbeddingError) in try Self.load(instructionSet) }
            state = result
            return try result.get()
        }
    }

    private static func load(_ instructionSet: Int32) throws(EmbeddingError) -> Model {
        guard isPresent else {
            throw EmbeddingError(
                .noModel,
                "This binary was built without the model; run scripts/fetch-model.sh and build again, "
                    + "or set a remote embedder.")
        }
        let table = Mutex<Result<WordPiece, EmbeddingError>?>(nil)
        // Damaged bytes give a table too, but it is not used.
        let file = try ModelFile(blob) { file in
            let made = Result { () throws(EmbeddingError) in WordPiece(vocabulary: try file.bytes("vocabulary")) }
            table.withLock { $0 = made }
        }
        guard let wordPiece = try table.withLock({ $0 })?.get() else {
            preconditionFailure("the table of the vocabulary was not made during the check")
        }
        return Model(
            wordPiece: wordPiece,
            transformer: try Transformer(
                file, vocabularyCount: wordPiece.vocabularyCount, instructionSet: instructionSet))
    }

    private static var cancelled: EmbeddingError {
        EmbeddingError(.cancelled, "Embedding was cancelled.", isRetryable: true)
    }

    /// Texts in the order in which they are computed, long ones first, and the position at which each pack of at most
    /// `packTokens` begins.
    private struct Plan: Sendable {
        let texts: [[Int32]]
        let origins: [Int]
        let packs: [Range<Int>]
        let tokenCount: Int

        init(_ sorted: [(index: Int, ids: [Int32])]) {
            texts = sorted.map(\.ids)
            origins = sorted.map(\.index)
            var packs: [Range<Int>] = []
            var first = 0
            var size = 0
            var total = 0
            for (position, text) in texts.enumerated() {
                total += text.count
                if size + text.count > MiniLM.packTokens, position > first {
                    packs.append(first..<position)
                    first = position
                    size = 0
                }
                size += text.count
            }
            if first < texts.count { packs.append(first..<texts.count) }
            self.packs = packs
            tokenCount = total
        }
    }
}

/// The state that the threads of one call share: the next pack, the vectors so far, and whether to stop.
private final class EmbeddingJob: Sendable {
    private struct State {
        var next = 0
        var stored = 0
        var vectors: [[Float]]
    }

    private let state: Mutex<State>
    private let stop = Atomic<Bool>(false)

    init(count: Int) {
        state = Mutex(State(vectors: Array(repeating: [], count: count)))
    }

    var isCancelled: Bool { stop.load(ordering: .relaxed) }

    func cancel() { stop.store(true, ordering: .relaxed) }

    /// The next pack to compute; `nil` if none is left or the task was cancelled.
    func nextPack(of count: Int) -> Int? {
        guard !isCancelled else { return nil }
        return state.withLock { state in
            guard state.next < count else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }

    func store(_ vector: [Float], at index: Int) {
        state.withLock { state in
            state.vectors[index] = vector
            state.stored += 1
        }
    }

    /// All vectors, or `nil` if some are missing because the task was cancelled.
    func finished() -> [[Float]]? {
        state.withLock { $0.stored == $0.vectors.count ? $0.vectors : nil }
    }
}
