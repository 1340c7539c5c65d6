import AsyncHTTPClient
import Serving
import VectorEngine

/// Which release of Qdrant's API is spoken.
package enum QdrantVersion {
    /// Clients compare the major and minor numbers with their own.
    package static let text = "1.19.0"
}
