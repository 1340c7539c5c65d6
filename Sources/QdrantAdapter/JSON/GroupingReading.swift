import JSON
import VectorEngine

extension Grouping {
    init(_ body: JSONValue) throws(QdrantFailure) {
        guard let key = try body.string("group_by") else { throw .format("missing field `group_by`") }
        var validation = Validation()
        validation.length("group_by", key, from: 1)
        try validation.finish()
        self.init(
            path: try WirePath.read(key), groups: try body.limit("limit", default: 10),
            size: try body.limit("group_size", default: 3),
            lookup: try body.optional("with_lookup").map(Self.lookup))
    }

    private static func lookup(
        _ value: JSONValue
    ) throws(QdrantFailure) -> (collection: String, parts: AnswerParts) {
        if let name = value.stringValue { return (name, AnswerParts(payload: .all, vectors: .none)) }
        guard let name = try value.string("collection") else { throw .format("missing field `collection`") }
        return (name, try AnswerParts.read(value, payload: .all))
    }
}
