import Embedding
import Testing

@Suite(.enabled(if: MiniLM.isPresent, "run scripts/fetch-model.sh"))
struct MiniLMTests {
    @Test("Vectors agree with arithmetic in Double on every instruction set", arguments: MiniLM.instructionSets.indices)
    func vectors(table: Int) throws {
        let model = MiniLM(threads: 1, instructionSet: table)
        let cases = try Fixture.vectors()
        try #require(cases.count == 200)
        let found = try model.embedBlocking(cases.map(\.text))
        let cosines = zip(found, cases).map { cosine($0, $1.vector) }
        let least = cosines.min() ?? 0
        #expect(least >= 0.9995, "least cosine \(least) with \(MiniLM.instructionSets[table])")
    }

    @Test("Every vector has length 1")
    func lengths() throws {
        for vector in try MiniLM(threads: 1).embedBlocking(["", "x", "a longer text with several words"]) {
            #expect(vector.count == 384)
            #expect(abs(vector.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
        }
    }

    @Test("A vector does not depend on the other texts of its batch or on the number of threads")
    func batchesAndThreads() throws {
        let texts = (0..<60).map { index in
            Array(repeating: "word\(index) and more", count: 1 + index * 7 % 40).joined(separator: " ")
        }
        let alone = try texts.map { try MiniLM(threads: 1).embedBlocking([$0])[0] }
        #expect(try MiniLM(threads: 1).embedBlocking(texts) == alone)
        #expect(try MiniLM(threads: 3).embedBlocking(texts) == alone)
    }

    @Test("A known sentence gives the published numbers")
    func knownSentence() async throws {
        let vector = try await MiniLM().embed(["This is an example sentence"])[0]
        for (found, expected) in zip(vector, [0.067657, 0.063496, 0.048713, 0.079305] as [Float]) {
            #expect(abs(found - expected) < 1e-3)
        }
    }

    @Test("An empty batch gives an empty answer")
    func emptyBatch() async throws {
        #expect(try await MiniLM().embed([]).isEmpty)
    }

    @Test("A cancelled task stops embedding")
    func cancellation() async throws {
        let texts = Array(repeating: Array(repeating: "word", count: 250).joined(separator: " "), count: 2_000)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await MiniLM(threads: 1).embed(texts)
        }
        await #expect { try await task.value } throws: { ($0 as? EmbeddingError)?.code == .cancelled }
    }

    @Test("The identity has the model's name, the digest of its weights and its dimension")
    func identity() {
        let identity = MiniLM().identity
        #expect(identity.name == "all-MiniLM-L6-v2" && identity.dimension == 384)
        #expect(identity.revision.count == 12 && identity.revision != "none")
    }
}
