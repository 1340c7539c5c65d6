import VectorEngine

/// Paths into payloads as requests write them.
enum WirePath {
    static func read(_ text: String) throws(QdrantFailure) -> PayloadPath {
        do {
            return try PayloadPath(text)
        } catch {
            throw .format("Invalid json path: '\(text)'")
        }
    }
}
