/// Finds what a misspelled name was meant to be.
package enum Spelling {
    /// Names longer than this are not compared: the cost is the product of the lengths.
    private static let maximumLength = 64

    /// The candidate with the smallest distance, if it is small for the word's length: a third of it, at least 2.
    package static func nearest(to word: String, in candidates: [String]) -> String? {
        guard word.utf8.count <= maximumLength else { return nil }
        let folded = word.lowercased()
        let limit = max(2, folded.utf8.count / 3)
        let scored = candidates.map { ($0, distance(Array(folded.utf8), Array($0.lowercased().utf8))) }
        guard let best = scored.min(by: { $0.1 < $1.1 }), best.1 <= limit, best.1 < folded.utf8.count else {
            return nil
        }
        return best.0
    }

    /// Damerau's distance with adjacent transpositions (optimal string alignment).
    static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var beforeLast = [Int](repeating: 0, count: b.count + 1)
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1] + [Int](repeating: 0, count: b.count)
            for j in b.indices {
                row[j + 1] = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    row[j + 1] = min(row[j + 1], beforeLast[j - 1] + 1)
                }
            }
            beforeLast = last
            last = row
        }
        return last[b.count]
    }
}
