import Embedding
import JSON
import NIOHTTP1
import Outbound
import Synchronization
import Testing

struct OpenAIEmbedderTests {
    static let key = "sk-secret-key"

    /// Runs `body` against a service with the given answers, two dimensions, batches of 2; pauses are noted, not slept.
    /// A busy machine may take longer over an answer than the default time limit allows.
    private func with(
        _ answer: @escaping @Sendable (HTTPPeer.Request, Int) -> HTTPPeer.Answer,
        configure: (inout OpenAIEmbedder.Settings) -> Void = { _ in },
        body: (OpenAIEmbedder, HTTPPeer, Pauses) async throws -> Void
    ) async throws {
        let service = try await HTTPPeer.start(answer)
        var settings = OpenAIEmbedder.Settings(
            baseURL: "http://127.0.0.1:\(service.port)/v1/", apiKey: Self.key, model: "test-model", dimension: 2)
        settings.batchSize = 2
        settings.timeout = .seconds(3_600)
        configure(&settings)
        let pauses = Pauses()
        do {
            try await body(
                try OpenAIEmbedder(
                    settings: settings, client: OutboundClient(connections: .patient, sleep: pauses.note, jitter: { 1 })
                ),
                service, pauses)
        } catch {
            Issue.record(error)
        }
        try await service.stop()
    }

    final class Pauses: Sendable {
        let list = Mutex<[Duration]>([])

        @Sendable func note(_ pause: Duration) async throws { list.withLock { $0.append(pause) } }
    }

    /// The vector of a text is (3, its length in bytes).
    private static func good(_ request: HTTPPeer.Request) -> HTTPPeer.Answer {
        let texts = request.body["input"]?.arrayValue ?? []
        let entries = texts.enumerated().reversed().map { index, text in
            #"{"index":\#(index),"embedding":[3,\#(text.stringValue?.utf8.count ?? 0)]}"#
        }
        return .init(body: #"{"data":[\#(entries.joined(separator: ","))]}"#)
    }

    private func expect(
        _ code: EmbeddingError.Code, retryable: Bool, from answer: HTTPPeer.Answer,
        configure: (inout OpenAIEmbedder.Settings) -> Void = { _ in }, containing part: String = ""
    ) async throws {
        try await with({ _, _ in answer }, configure: configure) { embedder, _, _ in
            await #expect {
                try await embedder.embed(["a"])
            } throws: { error in
                guard let error = error as? EmbeddingError else { return false }
                return error.code == code && error.isRetryable == retryable
                    && (part.isEmpty || error.message.contains(part))
                    && !error.message.contains(Self.key) && !error.message.contains("private")
            }
        }
    }

    @Test func vectorsComeInTheOrderOfTheTextsWithLengthOne() async throws {
        try await with({ request, _ in Self.good(request) }) { embedder, service, _ in
            let vectors = try await embedder.embed(["aaaa", "", "bbbb", "cccc", "dddd"])
            let expected: [[Float]] = [[0.6, 0.8], [0.9486833, 0.31622776], [0.6, 0.8], [0.6, 0.8], [0.6, 0.8]]
            #expect(vectors == expected)
            #expect(service.requests.map { $0.body["input"]?.arrayValue?.count } == [2, 2, 1])
            let first = try #require(service.requests.first)
            #expect(first.head.uri == "/v1/embeddings" && first.head.method == .POST)
            #expect(first.head.headers["authorization"] == ["Bearer \(Self.key)"])
            #expect(first.body["model"] == .string("test-model") && first.body["encoding_format"] == .string("float"))
            #expect(embedder.identity == EmbedderIdentity(name: "test-model", revision: "remote", dimension: 2))
        }
    }

    @Test func nothingIsAskedForNoTexts() async throws {
        try await with({ request, _ in Self.good(request) }) { embedder, service, _ in
            let vectors = try await embedder.embed([])
            #expect(vectors.isEmpty)
            #expect(service.requests.isEmpty)
        }
    }

    @Test func base64IsReadAsLittleEndianFloats() async throws {
        // 3.0 and 4.0
        try await with({ _, _ in .init(body: #"{"data":[{"embedding":"AABAQAAAgEA="}]}"#) }) {
            $0.encoding = .base64
        } body: { embedder, _, _ in
            let vectors = try await embedder.embed(["a"])
            #expect(vectors == [[0.6, 0.8]])
        }
    }

    @Test(
        arguments: [
            "not json", "{}", #"{"data":[]}"#, #"{"data":[{"index":1,"embedding":[1,2]}]}"#,
            #"{"data":[{"index":0,"embedding":[1,"private"]}]}"#, #"{"data":[{"index":0}]}"#,
            #"{"data":[{"index":0,"embedding":[0,0]}]}"#, #"{"data":[{"index":0,"embedding":[1e300,1]}]}"#,
            #"{"data":[{"index":0,"embedding":"AABA*AAAgEA="}]}"#, #"{"data":[{"index":0,"embedding":"AAB"}]}"#,
            #"{"data":[{"index":9223372036854775807,"embedding":[1,2]}]}"#,
        ])
    func anAnswerThatBreaksTheProtocolIsRefused(body: String) async throws {
        try await expect(.invalidResponse, retryable: false, from: .init(body: body))
    }

    @Test func anotherDimensionIsNamed() async throws {
        try await expect(
            .invalidResponse, retryable: false, from: .init(body: #"{"data":[{"index":0,"embedding":[1,2,3]}]}"#),
            containing: "3 dimensions where 2")
    }

    @Test(arguments: [
        (401, false, "API key"), (403, false, "API key"), (404, false, "model"), (400, false, "400"),
        (302, false, "moved"),
        (429, true, "rate"), (500, true, "500"), (503, true, "503"),
    ])
    func aRefusalSaysWhatToDo(status: Int, retryable: Bool, part: String) async throws {
        let answer = HTTPPeer.Answer(
            status: HTTPResponseStatus(statusCode: status), headers: ["location": "http://127.0.0.1:1/"],
            body: #"{"error":{"message":"private \#(Self.key)"}}"#)
        try await expect(.unavailable, retryable: retryable, from: answer, containing: part)
    }

    @Test func aRateLimitIsWaitedForAsLongAsTheServiceAsks() async throws {
        try await with({ request, number in
            switch number {
            case 1: .init(status: .tooManyRequests, headers: ["retry-after": "7"])
            case 2: .init(status: .badGateway)
            default: Self.good(request)
            }
        }) { embedder, service, pauses in
            let vectors = try await embedder.embed(["aaaa"])
            #expect(vectors == [[0.6, 0.8]])
            #expect(service.requests.count == 3)
            #expect(pauses.list.withLock { $0 } == [.seconds(7), .seconds(2)])
        }
    }

    @Test func triesEndAfterFourAndLongPausesAreNotWaitedFor() async throws {
        try await with({ _, _ in .init(status: .tooManyRequests) }) { embedder, service, pauses in
            await #expect(throws: EmbeddingError.self) { try await embedder.embed(["a"]) }
            #expect(service.requests.count == 4)
            #expect(pauses.list.withLock { $0 } == [.seconds(1), .seconds(2), .seconds(4)])
        }
        try await with({ _, _ in .init(status: .tooManyRequests, headers: ["retry-after": "31"]) }) {
            embedder, service, _ in
            await #expect(throws: EmbeddingError.self) { try await embedder.embed(["a"]) }
            #expect(service.requests.count == 1)
        }
    }

    @Test func aServiceThatNeverAnswersIsATimeout() async throws {
        try await expect(.timeout, retryable: true, from: .init(body: nil)) { $0.timeout = .milliseconds(200) }
    }

    @Test func aServiceThatIsNotThereIsUnavailable() async throws {
        try await expect(.unavailable, retryable: true, from: .init()) {
            $0.baseURL = "http://user:private@127.0.0.1:1/v1"
        }
    }

    @Test func aCancelledTaskStopsWaiting() async throws {
        try await with({ _, _ in .init(body: nil) }) { embedder, _, _ in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await embedder.embed(["a"])
            }
            await #expect { try await task.value } throws: { ($0 as? EmbeddingError)?.code == .cancelled }
        }
    }

    @Test func settingsOutOfTheirLimitsAreRefused() {
        let changes: [(inout OpenAIEmbedder.Settings) -> Void] = [
            { $0.baseURL = "ftp://host" }, { $0.baseURL = "http:///v1" }, { $0.apiKey = "a\r\nb" }, { $0.model = "" },
            { $0.dimension = 0 }, { $0.dimension = 65_537 }, { $0.batchSize = 0 }, { $0.batchSize = 2_049 },
            { $0.timeout = .zero },
        ]
        for change in changes {
            var settings = OpenAIEmbedder.Settings(baseURL: "http://localhost", model: "m", dimension: 1)
            change(&settings)
            #expect(throws: EmbeddingError.self) { try OpenAIEmbedder(settings: settings) }
        }
    }
}
