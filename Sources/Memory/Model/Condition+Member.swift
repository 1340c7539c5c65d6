import VectorEngine

// Conditions on the members that a memory's payload has: their names are written in this program, so that they need no
// check.

extension Condition {
    /// One of `values` is at `member`.
    static func match(member: String, anyOf values: [MatchValue]) -> Condition {
        .field(PayloadPath(known: member), .anyOf(Set(values)))
    }

    /// A number in `range` is at `member`.
    static func range(member: String, _ range: NumericRange) -> Condition {
        .field(PayloadPath(known: member), .range(range))
    }

    /// Nothing is at `member`.
    static func isEmpty(member: String) -> Condition { .isEmpty(PayloadPath(known: member), true) }
}
