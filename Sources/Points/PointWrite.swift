/// One write of a batch, see ``PointStore/apply(_:in:)``.
public struct PointWrite: Sendable, Equatable {
    public enum Change: Sendable, Equatable {
        /// Inserts or replaces whole points; of two with the same id the later counts.
        case upsert([Point])
        /// Merges the members into the payload of each selected point; a member with the value null is removed.
        case mergePayload(Payload, of: PointSelector)
        /// Deletes what is selected; ids that are not there are passed over.
        case delete(PointSelector)
    }

    /// What must be true of every point that a write touches, looked at in the write's own transaction and after the
    /// writes before it.
    public enum Precondition: Sendable, Equatable {
        /// There is no such point yet: an upsert only inserts.
        case absent
        /// The point was last written by this change (`UpdateReceipt.sequence`).
        case version(UInt64)
        /// There is such a point, and it passes the filter.
        case matches(Filter)
        /// No other point has one of the keywords that a written point has at these members. Only for upserts. A store
        /// that cannot look at other points inside a transaction keeps it by inserting, with each point, one whose id
        /// is the digest of member and keyword.
        case unique([PayloadPath])
    }

    public var change: Change
    public var precondition: Precondition?

    public init(_ change: Change, if precondition: Precondition? = nil) {
        self.change = change
        self.precondition = precondition
    }

    public static func upsert(_ points: [Point], if precondition: Precondition? = nil) -> PointWrite {
        PointWrite(.upsert(points), if: precondition)
    }

    public static func mergePayload(
        _ members: Payload, of selector: PointSelector, if precondition: Precondition? = nil
    ) -> PointWrite {
        PointWrite(.mergePayload(members, of: selector), if: precondition)
    }

    public static func delete(_ selector: PointSelector, if precondition: Precondition? = nil) -> PointWrite {
        PointWrite(.delete(selector), if: precondition)
    }
}

/// Batches of one write.
extension PointStore {
    /// Inserts or replaces whole points, all of them or (on an error) none; order within `points` counts.
    @discardableResult
    public func upsert(_ points: [Point], in collection: String) async throws -> UpdateReceipt {
        try await apply([.upsert(points)], in: collection)
    }

    /// Deletes what `selector` names; ids that are not there are passed over.
    @discardableResult
    public func delete(_ selector: PointSelector, in collection: String) async throws -> UpdateReceipt {
        try await apply([.delete(selector)], in: collection)
    }

    /// Merges `members` into the payload of each selected point; a member with the value null is removed.
    @discardableResult
    public func mergePayload(
        _ members: Payload, of selector: PointSelector, in collection: String
    ) async throws -> UpdateReceipt {
        try await apply([.mergePayload(members, of: selector)], in: collection)
    }
}
