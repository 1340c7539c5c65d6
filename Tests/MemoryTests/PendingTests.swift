import Embedding
import JSON
import Memory
import Synchronization
import Testing
import VectorEngine

/// Answers, fails, or never answers.
final class MoodyEmbedder: Embedder {
    enum Mood: Sendable { case answers, fails, isSilent }

    private let inner = WordHashEmbedder()
    private let mood = Mutex(Mood.answers)
    var identity: EmbedderIdentity { inner.identity }

    func become(_ mood: Mood) { self.mood.withLock { $0 = mood } }

    func embed(_ texts: [String]) async throws -> [[Float]] {
        switch mood.withLock({ $0 }) {
        case .answers: return try await inner.embed(texts)
        case .fails: throw EmbeddingError(.unavailable, "the service is away", isRetryable: true)
        case .isSilent:
            // Until the waiting task gives up: nothing is ever sent.
            let (silence, sender) = AsyncStream<Void>.makeStream()
            for await _ in silence {}
            sender.finish()
            throw CancellationError()
        }
    }
}

@Suite struct PendingTests {
    let world = TestWorld()
    let embedder = MoodyEmbedder()

    private var memory: MemoryStore {
        var settings = MemorySettings()
        settings.embeddingPatience = .milliseconds(20)
        return world.memory(embedder: embedder, settings: settings)
    }

    private func vectors() -> [PointID: [Float]] {
        Dictionary(world.points.points().map { ($0.id, $0.vectors.dense["text"] ?? []) }) { first, _ in first }
    }

    @Test(
        "what is stored while the embedder fails or is silent is marked pending, found by words, and embedded later",
        arguments: [MoodyEmbedder.Mood.fails, .isSilent])
    func theMissingVectorsAreComputedLater(mood: MoodyEmbedder.Mood) async throws {
        let memory = memory
        let long = (0..<400).map { "the zebra of herd \($0) drinks." }.joined(separator: " ")
        let items: [JSONValue] = [
            ["kind": "todo", "content": "okapi", "source": ["session": "s"]],
            ["kind": "todo", "content": "quagga", "source": ["session": "s"]],
            ["kind": "section", "content": .string(long)],
        ]
        embedder.become(mood)
        let stored = try await memory.callStore(arguments: ["items": .array(items)], context: CallContext())
        #expect(stored["items"]?.strings("embedding") == ["pending", "pending", "pending"])
        #expect(stored["meta"]?["degraded"] == true && stored["meta"]?["degraded_reason"] != nil)
        let found = try await memory.findItems("okapi")
        #expect(found["items"]?.strings("content").first == "okapi" && found["meta"]?["degraded"] == true)
        #expect(vectors().values.allSatisfy { $0.isEmpty })
        #expect(try await memory.embedPending() == 0, "the embedder still does not answer")
        #expect(try await memory.runStatus("health")["health"]?["embedding_pending"] == 3)
        embedder.become(.answers)
        #expect(try await memory.embedPending() == 3)
        #expect(try await memory.embedPending() == 0)
        #expect(try await memory.runStatus("health")["health"]?["embedding_pending"] == nil)
        // As if the embedder had answered at once.
        let other = TestWorld()
        _ = try await other.memory().storeItems(items)
        let wanted = Dictionary(other.points.points().map { ($0.id, $0.vectors.dense["text"] ?? []) }) { a, _ in a }
        #expect(vectors() == wanted)
    }

    @Test("a search with a time limit answers by words when the embedder is silent")
    func theTimeLimitIsKept() async throws {
        let memory = world.memory(embedder: embedder)
        _ = try await memory.storeItems([["kind": "todo", "content": "okapi"]])
        embedder.become(.isSilent)
        let found = try await memory.findItems("okapi", ["optimization": ["timeout_ms": 50]])
        #expect(found["items"]?.arrayValue?.count == 1 && found["strategy"] == "fast")
        #expect(found["meta"]?["degraded_reason"]?.stringValue?.contains("did not answer") == true)
    }
}
