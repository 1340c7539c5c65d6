import JSON
import VectorEngine

/// Paths into payloads as requests write them.
enum WirePath {
    /// Steps of a path: no value lies deeper in a payload.
    static let maximumSteps = JSONParser.maximumDepth

    /// - Throws: 400 for a text that is no path, and for a path deeper than payloads may be.
    static func read(_ text: String) throws(QdrantFailure) -> PayloadPath {
        let path = try stored(text)
        guard path.steps.count <= maximumSteps else {
            throw .format("Invalid json path: it has \(path.steps.count) steps, must be at most \(maximumSteps)")
        }
        return path
    }

    /// A path that was read before, by this version or by an earlier one.
    static func stored(_ text: String) throws(QdrantFailure) -> PayloadPath {
        do {
            return try PayloadPath(text)
        } catch {
            throw .format("Invalid json path: '\(text)'")
        }
    }
}
