import AsyncHTTPClient
import Embedding

extension OpenAIEmbedder {
    /// An embedder with a client of its own, which `close()` ends.
    ///
    /// - Throws: `EmbeddingError` with code `unavailable` when a setting is out of its limits.
    package static func connected(_ settings: Settings) throws(EmbeddingError) -> OpenAIEmbedder {
        try settings.validate()
        return try OpenAIEmbedder(
            settings: settings,
            client: HTTPClient(eventLoopGroupProvider: .singleton, configuration: clientConfiguration))
    }
}
