/// Turns texts into dense vectors: the transformer inside the binary, or an OpenAI-compatible service.
package protocol Embedder: Sendable {
    /// The identity that a collection records, so that one index never holds vectors of two models.
    var identity: EmbedderIdentity { get }

    /// One unit vector of `identity.dimension` floats for each text, in order; long texts are truncated to the
    /// model's window. Cancelling the task stops between batches.
    ///
    /// - Throws: `EmbeddingError`.
    func embed(_ texts: [String]) async throws -> [[Float]]

    /// How long to wait for so many texts before going on without vectors; nil for as long as it takes.
    func patience(for count: Int) -> Duration?

    /// How the model's tokeniser cuts a text; nil where it is not known, as of a service.
    func wordPieces(of text: String) -> WordPieceCount?
}

extension Embedder {
    package func patience(for count: Int) -> Duration? { nil }
    package func wordPieces(of text: String) -> WordPieceCount? { nil }
}

/// Into how many pieces a tokeniser cuts the words of a text: about one each where the model knows them, and many where
/// the text is in a language or a notation that it does not know.
package struct WordPieceCount: Sendable, Equatable {
    /// Runs of letters and digits.
    package let words: Int
    /// Pieces with a letter or a digit.
    package let pieces: Int

    package init(words: Int, pieces: Int) {
        self.words = words
        self.pieces = pieces
    }
}

package struct EmbedderIdentity: Sendable, Equatable {
    /// The model's published name, for example `all-MiniLM-L6-v2`.
    package let name: String
    /// The digest of the weights, or the service's name for the model's version.
    package let revision: String
    package let dimension: Int

    package init(name: String, revision: String, dimension: Int) {
        self.name = name
        self.revision = revision
        self.dimension = dimension
    }
}

package struct EmbeddingError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The binary was built without a model.
        case noModel
        /// The embedded weights do not match the digests that the build recorded.
        case damagedModel
        case timeout
        /// The service refused or could not be reached.
        case unavailable
        /// The service's answer breaks its protocol.
        case invalidResponse
        case cancelled
    }

    package let code: Code
    /// What happened and what to do about it.
    package let message: String
    package let isRetryable: Bool

    package init(_ code: Code, _ message: String, isRetryable: Bool = false) {
        self.code = code
        self.message = message
        self.isRetryable = isRetryable
    }

    package var description: String { message }
}
