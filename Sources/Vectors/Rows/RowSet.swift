/// A set of row offsets in one segment, as a bitmap: one bit a row, 64 rows a word.
package struct RowSet: Sendable, Equatable {
    /// Bit `r & 63` of word `r >> 6` says whether row `r` is a member. Bits beyond the last row are 0.
    package internal(set) var words: [UInt64] { didSet { (list, knownCount) = (nil, nil) } }
    /// The members in ascending order, if they have been listed and the set has not changed since.
    private(set) var list: [UInt32]?
    /// The number of members, if it has been counted and the set has not changed since.
    private(set) var knownCount: Int?

    package init() { words = [] }

    /// The empty set, with words for the rows `0..<rowCount`.
    package init(rowCount: Int) { words = Array(repeating: 0, count: (rowCount + 63) >> 6) }

    /// All rows `0..<rowCount`.
    package init(allOf rowCount: Int) {
        words = Array(repeating: ~0, count: (rowCount + 63) >> 6)
        if rowCount & 63 != 0 { words[words.count - 1] = (1 << UInt64(rowCount & 63)) - 1 }
    }

    package init(words: [UInt64]) { self.words = words }

    /// A set whose bits `fill` sets in zeroed words; for inserting many rows at once.
    package init(rowCount: Int, filling fill: (UnsafeMutableBufferPointer<UInt64>) -> Void) {
        words = Array(repeating: 0, count: (rowCount + 63) >> 6)
        words.withUnsafeMutableBufferPointer { fill($0) }
    }

    package static func == (a: RowSet, b: RowSet) -> Bool { a.words == b.words }

    /// Counts the members for later calls. Lists them too, if the list takes no more memory than the bits.
    package mutating func listMembers() {
        knownCount = count
        guard list == nil, count <= 2 * words.count else { return }
        list = RowSelection(rowCount: words.count << 6, allowed: self, deleted: nil).rows
    }

    @inlinable package func contains(_ row: Int) -> Bool {
        let word = row >> 6
        return word < words.count && words[word] & (1 << UInt64(row & 63)) != 0
    }

    package mutating func insert(_ row: Int) {
        let word = row >> 6
        if word >= words.count { words.append(contentsOf: repeatElement(0, count: word + 1 - words.count)) }
        words[word] |= 1 << UInt64(row & 63)
    }

    package mutating func remove(_ row: Int) {
        let word = row >> 6
        if word < words.count { words[word] &= ~(1 << UInt64(row & 63)) }
    }

    /// The number of members; costs one pass over the words unless it is known.
    package var count: Int { knownCount ?? words.reduce(0) { $0 + $1.nonzeroBitCount } }
    package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    package mutating func formUnion(_ other: RowSet) {
        if other.words.count > words.count {
            words.append(contentsOf: repeatElement(0, count: other.words.count - words.count))
        }
        for i in other.words.indices { words[i] |= other.words[i] }
    }

    package mutating func formIntersection(_ other: RowSet) {
        for i in words.indices { words[i] &= i < other.words.count ? other.words[i] : 0 }
    }

    package mutating func subtract(_ other: RowSet) {
        let left = list?.filter { !other.contains(Int($0)) }
        for i in 0..<min(words.count, other.words.count) { words[i] &= ~other.words[i] }
        list = left
    }

    /// Calls `body` with every member, ascending.
    @inlinable package func forEach(_ body: (Int) throws -> Void) rethrows {
        for (i, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                try body((i << 6) + rest.trailingZeroBitCount)
                rest &= rest - 1
            }
        }
    }
}
