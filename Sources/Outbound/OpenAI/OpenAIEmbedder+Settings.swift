import Embedding

extension OpenAIEmbedder {
    /// Where the service is, which model to ask for and how long to wait.
    package struct Settings: Sendable {
        package enum Encoding: String, Sendable {
            case float, base64
        }

        /// The largest answer that is read.
        package static let mostAnswerBytes = 64 << 20
        package static let dimensionLimit = 65_536
        package static let batchSizeLimit = 2_048

        /// For example `https://api.openai.com/v1`.
        package var baseURL: String
        /// Sent as a bearer token; none when empty.
        package var apiKey: String
        package var model: String
        /// What a collection records as the model's version.
        package var revision = "remote"
        package var dimension: Int
        package var batchSize = 25
        /// For one request, from connecting to the last byte.
        package var timeout: Duration = .seconds(10)
        /// base64 is a quarter of the bytes; `float` for services that do not know it.
        package var encoding = Encoding.float
        /// Sends `dimensions`, for models that can shorten their vectors.
        package var asksForDimension = false

        package init(baseURL: String, apiKey: String = "", model: String, dimension: Int) {
            self.baseURL = baseURL
            self.apiKey = apiKey
            self.model = model
            self.dimension = dimension
        }

        var endpoint: String {
            var base = Substring(baseURL)
            while base.last == "/" { base.removeLast() }
            return base + "/embeddings"
        }

        /// Host and port, for messages: a base URL may carry a user and a password before them.
        var host: String { OutboundCall(url: baseURL).host }

        func validate() throws(EmbeddingError) {
            func refuse(_ what: String) -> EmbeddingError {
                EmbeddingError(.unavailable, "The remote embedder's \(what).")
            }
            guard baseURL.hasPrefix("https://") || baseURL.hasPrefix("http://"), !host.isEmpty else {
                throw refuse("base URL must begin with https:// or http:// and name a host")
            }
            guard apiKey.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw refuse("API key holds a space or a character that no key has")
            }
            guard !model.isEmpty else { throw refuse("model has no name") }
            guard (1...Self.dimensionLimit).contains(dimension) else {
                throw refuse("dimension must be 1 to \(Self.dimensionLimit)")
            }
            guard (1...Self.batchSizeLimit).contains(batchSize) else {
                throw refuse("batch size must be 1 to \(Self.batchSizeLimit)")
            }
            guard timeout > .zero, timeout <= .seconds(3_600) else {
                throw refuse("timeout must be above 0 and at most an hour")
            }
        }
    }
}
