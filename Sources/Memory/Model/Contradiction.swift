import JSON
import VectorEngine

/// Two memories that cannot both hold. It is told, and never keeps anything from being stored.
package struct Contradiction: Sendable, Equatable {
    package enum Reason: String, Sendable, CaseIterable {
        /// The same entity and attribute with another value.
        case value = "different_value"
        /// A near copy that denies it.
        case negation
        /// A word and its opposite in the same sentence.
        case opposite
        /// Two accepted decisions on one component.
        case decisions = "two_accepted_decisions"
        /// Two validities that overlap.
        case validity = "overlapping_validity"
    }

    package let inputIndex: Int
    package let reason: Reason
    /// The other item.
    package let other: UUIDBytes

    var json: JSONValue {
        [
            "input_index": .integer(Int64(inputIndex)), "type": .string(reason.rawValue),
            "memory_id": .string(other.description),
        ]
    }
}
