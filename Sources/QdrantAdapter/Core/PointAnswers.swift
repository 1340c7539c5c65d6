import VectorEngine

/// What of a point an answer carries.
struct AnswerParts: Sendable {
    var payload: PayloadSelection
    var vectors: VectorSelection
}

/// Which vectors an answer carries.
enum VectorSelection: Sendable, Equatable {
    case none
    case all
    case names([String])

    func contains(_ name: String) -> Bool {
        switch self {
        case .none: false
        case .all: true
        case .names(let names): names.containsBytes(of: name)
        }
    }
}

/// Which members of a payload an answer carries.
enum PayloadSelection: Sendable {
    case none
    case all
    case include([PayloadPath])
    case exclude([PayloadPath])

    var isNone: Bool { if case .none = self { true } else { false } }

    /// The chosen part of a payload's text; nil when none is asked.
    func text(of payload: [UInt8]) -> [UInt8]? {
        switch self {
        case .none: return nil
        case .all: return payload
        case .include(let paths): return PayloadProjection.including(paths, of: payload)
        case .exclude(let paths): return PayloadProjection.excluding(paths, of: payload)
        }
    }
}

/// A row of an answer, and what is known of it besides its point.
struct AnswerRow: Sendable {
    var row: ViewRow
    var score: Float?
    /// What it was ordered by.
    var order: Number?
}

/// A point of an answer, with what of it was asked for.
struct AnswerPoint: Sendable {
    var id: PointID
    /// 0 where there is no score: a record shows no version.
    var version: UInt64
    var score: Float?
    /// The chosen part of the payload as JSON text, as payloads are kept; nil when none was asked for.
    var payload: [UInt8]?
    /// All its vectors; nil when none were asked for.
    var vectors: PointVectors?
    var order: Number?
}

extension CollectionMoment {
    /// The points of `rows` that still exist.
    func points(_ rows: [AnswerRow], _ parts: AnswerParts) throws -> [AnswerPoint] {
        let vectors = parts.vectors != .none ? try view.vectors(rows.map(\.row)) : []
        var points: [AnswerPoint] = []
        points.reserveCapacity(rows.count)
        for (i, row) in rows.enumerated() {
            var point = AnswerPoint(
                id: view.id(row.row), version: row.score == nil ? 0 : view.version(row.row), score: row.score,
                order: row.order)
            if !parts.payload.isNone {
                // A damaged row is left out, and counted where damage is reported.
                guard let payload = try view.payload(row.row) else { continue }
                point.payload = parts.payload.text(of: payload)
            }
            if parts.vectors != .none {
                guard let own = vectors[i] else { continue }
                point.vectors = own
            }
            points.append(point)
        }
        return points
    }

    /// Hits as rows of an answer; `order` is the kind of the index that they were ordered by.
    func rows(_ hits: [Hit], order: PayloadIndexKind?, showsScores: Bool = true) -> [AnswerRow] {
        hits.map { hit in
            AnswerRow(
                row: hit.row, score: showsScores ? hit.score : nil,
                order: hit.order.map { order == .float ? .real($0.double) : $0 })
        }
    }
}
