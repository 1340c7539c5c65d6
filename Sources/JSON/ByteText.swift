// Equality of texts is equality of their UTF-8 bytes.
//
// Swift's `==`, `<` and hash treat canonically equivalent texts as equal: "é" as one letter and as "e" with an accent,
// the Ångström sign and "Å", a Hangul syllable and its letters. A store must not: what was written under one key would
// be found, replaced or deleted under another. Use these for every text that is stored or matched.

extension String {
    /// Whether both texts consist of the same UTF-8 bytes.
    package func hasSameBytes(as other: String) -> Bool {
        let (left, right) = (utf8, other.utf8)
        guard left.count == right.count else { return false }
        let isEqual = left.withContiguousStorageIfAvailable { left in
            right.withContiguousStorageIfAvailable { right in left.elementsEqual(right) }
        }
        return (isEqual ?? nil) ?? left.elementsEqual(right)
    }

    /// Whether this text comes before `other` in the order of their UTF-8 bytes, which is also that of their scalars.
    package func precedesInBytes(_ other: String) -> Bool {
        let precedes = utf8.withContiguousStorageIfAvailable { left in
            other.utf8.withContiguousStorageIfAvailable { right in left.lexicographicallyPrecedes(right) }
        }
        return (precedes ?? nil) ?? utf8.lexicographicallyPrecedes(other.utf8)
    }

    /// Feeds the UTF-8 bytes to `hasher`, with an end that no text contains.
    package func hashBytes(into hasher: inout Hasher) {
        var text = self
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(0xFF as UInt8)
    }
}

/// A text that is equal to another only when their UTF-8 bytes are equal, and that is sorted by them: the key of every
/// dictionary and set of stored or matched texts.
package struct ByteText: Hashable, Comparable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    package let text: String

    package init(_ text: String) { self.text = text }
    package init(stringLiteral text: String) { self.text = text }

    package var description: String { text }

    package static func == (left: ByteText, right: ByteText) -> Bool { left.text.hasSameBytes(as: right.text) }
    package static func < (left: ByteText, right: ByteText) -> Bool { left.text.precedesInBytes(right.text) }
    package func hash(into hasher: inout Hasher) { text.hashBytes(into: &hasher) }
}

extension Sequence<String> {
    /// Whether one of the texts has the same bytes as `text`.
    package func containsBytes(of text: String) -> Bool { contains { $0.hasSameBytes(as: text) } }

    /// The texts in the order of their UTF-8 bytes.
    package func sortedByBytes() -> [String] { sorted { $0.precedesInBytes($1) } }

    /// The texts without repetitions, in the order in which they first come.
    package func uniqueByBytes() -> [String] {
        var seen: Set<ByteText> = []
        return filter { seen.insert(ByteText($0)).inserted }
    }
}

/// Look-ups in dictionaries of stored or matched texts by plain text.
extension Dictionary where Key == ByteText {
    package subscript(text key: String) -> Value? {
        get { self[ByteText(key)] }
        set { self[ByteText(key)] = newValue }
    }

    package subscript(text key: String, default fallback: @autoclosure () -> Value) -> Value {
        get { self[ByteText(key), default: fallback()] }
        set { self[ByteText(key)] = newValue }
    }
}
