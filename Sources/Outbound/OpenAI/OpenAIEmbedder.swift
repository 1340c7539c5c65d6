import Embedding
import JSON

/// Embeddings from a service that speaks OpenAI's `POST /embeddings` (OpenAI, Ollama, vLLM, llama.cpp, …).
///
/// Texts go out in batches, one after another; answers are checked (count, order, dimension, finiteness) and scaled to
/// length 1. 429 and 5xx are tried again, as late as `Retry-After` asks. Neither the key nor any text of a request or
/// an answer enters an error message. Source: https://platform.openai.com/docs/api-reference/embeddings.
package struct OpenAIEmbedder: Embedder {
    package let identity: EmbedderIdentity
    private let settings: Settings
    private let client: OutboundClient

    /// - Throws: `EmbeddingError` with code `unavailable` when a setting is out of its limits.
    package init(settings: Settings, client: OutboundClient = OutboundClient()) throws(EmbeddingError) {
        try settings.validate()
        self.settings = settings
        self.client = client
        identity = EmbedderIdentity(
            name: settings.model, revision: settings.revision, dimension: settings.dimension)
    }

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

    /// The time limit of one request for each batch.
    package func patience(for count: Int) -> Duration? {
        settings.timeout * max(1, (count + settings.batchSize - 1) / settings.batchSize)
    }

    private func embed(batch: ArraySlice<String>) async throws(EmbeddingError) -> [[Float]] {
        var call = OutboundCall(url: settings.endpoint)
        call.method = "POST"
        call.headers = [("content-type", "application/json"), ("accept", "application/json")]
        if !settings.apiKey.isEmpty { call.headers.append(("authorization", "Bearer \(settings.apiKey)")) }
        call.body = payload(batch)
        call.timeout = settings.timeout
        call.mostAnswerBytes = Settings.mostAnswerBytes
        let answer: OutboundAnswer
        do throws(OutboundError) {
            answer = try await client.send(call)
        } catch {
            throw failure(error)
        }
        guard answer.status == 200 else { throw refusal(answer.status) }
        return try EmbeddingsAnswer.vectors(from: answer.body, count: batch.count, dimension: settings.dimension)
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

    private func failure(_ error: OutboundError) -> EmbeddingError {
        switch error.code {
        case .cancelled: Self.cancelled
        case .tooLarge:
            EmbeddingError(
                .invalidResponse,
                "The embedding service answered with more than \(Settings.mostAnswerBytes >> 20) MiB.")
        case .timeout:
            EmbeddingError(
                .timeout,
                "The embedding service did not answer within \(settings.timeout); raise the timeout or retry.",
                isRetryable: true)
        case .breakerOpen:
            EmbeddingError(.unavailable, "The embedding service is failing: \(error.message).", isRetryable: true)
        case .unreachable, .invalidAddress:
            EmbeddingError(
                .unavailable,
                "The embedding service at \(settings.host) cannot be reached; check the base URL and the network.",
                isRetryable: true)
        }
    }

    private func refusal(_ status: Int) -> EmbeddingError {
        let isPassing = RetryPolicy.isPassing(status: status)
        let advice =
            switch status {
            case 401, 403: "check the API key"
            case 404: "check the base URL and the model's name"
            case 429: "it limits the rate of requests; try later"
            case 400, 413, 422: "it does not accept the model, dimension or text"
            case 301, 302, 303, 307, 308: "it has moved; set the base URL to where it is now"
            default: isPassing ? "it is failing; try later" : "check the base URL"
            }
        return EmbeddingError(
            .unavailable, "The embedding service at \(settings.host) answered \(status): \(advice).",
            isRetryable: isPassing)
    }
}
