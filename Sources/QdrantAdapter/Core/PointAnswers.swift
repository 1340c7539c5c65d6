import JSON
import VectorEngine

/// What of a point an answer carries.
struct AnswerParts: Sendable {
    var payload: PayloadSelection
    var vectors: VectorSelection

    /// `with_payload` and `with_vector` (or `with_vectors`).
    static func read(_ body: JSONValue, payload fallback: PayloadSelection) throws(QdrantFailure) -> AnswerParts {
        AnswerParts(
            payload: try PayloadSelection.read(body.optional("with_payload"), default: fallback),
            vectors: try VectorSelection.read(body.optional("with_vector") ?? body.optional("with_vectors")))
    }
}

/// A point of an answer: what is known of it besides its document.
struct AnswerRow: Sendable {
    var row: ViewRow
    var score: Float?
    var order: JSONValue?
}

extension WireWriter {
    /// The points of `rows` that still exist, as records or (with a score) scored points.
    mutating func points(_ rows: [AnswerRow], _ parts: AnswerParts, of target: CollectionMoment) throws {
        let view = target.view
        let vectors = parts.vectors != .none ? try view.vectors(rows.map(\.row)) : []
        var found: [(row: AnswerRow, payload: [UInt8]?, vectors: PointVectors)] = []
        for (i, row) in rows.enumerated() {
            var text: [UInt8]?
            if !parts.payload.isNone {
                // A damaged row is left out, and counted where damage is reported.
                guard let payload = try view.payload(row.row) else { continue }
                text = payload
            }
            guard parts.vectors != .none else {
                found.append((row, text, PointVectors()))
                continue
            }
            if let vectors = vectors[i] { found.append((row, text, vectors)) }
        }
        let isUnnamed = target.config.vectors[""] != nil
        list(found) { writer, entry in
            let (row, text, vectors) = entry
            writer.raw("{\"id\":")
            writer.id(view.id(row.row))
            if let score = row.score {
                writer.raw(",\"version\":")
                writer.integer(view.version(row.row))
                writer.raw(",\"score\":")
                writer.float(score)
            }
            if let text, let payload = parts.payload.text(of: text) {
                writer.raw(",\"payload\":")
                writer.raw(payload)
            }
            if parts.vectors != .none {
                writer.raw(",\"vector\":")
                writer.vectors(vectors, names: parts.vectors, isUnnamedOnly: isUnnamed)
            }
            if let order = row.order {
                writer.raw(",\"order_value\":")
                writer.json(order)
            }
            writer.raw("}")
        }
    }

    mutating func hits(_ hits: [Hit], _ parts: AnswerParts, of target: CollectionMoment, order: PayloadIndexKind?)
        throws
    {
        let rows = hits.map { hit in
            AnswerRow(row: hit.row, score: hit.score, order: hit.order.map { OrderValue.json($0, order) })
        }
        try points(rows, parts, of: target)
    }
}

/// What a point was ordered by, as the wire shows it.
enum OrderValue {
    static func json(_ value: Number, _ kind: PayloadIndexKind?) -> JSONValue {
        kind == .float ? .number(value.double) : value.json
    }
}
