import Foundation
import GRDB

// Writes that depend on the stored point: the decision is taken inside the transaction, so that no other writer, of
// this process or of another, comes between the reading and the writing.

/// What becomes of one point.
package enum RevisedPoint: Sendable {
    /// It stays as it is (or absent).
    case unchanged
    case deleted
    /// Whole, replacing the stored point.
    case replaced(Point)
}

/// Decides about one point by its newest version (nil: there is none). Called inside a transaction: it must not block.
package typealias PointRevision = @Sendable (PointID, Point?) -> RevisedPoint

extension ChangeWriter {
    /// - Returns: whether the point was changed.
    mutating func revise(_ id: PointID, _ revision: PointRevision) throws -> Bool {
        switch revision(id, try point(id)) {
        case .unchanged: return false
        case .deleted: return try delete(id)
        case .replaced(let point):
            try upsert(point)
            return true
        }
    }
}
