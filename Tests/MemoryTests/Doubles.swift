import Embedding
import JSON
import Memory
import Synchronization
import VectorEngine

/// A deterministic embedder: each word adds one signed unit to the component its hash names.
struct WordHashEmbedder: Embedder {
    var identity = EmbedderIdentity(name: "word-hash", revision: "1", dimension: 64)
    var failure: EmbeddingError?

    func embed(_ texts: [String]) async throws -> [[Float]] {
        if let failure { throw failure }
        return texts.map(vector)
    }

    private func vector(of text: String) -> [Float] {
        var sum = [Float](repeating: 0, count: identity.dimension)
        sum[0] = 0.01
        for word in PlainWords.terms(of: text) {
            let hash = PlainWords.hash(word)
            sum[Int(hash % UInt32(identity.dimension))] += hash & 0x8000 == 0 ? 1 : -1
        }
        let norm = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return sum.map { $0 / norm }
    }
}

/// A stand-in for the analyser: lower-case letters and digits, a short stop list, no stemming; BM25 weights.
enum PlainWords {
    static let stopWords: Set<String> = ["the", "a", "an", "of", "is", "was", "did", "what", "who", "when", "in", "to"]

    static func terms(of text: String) -> [String] {
        text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init).filter { !stopWords.contains($0) }
    }

    /// FNV-1a, 32 bits.
    static func hash(_ word: String) -> UInt32 { word.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 } }

    static let encoding = LexicalEncoding(
        identity: "plain-words-1", terms: { terms(of: $0) },
        encodeItem: { fields, average in
            var weights: [UInt32: Double] = [:]
            for (text, weight) in [
                (fields.body, 1.0), (fields.title, 2), (fields.author, 2), (fields.date, 2), (fields.previous, 0.5),
                (fields.beforePrevious, 0.4),
            ] {
                for term in terms(of: text) { weights[hash(term), default: 0] += weight }
            }
            let length = weights.values.sorted().reduce(0, +)
            let scale = 0.9 * (1 - 0.4 + 0.4 * length / average)
            let entries = weights.map { (index: $0.key, value: Float($0.value * 1.9 / ($0.value + scale))) }
            return (SparseVector(sorting: entries), length)
        },
        encodeQuery: { text in SparseVector(sorting: terms(of: text).map { (index: hash($0), value: 1) }) })
}

/// A clock that a test moves, and counted randomness.
final class TestWorld: Sendable {
    /// 2026-01-31T12:00:00Z.
    static let start: Int64 = 1_769_860_800_000_000

    private let micros = Mutex(TestWorld.start)
    private let draws = Mutex<UInt64>(0)
    let points: DictionaryPointStore

    init(points: DictionaryPointStore = DictionaryPointStore()) { self.points = points }

    var now: Int64 { micros.withLock { $0 } }

    func advance(seconds: Int64) { micros.withLock { $0 += seconds * 1_000_000 } }

    /// A memory over `points`, or over this world's own store.
    func memory(
        over points: (any PointStore)? = nil, embedder: (any Embedder)? = WordHashEmbedder(),
        settings: MemorySettings = MemorySettings()
    ) -> MemoryStore {
        MemoryStore(
            points: points ?? self.points, embedder: embedder, lexical: PlainWords.encoding, settings: settings,
            now: { self.now },
            random: { self.draw() })
    }

    /// SplitMix64 (Steele, Lea, Flood 2014, DOI 10.1145/2660193.2660195).
    func draw() -> UInt64 {
        let seed = draws.withLock { draws in
            draws &+= 0x9E37_79B9_7F4A_7C15
            return draws
        }
        var z = (seed ^ (seed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension MemoryStore {
    /// Stores `items` as JSON and answers their results, after checking the whole answer against its schema.
    func storeItems(
        _ items: [JSONValue], _ more: JSONObject = [:], context: CallContext = CallContext()
    ) async throws -> [JSONValue] {
        var arguments = more
        arguments["items"] = .array(items)
        let answer = try await callStore(arguments: arguments, context: context)
        _ = try contract.store.result.checked(answer, at: "")
        return answer["items"]?.arrayValue ?? []
    }

    /// Finds, after checking the whole answer against its schema.
    func findItems(_ query: String, _ more: JSONObject = [:]) async throws -> JSONValue {
        var arguments = more
        arguments["query"] = .string(query)
        let answer = try await callFind(arguments: arguments, context: CallContext())
        _ = try contract.find.result.checked(answer, at: "")
        return answer
    }

    /// Runs a status operation, after checking the whole answer against its schema.
    func runStatus(_ operation: String, _ more: JSONObject = [:]) async throws -> JSONValue {
        var arguments = more
        arguments["operation"] = .string(operation)
        let answer = try await callStatus(arguments: arguments, context: CallContext())
        _ = try contract.status.result.checked(answer, at: "")
        return answer
    }
}

extension JSONValue {
    /// The string members called `name` of this array's elements.
    func strings(_ name: String) -> [String] { (arrayValue ?? []).compactMap { $0[name]?.stringValue } }
}
