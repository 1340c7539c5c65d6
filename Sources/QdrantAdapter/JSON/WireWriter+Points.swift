import JSON
import VectorEngine

extension AnswerParts {
    /// `with_payload` and `with_vector` (or `with_vectors`).
    static func read(_ body: JSONValue, payload fallback: PayloadSelection) throws(QdrantFailure) -> AnswerParts {
        AnswerParts(
            payload: try PayloadSelection.read(body.optional("with_payload"), default: fallback),
            vectors: try VectorSelection.read(body.optional("with_vector") ?? body.optional("with_vectors")))
    }
}

extension VectorSelection {
    static func read(_ value: JSONValue?) throws(QdrantFailure) -> VectorSelection {
        switch value {
        case nil, .null: return .none
        case .bool(let flag): return flag ? .all : .none
        case .array(let names):
            return .names(
                try names.map { name throws(QdrantFailure) in
                    guard let text = name.stringValue else { throw mismatch }
                    return text
                })
        default: throw mismatch
        }
    }

    private static var mismatch: QdrantFailure {
        .format("data did not match any variant of untagged enum WithVector")
    }
}

extension PayloadSelection {
    static func read(_ value: JSONValue?, default fallback: PayloadSelection) throws(QdrantFailure) -> PayloadSelection
    {
        switch value {
        case nil, .null: return fallback
        case .bool(let flag): return flag ? .all : .none
        case .array(let keys): return .include(try paths(keys))
        case .object(let members):
            if let keys = members["include"]?.arrayValue { return .include(try paths(keys)) }
            if let keys = members["exclude"]?.arrayValue { return .exclude(try paths(keys)) }
            throw mismatch
        default: throw mismatch
        }
    }

    private static var mismatch: QdrantFailure {
        .format("data did not match any variant of untagged enum WithPayloadInterface")
    }

    private static func paths(_ keys: [JSONValue]) throws(QdrantFailure) -> [PayloadPath] {
        try keys.map { key throws(QdrantFailure) in
            guard let text = key.stringValue else { throw mismatch }
            return try WirePath.read(text)
        }
    }
}

extension WireWriter {
    /// The points of `rows` that still exist, as records or (with a score) scored points.
    mutating func points(_ rows: [AnswerRow], _ parts: AnswerParts, of target: CollectionMoment) throws {
        let isUnnamed = target.config.vectors[""] != nil
        list(try target.points(rows, parts)) { writer, point in
            writer.raw("{\"id\":")
            writer.id(point.id)
            if let score = point.score {
                writer.raw(",\"version\":")
                writer.integer(point.version)
                writer.raw(",\"score\":")
                writer.float(score)
            }
            if let payload = point.payload {
                writer.raw(",\"payload\":")
                writer.raw(payload)
            }
            if let vectors = point.vectors {
                writer.raw(",\"vector\":")
                writer.vectors(vectors, names: parts.vectors, isUnnamedOnly: isUnnamed)
            }
            if let order = point.order {
                writer.raw(",\"order_value\":")
                writer.json(order.json)
            }
            writer.raw("}")
        }
    }

    mutating func hits(_ hits: [Hit], _ parts: AnswerParts, of target: CollectionMoment, order: PayloadIndexKind?)
        throws
    {
        try points(target.rows(hits, order: order), parts, of: target)
    }
}
