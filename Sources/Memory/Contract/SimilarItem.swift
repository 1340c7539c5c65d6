import JSON
import VectorEngine

/// A memory that a stored one resembles: both are kept, and the answer names it.
package struct SimilarItem: Sendable, Equatable {
    /// How many are named for one item, and how many characters of each text.
    static let limit = 3
    private static let shownCharacters = 200

    package let id: UUIDBytes
    /// The cosine of the two texts.
    package let similarity: Double
    /// The beginning of its text.
    package let text: String

    init(_ record: MemoryRecord, similarity: Double) {
        id = record.id
        self.similarity = min(1, max(0, similarity))
        let text = record.text
        let beginning = text.prefix(Self.shownCharacters)
        self.text = beginning.endIndex < text.endIndex ? beginning + "…" : text
    }

    /// Reads what ``json`` wrote.
    init?(_ value: JSONValue) {
        guard let id = value["id"]?.stringValue.flatMap({ UUIDBytes($0) }),
            let similarity = value["similarity"]?.doubleValue, let text = value["text"]?.stringValue
        else { return nil }
        (self.id, self.similarity, self.text) = (id, similarity, text)
    }

    var json: JSONValue {
        [
            "id": .string(id.description), "similarity": .number((similarity * 1000).rounded() / 1000),
            "text": .string(text),
        ]
    }
}
