import AsyncHTTPClient
import Embedding
import JSON
import NIOCore
import NIOHTTP1

/// Embeddings from a service that speaks OpenAI's `POST /embeddings` (OpenAI, Ollama, vLLM, llama.cpp, …).
///
/// Texts go out in batches, one after another; answers are checked (count, order, dimension, finiteness) and scaled to
/// length 1. 429 and 5xx are tried again, as late as `Retry-After` asks. Neither the key nor any text of a request or
/// an answer enters an error message. Source: https://platform.openai.com/docs/api-reference/embeddings.
package struct OpenAIEmbedder: Embedder {
    package let identity: EmbedderIdentity
    private let settings: Settings
    private let client: HTTPClient
    private let sleep: @Sendable (Duration) async throws -> Void

    /// - Parameters:
    ///   - client: its owner shuts it down; see `clientConfiguration`.
    ///   - sleep: how to wait before another attempt.
    /// - Throws: `EmbeddingError` with code `unavailable` when a setting is out of its limits.
    package init(
        settings: Settings, client: HTTPClient,
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) throws(EmbeddingError) {
        try settings.validate()
        self.settings = settings
        self.client = client
        self.sleep = sleep
        identity = EmbedderIdentity(
            name: settings.model, revision: settings.revision, dimension: settings.dimension)
    }

    /// A client that follows no redirection, so that the key and the texts go where they were sent and nowhere else,
    /// and that tries for 3 seconds to connect.
    package static var clientConfiguration: HTTPClient.Configuration {
        HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: HTTPClient.Configuration.Timeout(connect: .seconds(3)))
    }

    /// Ends the client; nothing can be embedded afterwards.
    package func close() async throws { try await client.shutdown() }

    package func embed(_ texts: [String]) async throws -> [[Float]] {
        var vectors: [[Float]] = []
        vectors.reserveCapacity(texts.count)
        var start = 0
        while start < texts.count {
            if Task.isCancelled { throw Self.cancelled }
            let end = min(start + settings.batchSize, texts.count)
            vectors += try await embed(batch: texts[start..<end])
            start = end
        }
        return vectors
    }

    private func embed(batch: ArraySlice<String>) async throws(EmbeddingError) -> [[Float]] {
        var attempt = 1
        while true {
            let (status, headers, body) = try await send(batch)
            if status == .ok {
                return try EmbeddingsAnswer.vectors(from: body, count: batch.count, dimension: settings.dimension)
            }
            let isPassing = status == .tooManyRequests || status.code >= 500
            guard isPassing, attempt < Settings.mostAttempts else { throw refusal(status, isRetryable: isPassing) }
            let pause = Self.pause(before: attempt + 1, retryAfter: headers.first(name: "retry-after"))
            guard pause <= Settings.longestPause else { throw refusal(status, isRetryable: true) }
            do {
                try await sleep(pause)
            } catch {
                throw Self.cancelled
            }
            attempt += 1
        }
    }

    private func send(
        _ batch: ArraySlice<String>
    ) async throws(EmbeddingError) -> (HTTPResponseStatus, HTTPHeaders, [UInt8]) {
        var request = HTTPClientRequest(url: settings.endpoint)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.headers.add(name: "accept", value: "application/json")
        if !settings.apiKey.isEmpty { request.headers.add(name: "authorization", value: "Bearer \(settings.apiKey)") }
        request.body = .bytes(ByteBuffer(bytes: payload(batch)))
        do {
            let response = try await client.execute(request, timeout: TimeAmount(settings.timeout))
            let body = try await response.body.collect(upTo: Settings.mostAnswerBytes)
            return (response.status, response.headers, Array(body.readableBytesView))
        } catch {
            throw failure(error)
        }
    }

    private func payload(_ batch: ArraySlice<String>) -> [UInt8] {
        var members: JSONObject = [
            "model": .string(settings.model),
            // The service refuses an empty text; a space has no meaning either.
            "input": .array(batch.map { .string($0.isEmpty ? " " : $0) }),
            "encoding_format": .string(settings.encoding.rawValue),
        ]
        if settings.asksForDimension { members["dimensions"] = .integer(Int64(settings.dimension)) }
        return JSONWriter.bytes(.object(members))
    }

    // MARK: Failures

    private static var cancelled: EmbeddingError {
        EmbeddingError(.cancelled, "Embedding was cancelled.", isRetryable: true)
    }

    private func failure(_ error: any Error) -> EmbeddingError {
        if error is CancellationError || Task.isCancelled { return Self.cancelled }
        if error is NIOTooManyBytesError {
            return EmbeddingError(.invalidResponse, "The embedding service answered with more than 64 MB.")
        }
        switch error as? HTTPClientError {
        case .cancelled: return Self.cancelled
        case .deadlineExceeded, .readTimeout, .connectTimeout, .writeTimeout, .tlsHandshakeTimeout,
            .getConnectionFromPoolTimeout:
            return EmbeddingError(
                .timeout,
                "The embedding service did not answer within \(settings.timeout); raise the timeout or retry.",
                isRetryable: true)
        default:
            return EmbeddingError(
                .unavailable,
                "The embedding service at \(settings.host) cannot be reached; check the base URL and the network.",
                isRetryable: true)
        }
    }

    private func refusal(_ status: HTTPResponseStatus, isRetryable: Bool) -> EmbeddingError {
        let advice =
            switch status {
            case .unauthorized, .forbidden: "check the API key"
            case .notFound: "check the base URL and the model's name"
            case .tooManyRequests: "it limits the rate of requests; try later"
            case .badRequest, .payloadTooLarge, .unprocessableEntity: "it does not accept the model, dimension or text"
            case .movedPermanently, .found, .seeOther, .temporaryRedirect, .permanentRedirect:
                "it has moved; set the base URL to where it is now"
            default: isRetryable ? "it is failing; try later" : "check the base URL"
            }
        return EmbeddingError(
            .unavailable, "The embedding service at \(settings.host) answered \(status.code): \(advice).",
            isRetryable: isRetryable)
    }

    /// What `Retry-After` asks in seconds, else 1, 2, 4 … seconds. A date there is not read.
    static func pause(before attempt: Int, retryAfter: String?) -> Duration {
        if let seconds = retryAfter.flatMap({ Double($0) }), seconds.isFinite, seconds >= 0 {
            return .milliseconds(Int64(min(seconds, 86_400) * 1_000))
        }
        return .seconds(1 << min(attempt - 2, 4))
    }
}
