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
    var id: PointID
    var score: Float?
    var order: JSONValue?
}

extension WireWriter {
    /// The points of `rows` that still exist, as records or (with a score) scored points.
    mutating func points(_ rows: [AnswerRow], _ parts: AnswerParts, of target: SearchableCollection) throws {
        var vectors: [PointID: PointVectors] = [:]
        if parts.vectors != .none {
            for point in try target.table.points(rows.map(\.id), .all) { vectors[point.id] = point.vectors }
        }
        let found: [(AnswerRow, Document)] = try target.table.use { documents in
            rows.compactMap { row in documents.document(row.id).map { (row, $0) } }
        }
        let isUnnamed = target.config.vectors[""] != nil
        list(found) { writer, entry in
            let (row, document) = entry
            writer.raw("{\"id\":")
            writer.id(document.id)
            if let score = row.score {
                writer.raw(",\"version\":")
                writer.integer(document.version)
                writer.raw(",\"score\":")
                writer.float(score)
            }
            if let payload = parts.payload.text(of: document.payload) {
                writer.raw(",\"payload\":")
                writer.raw(payload)
            }
            if parts.vectors != .none {
                writer.raw(",\"vector\":")
                writer.vectors(vectors[document.id] ?? PointVectors(), names: parts.vectors, isUnnamedOnly: isUnnamed)
            }
            if let order = row.order {
                writer.raw(",\"order_value\":")
                writer.json(order)
            }
            writer.raw("}")
        }
    }

    mutating func hits(_ hits: [Hit], _ parts: AnswerParts, of target: SearchableCollection, order: FieldIndexKind?)
        throws
    {
        let rows = hits.map { hit in
            AnswerRow(id: hit.id, score: hit.score, order: hit.order.map { OrderValue.json($0, order) })
        }
        try points(rows, parts, of: target)
    }
}

/// What a point was ordered by, as the wire shows it.
enum OrderValue {
    static func json(_ value: Double, _ kind: FieldIndexKind?) -> JSONValue {
        if kind == .integer || kind == .datetime, let whole = Int64(exactly: value) { return .integer(whole) }
        return .number(value)
    }
}
